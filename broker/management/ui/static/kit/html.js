// The one door to the vendored library. Text given to `html` becomes text nodes, never markup.
import { h } from "../vendor/preact.js";
import htm from "../vendor/htm.js";

export { render } from "../vendor/preact.js";
export { useEffect, useErrorBoundary, useRef, useState } from "../vendor/hooks.js";

export const html = htm.bind(h);

let ids = 0;

/** An id no other element has, for labels and descriptions. */
export function newId(prefix) {
  ids += 1;
  return `${prefix}-${ids}`;
}

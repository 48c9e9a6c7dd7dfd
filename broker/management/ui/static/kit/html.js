// The one door to the vendored library. Text given to `html` becomes text nodes, never markup.
export {
  html, render, useEffect, useErrorBoundary, useMemo, useRef, useState,
} from "../vendor/preact-htm.js";

let ids = 0;

/** An id no other element has, for labels and descriptions. */
export function newId(prefix) {
  ids += 1;
  return `${prefix}-${ids}`;
}

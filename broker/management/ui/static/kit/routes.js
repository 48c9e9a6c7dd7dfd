// The address after # as a place: parts of a path, and a query that holds filter, sorting and page.
import { Signal } from "./signal.js";

function parse() {
  const [path, query = ""] = location.hash.replace(/^#\/?/, "").split("?");
  return {
    parts: path.split("/").filter(Boolean).map(decode),
    path,
    query: Object.fromEntries(new URLSearchParams(query)),
  };
}

function decode(part) {
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}

export const place = new Signal(parse());
addEventListener("hashchange", () => place.set(parse()));

/** A link to a place: `href(["queues", vhost, name], {tab: "messages"})`. */
export function href(parts, query = {}) {
  const path = parts.map((part) => encodeURIComponent(part)).join("/");
  const entries = Object.entries(query).filter(([, value]) => value !== undefined && value !== null && value !== "");
  const text = new URLSearchParams(entries).toString();
  return `#/${path}${text ? `?${text}` : ""}`;
}

export function go(parts, query) {
  location.hash = href(parts, query);
}

/** Changes entries of the query in place; an empty value removes one. History keeps one entry per place. */
export function setQuery(changes) {
  const query = { ...place.value.query, ...changes };
  history.replaceState(null, "", href(place.value.parts, query));
  place.set(parse());
}

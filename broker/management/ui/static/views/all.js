// Every view, its place and who is offered it. A new view is a row here.
import { html } from "../kit/html.js";
import { Empty } from "../kit/notice.js";
import { href } from "../kit/routes.js";
import { Overview } from "./overview.js";
import { Queue } from "./queue.js";
import { Queues } from "./queues.js";

/** Rows: place, title in the navigation, list view, view of one thing, how many parts name one thing. */
const VIEWS = [
  { at: "overview", title: "Overview", View: Overview },
  { at: "queues", title: "Queues", View: Queues, One: Queue, byVhost: true },
];

const ADMIN = [];

const allowed = (rows, may) => rows.filter((row) => !row.needs || may[row.needs]);
export const links = (may) => allowed(VIEWS, may);
export const adminLinks = (may) => allowed(ADMIN, may);

/** The view of a place: its title, its component, and the subject whose change draws it anew. */
export function viewOf(parts) {
  const all = [...VIEWS, ...ADMIN];
  const path = parts.length ? parts : ["overview"];
  const row = all.find((one) => one.at === path.slice(0, one.at.split("/").length).join("/"));
  if (!row) return { title: "Not found", View: Unknown, subject: "unknown" };
  const rest = path.slice(row.at.split("/").length);
  if (!rest.length || !row.One) return { title: row.title, View: row.View, subject: row.at };
  return { title: `${rest.at(-1) || row.title}`, View: row.One, subject: path.join("/") };
}

function Unknown() {
  return html`<h1>Not found</h1><${Empty} title="There is no such view">
    <a href=${href(["overview"])}>Go to the overview</a><//>`;
}

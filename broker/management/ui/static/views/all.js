// Every view, its place and who is offered it. A new view is a row here.
import { html } from "../kit/html.js";
import { Empty } from "../kit/notice.js";
import { href } from "../kit/routes.js";
import { may } from "../kit/session.js";
import { Celery } from "./celery.js";
import { Channel, Channels } from "./channels.js";
import { Connection } from "./connection.js";
import { Connections } from "./connections.js";
import { DeadLetters } from "./deadletters.js";
import { Definitions } from "./definitions.js";
import { Exchange, Exchanges } from "./exchanges.js";
import { Held } from "./held.js";
import { Jobs } from "./jobs.js";
import { Limits } from "./limits.js";
import { Logs } from "./logs.js";
import { Overview } from "./overview.js";
import { Policies } from "./policies.js";
import { Queue } from "./queue.js";
import { Queues } from "./queues.js";
import { Trace } from "./trace.js";
import { User } from "./user.js";
import { Users } from "./users.js";
import { Vhost, Vhosts } from "./vhosts.js";

/** Rows: place, title in the navigation, view of the list, view of one thing, `needs` of session.may(). */
const VIEWS = [
  { at: "overview", title: "Overview", View: Overview },
  { at: "connections", title: "Connections", View: Connections, One: Connection, byVhost: true },
  { at: "channels", title: "Channels", View: Channels, One: Channel, byVhost: true },
  { at: "exchanges", title: "Exchanges", View: Exchanges, One: Exchange, byVhost: true },
  { at: "queues", title: "Queues", View: Queues, One: Queue, byVhost: true },
  { at: "celery", title: "Celery tasks", View: Celery, byVhost: true },
  { at: "deadletters", title: "Dead letters", View: DeadLetters, byVhost: true },
  { at: "held", title: "Delayed", View: Held, byVhost: true },
  { at: "jobs", title: "Jobs", View: Jobs, byVhost: true },
  { at: "trace", title: "Live trace", View: Trace, needs: "monitor" },
  { at: "logs", title: "Log", View: Logs, needs: "monitor" },
];

const ADMIN = [
  { at: "admin/users", title: "Users", View: Users, One: User, needs: "admin" },
  { at: "admin/vhosts", title: "Vhosts", View: Vhosts, One: Vhost, needs: "admin" },
  { at: "admin/policies", title: "Policies", View: Policies, needs: "policy" },
  { at: "admin/limits", title: "Limits", View: Limits, needs: "admin" },
  { at: "admin/definitions", title: "Definitions", View: Definitions, needs: "admin" },
];

const allowed = (rows, rights) => rows.filter((row) => !row.needs || rights[row.needs]);
export const links = (rights) => allowed(VIEWS, rights);
export const adminLinks = (rights) => allowed(ADMIN, rights);

/** The view of a place: its title, its component, and the subject whose change draws it anew. */
export function viewOf(parts) {
  const path = parts.length ? parts : ["overview"];
  const row = [...VIEWS, ...ADMIN].find((one) => one.at === path.slice(0, one.at.split("/").length).join("/"));
  if (!row) return { title: "Not found", View: Unknown, subject: "unknown" };
  if (row.needs && !may()[row.needs]) return { title: row.title, View: Forbidden, subject: row.at };
  const rest = path.slice(row.at.split("/").length);
  if (!rest.length || !row.One) return { title: row.title, View: row.View, subject: row.at };
  return { title: `${rest.at(-1) || row.title}`, View: row.One, subject: path.join("/") };
}

const home = html`<a href=${href(["overview"])}>Go to the overview</a>`;

function Unknown() {
  return html`<h1>Not found</h1><${Empty} title="There is no such view">${home}<//>`;
}

function Forbidden() {
  return html`<h1>Not for this user</h1><${Empty} title="Your user's tags do not allow this view">
    An administrator can change them. ${home}<//>`;
}

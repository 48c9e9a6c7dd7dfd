// Limits of vhosts and users: all of them, or those of one.
import { html } from "../kit/html.js";
import { api, get, put, remove } from "../kit/api.js";
import { number } from "../kit/format.js";
import { Form } from "../kit/form.js";
import { Awaited, Empty, note } from "../kit/notice.js";
import { refresh, usePoll } from "../kit/poll.js";
import { Table } from "../kit/table.js";
import { Card, ViewHead } from "../kit/view.js";
import { useVhosts } from "../kit/vhosts.js";

const KINDS = {
  vhost: { names: [["max-connections", "connections"], ["max-queues", "queues"]], key: "vhost" },
  user: { names: [["max-connections", "connections"], ["max-channels", "channels"]], key: "user" },
};

/** One row per limit from rows of one vhost or user each. */
const flat = (rows, key) => rows.flatMap((row) =>
  Object.entries(row.value ?? {}).map(([limit, value]) => ({ name: row[key] ?? row.name, limit, value })));

async function clear(kind, one) {
  await remove(api`${`${kind}-limits`}/${one.name}/${one.limit}`);
  note("The limit is lifted.");
  refresh();
}

/** Args: `kind` vhost or user; `name` of one, or undefined for all; `choices` of names in the form. */
export function LimitTable({ kind, name, choices = [] }) {
  const { names, key } = KINDS[kind];
  const path = name === undefined ? api`${`${kind}-limits`}` : api`${`${kind}-limits`}/${name}`;
  const state = usePoll((signal) => get(path, { signal }), path);
  const columns = [
    name === undefined && { key: "name", title: kind === "vhost" ? "Vhost" : "User" },
    { key: "limit", title: "Limit", draw: (one) => one.limit },
    { key: "value", title: "At most", num: true, draw: (one) => (one.value < 0 ? "no limit" : number(one.value)) },
    { key: "act", title: "Actions", unseen: true, draw: (one) => html`<button type="button" class="small danger"
      aria-label="Lift ${one.limit} of ${one.name}" onClick=${() => clear(kind, one).catch((problem) => note(problem.message, "warn"))}>Lift</button>` },
  ];
  const fields = [
    name === undefined && { name: "name", label: kind === "vhost" ? "Vhost" : "User", options: choices },
    { name: "limit", label: "Limit", options: names.map(([limit, title]) => [limit, `${title} (${limit})`]) },
    { name: "value", label: "At most", kind: "number", required: true },
  ].filter(Boolean);
  const act = (values) => put(api`${`${kind}-limits`}/${name ?? values.name}/${values.limit}`, { value: Number(values.value) });
  const done = () => {
    note("The limit is set.");
    refresh();
  };
  return html`<${Awaited} state=${state} doing="Reading the limits">${(rows) => html`<${Table} columns=${columns} items=${flat(rows, key)}
      keyOf=${(one) => `${one.name} ${one.limit}`} caption="Limits of ${kind}s" empty=${html`<${Empty} title="No limits are set" />`} />`}<//>
    ${(name !== undefined || choices.length > 0) && html`<${Form} key=${choices.length} fields=${fields} act=${act} word="Set ${kind} limit" onDone=${done} />`}`;
}

export function Limits() {
  const vhosts = useVhosts();
  const users = usePoll((signal) => get("/api/users", { signal }), "users");
  return html`<${ViewHead} title="Limits" />
    <${Card} title="Vhosts"><${LimitTable} kind="vhost" choices=${vhosts} /><//>
    <${Card} title="Users"><${LimitTable} kind="user" choices=${(users.data ?? []).map((one) => one.name)} /><//>`;
}

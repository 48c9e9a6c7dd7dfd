// The list of vhosts and the form that makes one; one vhost with permissions and limits.
import { html } from "../kit/html.js";
import { api, get, put, remove } from "../kit/api.js";
import { confirm } from "../kit/dialog.js";
import { bytes, number, short } from "../kit/format.js";
import { Fold, Form } from "../kit/form.js";
import { LocalList } from "../kit/list.js";
import { Awaited, note } from "../kit/notice.js";
import { refresh, usePoll } from "../kit/poll.js";
import { go, href } from "../kit/routes.js";
import { tagsOf } from "../kit/session.js";
import { Facts } from "../kit/table.js";
import { Card, ViewHead } from "../kit/view.js";
import { LimitTable } from "./limits.js";
import { Permissions, TopicPermissions } from "./permissions.js";

const COLUMNS = [
  { key: "name", title: "Name", sort: "name", draw: (one) => html`<a href=${href(["admin", "vhosts", one.name])}>${one.name}</a>` },
  { key: "description", title: "Description", draw: (one) => one.description ?? "" },
  { key: "tags", title: "Tags", draw: (one) => tagsOf(one.tags).join(", ") },
  { key: "ready", title: "Ready", num: true, sort: "messages_ready", draw: (one) => short(one.messages_ready ?? 0) },
  { key: "unacked", title: "Unacked", num: true, sort: "messages_unacknowledged", draw: (one) => short(one.messages_unacknowledged ?? 0) },
  { key: "total", title: "Total", num: true, sort: "messages", draw: (one) => short(one.messages ?? 0) },
];

export function Vhosts() {
  return html`<${ViewHead} title="Vhosts" />
    <${LocalList} read=${(signal) => get("/api/vhosts", { signal })} columns=${COLUMNS} keyOf=${(one) => one.name} caption="Vhosts" noun="vhost" defaults=${{ sort: "name" }} />
    <${Fold} title="Add a vhost"><${Add} /><//>`;
}

function Add() {
  const fields = [
    { name: "name", label: "Name", required: true },
    { name: "description", label: "Description" },
    { name: "tags", label: "Tags", hint: "Words separated by commas" },
  ];
  const act = ({ name, description, tags }) => put(api`vhosts/${name}`, { ...(description ? { description } : {}), ...(tags ? { tags } : {}) });
  const done = (_, values) => {
    note(`Vhost ${values.name} is there. You have all permissions in it; others need them.`);
    refresh();
  };
  return html`<${Form} fields=${fields} act=${act} word="Add vhost" onDone=${done} />`;
}

export function Vhost({ parts }) {
  const name = parts[2];
  const state = usePoll((signal) => get(api`vhosts/${name}`, { signal }), name);
  return html`<${ViewHead} title=${name} crumbs=${[["Vhosts", ["admin", "vhosts"]]]}>
      <a class="button" href=${href(["queues"], { vhost: name })}>Its queues</a>
      <button type="button" class="danger" onClick=${() => askDelete(name)}>Delete vhost</button><//>
    <${Awaited} state=${state} doing="Reading the vhost">${(one) => html`
      <${Card} title="About"><${Facts} label="About the vhost" rows=${[
        ["Description", one.description], ["Tags", tagsOf(one.tags).join(", ")], ["Kind of queues by default", one.default_queue_type !== "undefined" && one.default_queue_type],
        ["Ready", number(one.messages_ready ?? 0)], ["Unacked", number(one.messages_unacknowledged ?? 0)],
        ["Received", one.recv_oct !== undefined && bytes(one.recv_oct)], ["Sent", one.send_oct !== undefined && bytes(one.send_oct)],
      ]} /><//>`}<//>
    <${Card} title="Permissions"><${Permissions} path=${api`vhosts/${name}/permissions`} vhost=${name} /><//>
    <${Card} title="Topic permissions"><${TopicPermissions} path=${api`vhosts/${name}/topic-permissions`} vhost=${name} /><//>
    <${Card} title="Limits"><${LimitTable} kind="vhost" name=${name} /><//>`;
}

function askDelete(name) {
  confirm({
    title: `Delete the vhost ${name}?`,
    text: "All its queues with their messages, exchanges, bindings, policies and permissions are gone for good, and its connections are closed.",
    typed: name,
    word: "Delete vhost",
    act: async () => {
      await remove(api`vhosts/${name}`);
      note(`Vhost ${name} is deleted.`);
      refresh();
      go(["admin", "vhosts"]);
    },
  });
}

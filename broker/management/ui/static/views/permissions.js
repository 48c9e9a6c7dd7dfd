// Permissions and topic permissions, of one user or of one vhost: list, set, clear.
import { html } from "../kit/html.js";
import { api, get, put, remove } from "../kit/api.js";
import { confirm } from "../kit/dialog.js";
import { exchangeName } from "../kit/format.js";
import { Form } from "../kit/form.js";
import { Awaited, Empty, note } from "../kit/notice.js";
import { refresh, usePoll } from "../kit/poll.js";
import { href } from "../kit/routes.js";
import { Table } from "../kit/table.js";
import { useVhosts } from "../kit/vhosts.js";

const ALL = ".*";
const HINT = "A regular expression on names: .* is all, empty is none";

const done = (text) => () => {
  note(text);
  refresh();
};

/** The column that names the other side: the vhost of a user's permission, the user of a vhost's. */
const otherSide = (user) => (user !== undefined
  ? { key: "vhost", title: "Vhost", draw: (one) => html`<a href=${href(["admin", "vhosts", one.vhost])}>${one.vhost}</a>` }
  : { key: "user", title: "User", draw: (one) => html`<a href=${href(["admin", "users", one.user])}>${one.user}</a>` });

const pattern = (key, title, hint) => ({ key, title, hint, draw: (one) => html`<code>${one[key] === "" ? "(none)" : one[key]}</code>` });

const clearColumn = (kind, whatOf) => ({
  key: "act", title: "Actions", unseen: true,
  draw: (one) => html`<button type="button" class="small danger" aria-label="Clear ${kind} of ${one.user} in ${one.vhost}"
    onClick=${() => confirm({
      title: "Clear these permissions?", text: `${one.user} loses them in ${one.vhost}, open connections included.`, word: "Clear",
      act: async () => {
        await remove(whatOf(one));
        done("Cleared.")();
      },
    })}>Clear</button>`,
});

function sideFields(user, vhosts, users) {
  return user !== undefined
    ? { name: "vhost", label: "Vhost", options: vhosts.length ? vhosts : ["/"] }
    : { name: "user", label: "User", options: users };
}

/** Names of users; empty where they may not be read. */
function useUsers(wanted) {
  const state = usePoll((signal) => (wanted ? get("/api/users", { signal }) : Promise.resolve([])), wanted);
  return (state.data ?? []).map((one) => one.name);
}

/** Args: `path` of the list; `user` or `vhost` is the side that is given. */
export function Permissions({ path, user, vhost }) {
  const state = usePoll((signal) => get(path, { signal }), path);
  const vhosts = useVhosts();
  const users = useUsers(user === undefined);
  const columns = [
    otherSide(user),
    pattern("configure", "Configure", "Declare and delete queues and exchanges"),
    pattern("write", "Write", "Publish, and bind to"),
    pattern("read", "Read", "Consume, get, purge, and bind from"),
    clearColumn("permissions", (one) => api`permissions/${one.vhost}/${one.user}`),
  ];
  const fields = [
    sideFields(user, vhosts, users),
    ...["configure", "write", "read"].map((name) => ({ name, label: name[0].toUpperCase() + name.slice(1), initial: ALL, hint: HINT })),
  ];
  const act = ({ configure, write, read, ...side }) =>
    put(api`permissions/${vhost ?? side.vhost}/${user ?? side.user}`, { configure, write, read });
  return html`<${Awaited} state=${state} doing="Reading the permissions">${(rows) => html`<${Table} columns=${columns} items=${rows}
      keyOf=${(one) => `${one.vhost}\n${one.user}`} caption="Permissions"
      empty=${html`<${Empty} title="No permissions">${user !== undefined ? "This user cannot connect to any vhost." : "Nobody can connect to this vhost."}<//>`} />`}<//>
    ${(user !== undefined || users.length > 0) && html`<${Form} key=${`${vhosts.length} ${users.length}`} fields=${fields} act=${act}
      word="Set permissions" onDone=${done("The permissions are set.")} />`}`;
}

/** As `Permissions`, for routing keys of topic exchanges. */
export function TopicPermissions({ path, user, vhost }) {
  const state = usePoll((signal) => get(path, { signal }), path);
  const vhosts = useVhosts();
  const users = useUsers(user === undefined);
  const columns = [
    otherSide(user),
    { key: "exchange", title: "Exchange", draw: (one) => exchangeName(one.exchange) },
    pattern("write", "Write", "Routing keys that may be published with"),
    pattern("read", "Read", "Routing keys that may be bound with"),
    clearColumn("topic permissions", (one) => api`topic-permissions/${one.vhost}/${one.user}`),
  ];
  const fields = [
    sideFields(user, vhosts, users),
    { name: "exchange", label: "Topic exchange", required: true, placeholder: "amq.topic" },
    { name: "write", label: "Write", initial: ALL, hint: "On routing keys; {username} and {vhost} stand for the names" },
    { name: "read", label: "Read", initial: ALL, hint: "On routing keys; {username} and {vhost} stand for the names" },
  ];
  const act = ({ exchange, write, read, ...side }) =>
    put(api`topic-permissions/${vhost ?? side.vhost}/${user ?? side.user}`, { exchange, write, read });
  return html`<${Awaited} state=${state} doing="Reading the topic permissions">${(rows) => html`<${Table} columns=${columns} items=${rows}
      keyOf=${(one) => `${one.vhost}\n${one.user}\n${one.exchange}`} caption="Topic permissions"
      empty=${html`<${Empty} title="No topic permissions">All routing keys are allowed.<//>`} />`}<//>
    ${(user !== undefined || users.length > 0) && html`<${Form} key=${`${vhosts.length} ${users.length}`} fields=${fields} act=${act}
      word="Set topic permissions" onDone=${done("The topic permissions are set.")} />`}`;
}

// Policies and operator policies: list, set, clear.
import { html } from "../kit/html.js";
import { api, get, put, remove } from "../kit/api.js";
import { ArgumentList, ArgumentRows, tableOf } from "../kit/arguments.js";
import { confirm } from "../kit/dialog.js";
import { Fold, Form } from "../kit/form.js";
import { usePolicyKeys } from "../kit/known.js";
import { LocalList } from "../kit/list.js";
import { Empty, note } from "../kit/notice.js";
import { refresh } from "../kit/poll.js";
import { setQuery } from "../kit/routes.js";
import { may } from "../kit/session.js";
import { NO_VHOST, useVhosts } from "../kit/vhosts.js";
import { Tabs, ViewHead } from "../kit/view.js";

const KINDS = {
  policies: { title: "Policies", noun: "policy", a: "a policy", apply: ["queues", "classic_queues", "quorum_queues", "streams", "exchanges", "all"],
    about: "A policy gives settings to all queues or exchanges whose names match. The one with the highest priority counts." },
  "operator-policies": { title: "Operator policies", noun: "operator policy", a: "an operator policy", apply: ["queues", "classic_queues", "quorum_queues", "streams"],
    about: "Operator policies set bounds that policies and arguments cannot go beyond." },
};

export function Policies({ parts, query }) {
  const tab = query.tab === "operator-policies" ? "operator-policies" : "policies";
  const kind = KINDS[tab];
  const admin = may().admin;
  const editable = tab === "policies" ? may().policy : admin;
  const vhosts = useVhosts();
  return html`<${ViewHead} title="Policies" />
    <${Tabs} rows=${[["policies", "Policies"], ["operator-policies", "Operator policies"]]} parts=${parts} now=${tab} label="Kinds of policies" />
    <p class="muted">${kind.about}</p>
    <${LocalList} key=${tab} read=${(signal) => get(`/api/${tab}`, { signal })} readKey=${tab} columns=${columnsOf(tab, editable)}
      keyOf=${(one) => `${one.vhost}\n${one.name}`} caption=${kind.title} noun=${kind.noun} byVhost defaults=${{ sort: "name" }}
      empty=${html`<${Empty} title="None is set" />`} />
    ${editable && html`<${Fold} key=${tab} title="Set ${kind.a}"><${SetPolicy} key=${tab + vhosts.length} tab=${tab} kind=${kind} vhosts=${vhosts} /><//>`}`;
}

const columnsOf = (tab, editable) => [
  { key: "name", title: "Name", sort: "name" },
  { key: "vhost", title: "Vhost", sort: "vhost" },
  { key: "pattern", title: "Pattern", sort: "pattern", draw: (one) => html`<code>${one.pattern}</code>` },
  { key: "apply-to", title: "Applies to", sort: "apply-to" },
  { key: "definition", title: "Definition", draw: (one) => html`<${ArgumentList} table=${one.definition} />` },
  { key: "priority", title: "Priority", num: true, sort: "priority" },
  editable && { key: "act", title: "Actions", unseen: true, draw: (one) => html`<button type="button" class="small danger"
    aria-label="Clear ${one.name}" onClick=${() => askClear(tab, one)}>Clear</button>` },
];

function askClear(tab, one) {
  confirm({
    title: `Clear ${one.name}?`, text: `What matches ${one.pattern} in ${one.vhost} loses its settings at once.`, word: "Clear",
    act: async () => {
      await remove(api`${tab}/${one.vhost}/${one.name}`);
      note(`${one.name} is cleared.`);
      refresh();
    },
  });
}

function SetPolicy({ tab, kind, vhosts }) {
  const keys = usePolicyKeys(tab !== "policies");
  const fields = [
    vhosts.length > 1 && { name: "vhost", label: "Vhost", options: vhosts },
    { name: "name", label: "Name", required: true, hint: "An existing one is replaced" },
    { name: "pattern", label: "Pattern", required: true, hint: "A regular expression on names, such as ^work\\." },
    { name: "apply", label: "Applies to", options: kind.apply },
    { name: "priority", label: "Priority", kind: "number", initial: "0" },
    { name: "rows", label: "Definition", kind: "custom", initial: [],
      render: (rows, set) => html`<${ArgumentRows} rows=${rows} set=${set} known=${keys} of="setting" />` },
  ].filter(Boolean);
  const act = ({ vhost, name, pattern, apply, priority, rows }) => put(api`${tab}/${vhost ?? vhosts[0] ?? "/"}/${name}`,
    { pattern, "apply-to": apply, priority: Number(priority), definition: tableOf(rows) });
  const done = (_, values) => {
    note(`${values.name} is set.`);
    setQuery({ page: "" });
    refresh();
  };
  if (!vhosts.length) return NO_VHOST;
  return html`<${Form} fields=${fields} act=${act} word="Set ${kind.noun}" onDone=${done} />`;
}

// The list of exchanges and the form that makes one; one exchange with bindings, publish, delete.
import { html } from "../kit/html.js";
import { api, get, put, remove, withQuery } from "../kit/api.js";
import { ArgumentList, ArgumentRows, inLine, tableOf } from "../kit/arguments.js";
import { Chart, RangeChoice } from "../kit/chart.js";
import { confirm } from "../kit/dialog.js";
import { exchangeName, rate, short, yesNo } from "../kit/format.js";
import { Fold, Form } from "../kit/form.js";
import { useArguments, useExchangeTypes } from "../kit/known.js";
import { ServerList } from "../kit/list.js";
import { Awaited, Empty, note } from "../kit/notice.js";
import { refresh, usePoll } from "../kit/poll.js";
import { go } from "../kit/routes.js";
import { rangeQuery, rates } from "../kit/samples.js";
import { Facts, Mark } from "../kit/table.js";
import { NO_VHOST, useVhosts } from "../kit/vhosts.js";
import { Card, ExchangeLink, Tabs, ViewHead } from "../kit/view.js";
import { AddBinding, BindingTable } from "./bindings.js";
import { dedupFact } from "./dedup.js";
import { Publish } from "./publish.js";

const TABS = [["bindings", "Bindings"], ["publish", "Publish"]];
const DEFAULT_NAME = "amq.default";

function Features({ exchange }) {
  const given = exchange.arguments ?? {};
  return html`<span>
    ${exchange.durable && html`<${Mark} text="D" title="Durable: survives a restart" />`}
    ${exchange.auto_delete && html`<${Mark} text="AD" title="Auto-delete: goes with its last binding" />`}
    ${exchange.internal && html`<${Mark} text="I" title="Internal: clients cannot publish to it" />`}
    ${given["alternate-exchange"] !== undefined && html`<${Mark} text="AE" title="What no binding takes goes to ${given["alternate-exchange"]}" />`}
    ${Object.keys(given).length > 0 && html`<${Mark} text="Args" title=${inLine(given)} />`}
  </span>`;
}

const speed = (key) => (one) => {
  const value = one.message_stats?.[`${key}_details`]?.rate;
  return value === undefined ? "" : short(value);
};

const COLUMNS = [
  { key: "name", title: "Name", sort: "name", draw: (one) => html`<${ExchangeLink} ...${one} />` },
  { key: "vhost", title: "Vhost", sort: "vhost" },
  { key: "type", title: "Type", sort: "type" },
  { key: "features", title: "Features", draw: (one) => html`<${Features} exchange=${one} />` },
  { key: "policy", title: "Policy", sort: "policy", draw: (one) => one.policy ?? "" },
  { key: "in", title: "In/s", num: true, sort: "message_stats.publish_in_details.rate", draw: speed("publish_in") },
  { key: "out", title: "Out/s", hint: "Messages that went on to queues", num: true, sort: "message_stats.publish_out_details.rate", draw: speed("publish_out") },
];

export function Exchanges() {
  const many = useVhosts().length > 1;
  return html`<${ViewHead} title="Exchanges" />
    <${ServerList} pathOf=${(vhost) => (vhost ? api`exchanges/${vhost}` : "/api/exchanges")} byVhost
      columns=${COLUMNS.filter((column) => many || column.key !== "vhost")} caption="Exchanges" noun="exchange"
      keyOf=${(one) => `${one.vhost}\n${one.name}`} defaults=${{ sort: "name" }}
      empty=${html`<${Empty} title="You may see no exchange">Your user has no permissions in any vhost.<//>`} />
    <${Fold} title="Create an exchange"><${Create} /><//>`;
}

function Create() {
  const vhosts = useVhosts();
  const types = useExchangeTypes();
  const known = useArguments("exchange");
  const fields = [
    vhosts.length > 1 && { name: "vhost", label: "Vhost", options: vhosts },
    { name: "name", label: "Name", required: true },
    { name: "type", label: "Type", options: types.map(([name]) => name), hint: ({ type }) => types.find(([name]) => name === type)?.[1] },
    { name: "durable", label: "Durability", options: [["yes", "durable"], ["no", "transient"]] },
    { name: "auto_delete", label: "Auto-delete", kind: "checkbox", hint: "Goes with its last binding" },
    { name: "internal", label: "Internal", kind: "checkbox", hint: "Only other exchanges send to it" },
    { name: "rows", label: "Arguments", kind: "custom", initial: [],
      render: (rows, set) => html`<${ArgumentRows} rows=${rows} set=${set} known=${known} />` },
  ].filter(Boolean);
  const act = ({ vhost, name, type, durable, auto_delete, internal, rows }) =>
    put(api`exchanges/${vhost ?? vhosts[0] ?? "/"}/${name}`, { type, durable: durable === "yes", auto_delete, internal, arguments: tableOf(rows) });
  const done = (_, values) => {
    note(`Exchange ${values.name} is there.`);
    refresh();
  };
  if (!vhosts.length) return NO_VHOST;
  return html`<${Form} key=${vhosts.length} fields=${fields} act=${act} word="Create exchange" onDone=${done} />`;
}

export function Exchange({ parts, query }) {
  const [, vhost, name = ""] = parts;
  const range = query.range ?? "minute";
  const named = name === "" ? DEFAULT_NAME : name;
  const path = withQuery(api`exchanges/${vhost}/${named}`, rangeQuery(range, ["msg_rates"]));
  const state = usePoll((signal) => get(path, { signal }), path);
  const fixed = name === "" || name.startsWith("amq.");
  const tab = query.tab ?? "bindings";
  return html`<${ViewHead} title=${exchangeName(name)} of=${vhost === "/" ? "" : `in ${vhost}`} crumbs=${[["Exchanges", ["exchanges"]]]}>
      ${state.data && html`<${Features} exchange=${state.data} />`}<${RangeChoice} value=${range} />
      ${!fixed && html`<button type="button" class="danger" onClick=${() => askDelete(vhost, name)}>Delete</button>`}<//>
    <${Awaited} state=${state} doing="Reading the exchange">${(one) => html`<div class="grid-2">
      <${Card}><${Chart} title="Message rates" series=${seriesOf(one.message_stats)} format=${rate} empty="Nothing has been published here yet." /><//>
      <${Card} title="About"><${Facts} label="About the exchange" rows=${aboutOf(one)} /><//></div>`}<//>
    <${Tabs} rows=${TABS} parts=${parts} now=${tab} label="Parts of the exchange" />
    ${tab === "publish"
      ? html`<${Card} title="Publish to this exchange"><${Publish} vhost=${vhost} exchange=${name} /><//>`
      : name === "" ? html`<${Empty} title="The default exchange needs no bindings">A message goes to the queue whose name is its routing key.<//>`
        : html`<${BindingTable} path=${api`exchanges/${vhost}/${name}/bindings/source`} end="destination" caption="Bindings from ${name}" />
          <${AddBinding} vhost=${vhost} exchange=${name} />
          <h2 class="apart">Bound to</h2><${BindingTable} path=${api`exchanges/${vhost}/${name}/bindings/destination`} end="source" caption="Bindings to ${name}" />`}`;
}

const seriesOf = (stats) => [["publish_in", "In"], ["publish_out", "Out"]].filter(([key]) => stats?.[key] !== undefined)
  .map(([key, title]) => ({ name: title, points: rates(stats[`${key}_details`]), now: stats[`${key}_details`]?.rate }));

const aboutOf = (one) => [
  ["Type", one.type], ["Durable", yesNo(one.durable)], ["Auto-delete", yesNo(one.auto_delete)], ["Internal", yesNo(one.internal)],
  ["Policy", one.policy], ["Arguments", html`<${ArgumentList} table=${one.arguments} />`],
  dedupFact({ of: "exchanges", vhost: one.vhost, name: one.name, found: one.deduplication }),
];

function askDelete(vhost, name) {
  confirm({
    title: `Delete ${name}?`,
    text: "The exchange and its bindings are gone. Who publishes to it after that gets an error.",
    word: "Delete exchange",
    act: async () => {
      await remove(api`exchanges/${vhost}/${name}`);
      note(`Exchange ${name} is deleted.`);
      go(["exchanges"]);
    },
  });
}

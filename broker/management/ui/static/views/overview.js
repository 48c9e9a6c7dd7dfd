// The overview: totals, charts, the node, listeners, churn.
import { html } from "../kit/html.js";
import { get, withQuery } from "../kit/api.js";
import { Chart, Meter, RangeChoice } from "../kit/chart.js";
import { bytes, duration, number, rate, short } from "../kit/format.js";
import { Awaited } from "../kit/notice.js";
import { usePoll } from "../kit/poll.js";
import { href } from "../kit/routes.js";
import { lengthSeries, rangeQuery, rateSeries } from "../kit/samples.js";
import { may } from "../kit/session.js";
import { Facts, Table } from "../kit/table.js";
import { Card, Tile, ViewHead } from "../kit/view.js";

const CHURN = [
  ["connection_created", "Connections opened"], ["connection_closed", "Connections closed"],
  ["channel_created", "Channels opened"], ["channel_closed", "Channels closed"],
  ["queue_declared", "Queues declared"], ["queue_created", "Queues created"], ["queue_deleted", "Queues deleted"],
];

export function Overview({ query }) {
  const range = query.range ?? "minute";
  const path = withQuery("/api/overview", rangeQuery(range, ["lengths", "msg_rates"]));
  const state = usePoll((signal) => get(path, { signal }), path);
  return html`<${ViewHead} title="Overview" of=${state.data?.cluster_name}><${RangeChoice} value=${range} /><//>
    <${Awaited} state=${state} doing="Reading the overview">${(data) => html`<${Totals} data=${data} />
      ${may().monitor && html`<${Nodes} />`}
      <div class="grid-2">
        ${may().monitor && html`<${Listeners} rows=${data.listeners ?? []} />`}
        <${Churn} rates=${data.churn_rates} />
      </div>
      <p class="muted">Leveret ${data.leveret_version ?? data.product_version}, serving the HTTP API of RabbitMQ ${data.rabbitmq_version}.
        ${may().admin && html` <a href=${href(["admin", "definitions"])}>Export or import definitions</a>`}</p>`}<//>`;
}

function Totals({ data }) {
  const totals = data.object_totals ?? {};
  const queues = data.queue_totals ?? {};
  const stats = data.message_stats ?? {};
  return html`<div class="tiles">
      <${Tile} value=${short(queues.messages_ready ?? 0)} title="ready" hint="Messages waiting for a consumer" />
      <${Tile} value=${short(queues.messages_unacknowledged ?? 0)} title="unacked" hint="Messages that consumers have and have not acknowledged" />
      <${Tile} value=${rate(stats.publish_details?.rate ?? 0)} title="published" />
      <${Tile} value=${rate(stats.deliver_get_details?.rate ?? 0)} title="delivered" />
    </div>
    <div class="tiles">
      <${Tile} value=${number(totals.connections)} title="connections" to=${href(["connections"])} />
      <${Tile} value=${number(totals.channels)} title="channels" to=${href(["channels"])} />
      <${Tile} value=${number(totals.consumers)} title="consumers" />
      <${Tile} value=${number(totals.exchanges)} title="exchanges" to=${href(["exchanges"])} />
      <${Tile} value=${number(totals.queues)} title="queues" to=${href(["queues"])} />
    </div>
    <div class="grid-2">
      <${Card}><${Chart} title="Queued messages" series=${lengthSeries(queues)} empty="No queue has held a message yet." /><//>
      <${Card}><${Chart} title="Message rates" series=${rateSeries(stats)} format=${rate}
        empty="No message has passed yet. Rates appear with the first publish." /><//>
    </div>`;
}

function Nodes() {
  const state = usePoll((signal) => get("/api/nodes", { signal }), "nodes");
  return html`<${Awaited} state=${state} doing="Reading the node">${(nodes) => nodes.map((node) => html`<${Node} node=${node} key=${node.name} />`)}<//>`;
}

function Node({ node }) {
  const memory = { low: 0.8, high: 1, format: bytes };
  const free = node.disk_free;
  return html`<${Card} title="Node" tools=${html`<span class="muted">${node.name}</span>`}>
    <${Alarms} node=${node} />
    <div class="grid-2">
      <div>
        <${Meter} label="Memory" value=${node.mem_used} limit=${node.mem_limit} ...${memory} />
        <${Meter} label="Open files" value=${node.fd_used} limit=${node.fd_total} low=${0.8} high=${0.95} format=${number} />
        ${node.sockets_total > 0 && html`<${Meter} label="Sockets" value=${node.sockets_used} limit=${node.sockets_total} low=${0.8} high=${0.95} format=${number} />`}
      </div>
      <${Facts} label="Node" rows=${[
        ["Up for", duration(node.uptime)],
        ["Disk free", `${bytes(free)} (stops publishers below ${bytes(node.disk_free_limit)})`],
        ["Process", node.os_pid && `pid ${node.os_pid}`],
        ["Cores", node.processors],
        ["Data folder", node.db_dir],
        ["Configuration", (node.config_files ?? []).join(", ")],
        ["Log", may().monitor && html`<a href=${href(["logs"])}>read the log</a>`],
      ]} />
    </div>
  <//>`;
}

function Alarms({ node }) {
  const texts = [
    node.mem_alarm && "Memory is above its limit: publishers are stopped until consumers have taken enough.",
    node.disk_free_alarm && "The disk is nearly full: publishers are stopped until there is room.",
    node.running === false && "The node does not run.",
  ].filter(Boolean);
  return texts.map((text) => html`<div class="banner" role="alert" key=${text}><strong>${text}</strong></div>`);
}

function Listeners({ rows }) {
  const columns = [
    { key: "protocol", title: "Protocol" },
    { key: "ip_address", title: "Address" },
    { key: "port", title: "Port", num: true, draw: (row) => row.port || "" },
  ];
  return html`<${Card} title="Listening on"><${Table} dense columns=${columns} items=${rows} caption="Listeners"
    keyOf=${(row) => `${row.protocol} ${row.ip_address} ${row.port}`} /><//>`;
}

function Churn({ rates }) {
  const rows = CHURN.map(([key, title]) => ({ title, total: rates?.[key] ?? 0, rate: rates?.[`${key}_details`]?.rate ?? 0 }));
  const columns = [
    { key: "title", title: "What" },
    { key: "total", title: "Since the start", num: true, draw: (row) => number(row.total) },
    { key: "rate", title: "Now", num: true, draw: (row) => rate(row.rate) },
  ];
  return html`<${Card} title="Churn"><${Table} dense columns=${columns} items=${rows} caption="Churn" keyOf=${(row) => row.title} /><//>`;
}

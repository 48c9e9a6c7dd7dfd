// The list of channels, and one channel.
import { html } from "../kit/html.js";
import { api, get, withQuery } from "../kit/api.js";
import { Chart, RangeChoice } from "../kit/chart.js";
import { number, rate, short, yesNo } from "../kit/format.js";
import { ServerList } from "../kit/list.js";
import { Awaited, Empty } from "../kit/notice.js";
import { usePoll } from "../kit/poll.js";
import { rangeQuery, rateSeries } from "../kit/samples.js";
import { Facts, Mark, Table } from "../kit/table.js";
import { useVhosts } from "../kit/vhosts.js";
import { Card, ChannelLink, ConnectionLink, QueueLink, State, ViewHead } from "../kit/view.js";

const speed = (key) => (one) => {
  const value = one.message_stats?.[`${key}_details`]?.rate;
  return value === undefined ? "" : short(value);
};

const COLUMNS = [
  { key: "name", title: "Channel", sort: "name", draw: (one) => html`<${ChannelLink} name=${one.name} />` },
  { key: "vhost", title: "Vhost", sort: "vhost" },
  { key: "user", title: "User", sort: "user" },
  { key: "mode", title: "Mode", draw: (one) => html`${one.confirm && html`<${Mark} text="C" title="Publishes are confirmed" />`}
    ${one.transactional && html`<${Mark} text="T" title="Transactions" />`}` },
  { key: "state", title: "State", sort: "state", draw: (one) => html`<${State} state=${one.state} idleSince=${one.idle_since} />` },
  { key: "unconfirmed", title: "Unconfirmed", num: true, sort: "messages_unconfirmed", draw: (one) => short(one.messages_unconfirmed) },
  { key: "prefetch", title: "Prefetch", hint: "Per consumer; 0 is no limit", num: true, sort: "prefetch_count", draw: (one) => number(one.prefetch_count) },
  { key: "unacked", title: "Unacked", num: true, sort: "messages_unacknowledged", draw: (one) => short(one.messages_unacknowledged) },
  { key: "consumers", title: "Consumers", num: true, sort: "consumer_count", draw: (one) => number(one.consumer_count) },
  { key: "publish", title: "Publish/s", num: true, sort: "message_stats.publish_details.rate", draw: speed("publish") },
  { key: "deliver", title: "Deliver/s", num: true, sort: "message_stats.deliver_get_details.rate", draw: speed("deliver_get") },
  { key: "ack", title: "Ack/s", num: true, sort: "message_stats.ack_details.rate", draw: speed("ack") },
];

export function Channels() {
  const many = useVhosts().length > 1;
  return html`<${ViewHead} title="Channels" />
    <${ServerList} pathOf=${(vhost) => (vhost ? api`vhosts/${vhost}/channels` : "/api/channels")} byVhost
      columns=${COLUMNS.filter((column) => many || column.key !== "vhost")} caption="Channels" noun="channel"
      keyOf=${(one) => one.name} defaults=${{ sort: "name" }}
      empty=${html`<${Empty} title="No channel is open">Clients open channels inside their connections.<//>`} />`;
}

/** The channels of one connection. */
export function ChannelTable({ rows }) {
  const columns = COLUMNS.filter((column) => !["vhost", "user"].includes(column.key));
  return html`<${Table} columns=${columns} items=${rows} keyOf=${(one) => one.name} caption="Channels"
    empty=${html`<${Empty} title="No channel is open" />`} />`;
}

export function Channel({ parts, query }) {
  const name = parts[1];
  const range = query.range ?? "minute";
  const path = withQuery(api`channels/${name}`, rangeQuery(range, ["msg_rates"]));
  const state = usePoll((signal) => get(path, { signal }), path);
  return html`<${ViewHead} title=${name} crumbs=${[["Channels", ["channels"]]]}><${RangeChoice} value=${range} /><//>
    <${Awaited} state=${state} doing="Reading the channel">${(one) => html`
      <div class="grid-2">
        <${Card}><${Chart} title="Message rates" series=${rateSeries(one.message_stats)} format=${rate} empty="No message has passed here yet." /><//>
        <${Card} title="About"><${Facts} label="About the channel" rows=${aboutOf(one)} /><//>
      </div>
      <${Card} title="Consumers"><${Consumers} rows=${one.consumer_details ?? []} vhost=${one.vhost} /><//>`}<//>`;
}

const aboutOf = (one) => [
  ["Connection", one.connection_details?.name && html`<${ConnectionLink} name=${one.connection_details.name} />`],
  ["State", html`<${State} state=${one.state} idleSince=${one.idle_since} />`],
  ["User", one.user], ["Vhost", one.vhost],
  ["Mode", [one.confirm && "confirms", one.transactional && "transactions"].filter(Boolean).join(", ") || "plain"],
  ["Prefetch per consumer", one.prefetch_count || "unlimited"], ["Prefetch of the channel", one.global_prefetch_count || "unlimited"],
  ["Unacked", number(one.messages_unacknowledged)], ["Unconfirmed", number(one.messages_unconfirmed)],
  ["Published, not committed", one.transactional && number(one.messages_uncommitted)],
  ["Acks not committed", one.transactional && number(one.acks_uncommitted)],
];

function Consumers({ rows, vhost }) {
  const columns = [
    { key: "consumer_tag", title: "Tag" },
    { key: "queue", title: "Queue", draw: (one) => html`<${QueueLink} vhost=${one.queue?.vhost ?? vhost} name=${one.queue?.name ?? ""} />` },
    { key: "ack", title: "Acknowledges", draw: (one) => yesNo(one.ack_required) },
    { key: "prefetch", title: "Prefetch", num: true, draw: (one) => one.prefetch_count || "unlimited" },
    { key: "exclusive", title: "Exclusive", draw: (one) => yesNo(one.exclusive) },
  ];
  return html`<${Table} columns=${columns} items=${rows} caption="Consumers" keyOf=${(one) => one.consumer_tag}
    empty=${html`<${Empty} title="This channel consumes nothing" />`} />`;
}

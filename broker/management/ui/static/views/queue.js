// One queue: charts, facts, consumers; messages; bindings; publish; purge and delete.
import { html } from "../kit/html.js";
import { api, get, remove, withQuery } from "../kit/api.js";
import { ArgumentList } from "../kit/arguments.js";
import { Chart, RangeChoice } from "../kit/chart.js";
import { confirm } from "../kit/dialog.js";
import { bytes, duration, moment, number, plural, rate, short, yesNo } from "../kit/format.js";
import { Awaited, Empty, note } from "../kit/notice.js";
import { refresh, usePoll } from "../kit/poll.js";
import { go, href } from "../kit/routes.js";
import { lengthSeries, rangeQuery, rateSeries } from "../kit/samples.js";
import { Facts, Table } from "../kit/table.js";
import { Card, ChannelLink, Tabs, Tile, ViewHead } from "../kit/view.js";
import { AddBinding, BindingTable } from "./bindings.js";
import { Change } from "./change.js";
import { dedupFact } from "./dedup.js";
import { Features } from "./features.js";
import { Letters } from "./letters.js";
import { Messages } from "./messages.js";
import { Offsets, streamFacts } from "./offsets.js";
import { Publish } from "./publish.js";
import { QueueState } from "./queues.js";
import { HeldNote, Standstill } from "./standstill.js";

const tabsOf = (queue) => [
  ["overview", "Overview"], ["messages", "Messages"],
  queue?.type === "stream" ? ["offsets", "Readers"] : ["letters", "Dead letters"],
  ["bindings", "Bindings"], ["publish", "Publish"], ["change", "Change"],
];

export function Queue({ parts, query }) {
  const [, vhost, name] = parts;
  const range = query.range ?? "minute";
  const path = withQuery(api`queues/${vhost}/${name}`, rangeQuery(range, ["lengths", "msg_rates"]));
  const state = usePoll((signal) => get(path, { signal }), path);
  const tab = query.tab ?? "overview";
  return html`<${ViewHead} title=${name} of=${vhost === "/" ? "" : `in ${vhost}`} crumbs=${[["Queues", ["queues"]]]}>
      ${state.data && html`<${Features} queue=${state.data} />`}
      ${state.data?.type !== "stream" && html`<button type="button" class="danger" onClick=${() => askPurge(vhost, name, state.data)}>Purge</button>`}
      <button type="button" class="danger" onClick=${() => askDelete(vhost, name, state.data)}>Delete</button>
    <//>
    <${Tabs} rows=${tabsOf(state.data)} parts=${parts} now=${tab} label="Parts of the queue" />
    ${tab === "messages" && html`<${Messages} vhost=${vhost} name=${name} query=${query} stream=${state.data?.type === "stream"} />`}
    ${tab === "letters" && html`<${Letters} vhost=${vhost} name=${name} query=${query} />`}
    ${tab === "offsets" && html`<${Offsets} vhost=${vhost} name=${name} />`}
    ${tab === "change" && html`<${Awaited} state=${state} doing="Reading the queue">${(queue) => html`<${Change} queue=${queue} />`}<//>`}
    ${tab === "bindings" && html`<${BindingTable} path=${api`queues/${vhost}/${name}/bindings`} end="source" caption="Bindings to ${name}" />
      <${AddBinding} vhost=${vhost} queue=${name} />`}
    ${tab === "publish" && html`<${Card} title="Publish to this queue"><${Publish} vhost=${vhost} queue=${name} /><//>`}
    ${tab === "overview" && html`<${Awaited} state=${state} doing="Reading the queue">${(queue) => html`<${Live} queue=${queue} range=${range} />`}<//>`}`;
}

function Live({ queue, range }) {
  return html`<${Standstill} queue=${queue} /><${HeldNote} queue=${queue} />
    <div class="tiles">
      <${Tile} value=${short(queue.messages_ready)} title="ready" />
      <${Tile} value=${short(queue.messages_unacknowledged)} title="unacked" />
      ${queue.messages_held > 0 && html`<${Tile} value=${short(queue.messages_held)} title="held" to=${href(["held"], { vhost: queue.vhost, name: queue.name })} />`}
      <${Tile} value=${short(queue.messages)} title="total" />
      <${Tile} value=${number(queue.consumers)} title="consumers" />
      <${Tile} value=${rate(queue.message_stats?.publish_details?.rate ?? 0)} title="in" />
      <${Tile} value=${rate(queue.message_stats?.deliver_get_details?.rate ?? 0)} title="out" />
    </div>
    <div class="toolbar"><${RangeChoice} value=${range} /></div>
    <div class="grid-2">
      <${Card}><${Chart} title="Messages" series=${lengthSeries(queue)} /><//>
      <${Card}><${Chart} title="Message rates" series=${rateSeries(queue.message_stats)} format=${rate} empty="Nothing has been published or delivered yet." /><//>
    </div>
    <${Card} title="About"><${Facts} label="About the queue" rows=${[
      ...streamFacts(queue),
      ["State", html`<${QueueState} queue=${queue} />`],
      ["Idle since", queue.idle_since && moment(queue.idle_since)],
      ["Durable", yesNo(queue.durable)], ["Auto-delete", yesNo(queue.auto_delete)],
      ["Exclusive to", queue.owner_pid_details?.name],
      ["Policy", queue.policy], ["Operator policy", queue.operator_policy],
      ["Effective policy", queue.effective_policy_definition && Object.keys(queue.effective_policy_definition).length > 0
        && html`<${ArgumentList} table=${queue.effective_policy_definition} />`],
      ["Arguments", html`<${ArgumentList} table=${queue.arguments} />`],
      ["Bodies", queue.message_bytes !== undefined && bytes(queue.message_bytes)],
      ["Memory", queue.memory !== undefined && bytes(queue.memory)],
      ["In memory", queue.message_bytes_ram !== undefined && `${number(queue.messages_ram)} messages, ${bytes(queue.message_bytes_ram)}`],
      ["Concurrency cap", queue.pace?.concurrency_max && `${plural(queue.pace.concurrency_max, "message")} at a time`],
      ["Rate limit", queue.pace?.rate_limit && `${number(queue.pace.rate_limit)} in ${duration(queue.pace.rate_limit_period ?? 1000)}`],
      dedupFact({ of: "queues", vhost: queue.vhost, name: queue.name, found: queue.deduplication }),
      ["Single active consumer", queue.single_active_consumer_tag],
      ...LEFT.map(([key, title]) => [title, queue.message_stats?.[key] > 0 && number(queue.message_stats[key])]),
      ["Dead letters on their way", queue.messages_dlx > 0 && number(queue.messages_dlx)],
      ["Oldest ready", typeof queue.oldest_ready_ms === "number" && duration(queue.oldest_ready_ms)],
      ["Oldest unacked", typeof queue.oldest_unacknowledged_ms === "number" && duration(queue.oldest_unacknowledged_ms)],
    ]} /><//>
    <${Card} title="Consumers"><${Consumers} rows=${queue.consumer_details ?? []} stream=${queue.type === "stream"} /><//>`;
}

/** What left the queue without being consumed, since it was declared or the broker started. */
const LEFT = [
  ["dead_letter", "Went to the dead-letter exchange"], ["expire", "Expired"], ["drop_overflow", "Dropped as too many"],
  ["delivery_limit", "Delivered too often"], ["reject", "Rejected"],
  ["refuse_overflow", "Refused at the limit"],
];

function Consumers({ rows, stream }) {
  const columns = [
    { key: "consumer_tag", title: "Tag" },
    { key: "channel", title: "Channel", draw: (one) => html`<${ChannelLink} name=${one.channel_details?.name ?? ""} />` },
    { key: "ack", title: "Acknowledges", draw: (one) => yesNo(one.ack_required) },
    { key: "prefetch", title: "Prefetch", num: true, draw: (one) => one.prefetch_count || "unlimited" },
    { key: "active", title: "Active", draw: (one) => yesNo(one.active !== false) },
    stream && { key: "offset", title: "Next offset", num: true, draw: (one) => number(one.offset) },
    stream && { key: "lag", title: "Lag", hint: "Messages it has not been given", num: true, draw: (one) => number(one.lag) },
    { key: "exclusive", title: "Exclusive", draw: (one) => yesNo(one.exclusive) },
    { key: "arguments", title: "Arguments", draw: (one) => html`<${ArgumentList} table=${one.arguments} none="" />` },
  ];
  return html`<${Table} columns=${columns} items=${rows} caption="Consumers" keyOf=${(one) => `${one.channel_details?.name} ${one.consumer_tag}`}
    empty=${html`<${Empty} title="Nobody consumes from this queue">Messages wait here until a consumer comes.<//>`} />`;
}

function askPurge(vhost, name, queue) {
  confirm({
    title: `Purge ${name}?`,
    text: `All ${number(queue?.messages_ready ?? 0)} ready messages are thrown away for good. Those that consumers have stay.`,
    word: "Purge",
    act: async () => {
      await remove(api`queues/${vhost}/${name}/contents`);
      note(`${name} is purged.`);
      refresh();
    },
  });
}

function askDelete(vhost, name, queue) {
  const users = queue?.consumers ? ` Its ${number(queue.consumers)} consumers are cancelled.` : "";
  confirm({
    title: `Delete ${name}?`,
    text: `The queue, its bindings and ${number(queue?.messages ?? 0)} messages are gone for good.${users}`,
    word: "Delete queue",
    act: async () => {
      await remove(api`queues/${vhost}/${name}`);
      note(`Queue ${name} is deleted.`);
      go(["queues"]);
    },
  });
}

// The list of queues, and the form that makes one.
import { html } from "../kit/html.js";
import { api, put } from "../kit/api.js";
import { ArgumentRows, inLine, tableOf } from "../kit/arguments.js";
import { short } from "../kit/format.js";
import { Fold, Form } from "../kit/form.js";
import { ServerList } from "../kit/list.js";
import { Empty, note } from "../kit/notice.js";
import { refresh } from "../kit/poll.js";
import { Mark } from "../kit/table.js";
import { useVhosts } from "../kit/vhosts.js";
import { QueueLink, State, ViewHead } from "../kit/view.js";
import { QUEUE_ARGUMENTS } from "./known.js";

const MARKS = [
  ["x-message-ttl", "message-ttl", "TTL", "Messages expire after so many milliseconds"],
  ["x-expires", "expires", "Exp", "The queue goes when unused for so many milliseconds"],
  ["x-max-length", "max-length", "Lim", "At most so many messages"],
  ["x-max-length-bytes", "max-length-bytes", "Lim B", "At most so many bytes"],
  ["x-overflow", "overflow", "Ovfl", "What happens to messages beyond the limit"],
  ["x-dead-letter-exchange", "dead-letter-exchange", "DLX", "Where messages go that expire or are rejected"],
  ["x-dead-letter-routing-key", "dead-letter-routing-key", "DLK", "The routing key of dead letters"],
  ["x-max-priority", "max-priority", "Pri", "Priorities up to this number"],
  ["x-single-active-consumer", "single-active-consumer", "SAC", "One consumer at a time"],
];

/** What a queue is, in marks with explanations. */
export function Features({ queue }) {
  const given = queue.arguments ?? {};
  const policy = queue.effective_policy_definition ?? {};
  const marks = MARKS.filter(([argument, key]) => given[argument] !== undefined || policy[key] !== undefined);
  const known = new Set([...MARKS.map(([argument]) => argument), "x-queue-type"]);
  const others = Object.fromEntries(Object.entries(given).filter(([name]) => !known.has(name)));
  return html`<span class="marks">
    ${queue.type && queue.type !== "classic" && html`<${Mark} text=${queue.type} title="Kind of queue" kind="accent" />`}
    ${queue.durable && html`<${Mark} text="D" title="Durable: survives a restart" />`}
    ${queue.auto_delete && html`<${Mark} text="AD" title="Auto-delete: goes with its last consumer" />`}
    ${queue.exclusive && html`<${Mark} text="Excl" title="Exclusive: goes with its connection" />`}
    ${marks.map(([argument, key, text, title]) => html`<${Mark} key=${text} text=${text}
      title="${title}: ${given[argument] ?? policy[key]}${given[argument] === undefined ? " (by policy)" : ""}" />`)}
    ${Object.keys(others).length > 0 && html`<${Mark} text="Args" title=${inLine(others)} />`}
  </span>`;
}

/** Idle is a queue that nobody has used for a while and that nothing comes into. */
export function QueueState({ queue }) {
  const moving = speed(queue.message_stats, "publish") > 0 || speed(queue.message_stats, "deliver_get") > 0;
  return html`<${State} state=${queue.state} idleSince=${moving ? undefined : queue.idle_since} />`;
}

const speed = (stats, key) => stats?.[`${key}_details`]?.rate;
const drawSpeed = (key) => (queue) => {
  const value = speed(queue.message_stats, key);
  return value === undefined ? "" : html`<span class=${value ? "" : "muted"}>${short(value)}</span>`;
};

const COLUMNS = [
  { key: "name", title: "Name", sort: "name", draw: (queue) => html`<${QueueLink} ...${queue} />` },
  { key: "vhost", title: "Vhost", sort: "vhost" },
  { key: "features", title: "Features", draw: (queue) => html`<${Features} queue=${queue} />` },
  { key: "policy", title: "Policy", sort: "policy", draw: (queue) => [queue.policy, queue.operator_policy].filter(Boolean).join(", ") },
  { key: "state", title: "State", sort: "state", draw: (queue) => html`<${QueueState} queue=${queue} />` },
  { key: "ready", title: "Ready", hint: "Waiting for a consumer", num: true, sort: "messages_ready", draw: (queue) => short(queue.messages_ready) },
  { key: "unacked", title: "Unacked", hint: "At consumers, not acknowledged", num: true, sort: "messages_unacknowledged", draw: (queue) => short(queue.messages_unacknowledged) },
  { key: "total", title: "Total", num: true, sort: "messages", draw: (queue) => html`<b>${short(queue.messages)}</b>` },
  { key: "consumers", title: "Consumers", num: true, sort: "consumers", draw: (queue) => short(queue.consumers) },
  { key: "in", title: "In/s", hint: "Messages published to it per second", num: true, sort: "message_stats.publish_details.rate", draw: drawSpeed("publish") },
  { key: "out", title: "Out/s", hint: "Messages delivered or got per second", num: true, sort: "message_stats.deliver_get_details.rate", draw: drawSpeed("deliver_get") },
  { key: "ack", title: "Ack/s", hint: "Acknowledgements per second", num: true, sort: "message_stats.ack_details.rate", draw: drawSpeed("ack") },
];

export function Queues() {
  const many = useVhosts().length > 1;
  const columns = COLUMNS.filter((column) => many || column.key !== "vhost");
  return html`<${ViewHead} title="Queues" />
    <${ServerList} pathOf=${(vhost) => (vhost ? api`queues/${vhost}` : "/api/queues")} columns=${columns} byVhost
      caption="Queues" noun="queue" keyOf=${(queue) => `${queue.vhost}\n${queue.name}`} defaults=${{ sort: "name" }}
      empty=${html`<${Empty} title="There is no queue yet">Clients declare the queues they use; you can also create one below.<//>`} />
    <${Fold} title="Create a queue"><${Create} /><//>`;
}

function Create() {
  const vhosts = useVhosts();
  const fields = [
    vhosts.length > 1 && { name: "vhost", label: "Vhost", options: vhosts },
    { name: "name", label: "Name", required: true },
    { name: "durable", label: "Durability", options: [["yes", "durable"], ["no", "transient"]], hint: "A durable queue survives a restart" },
    { name: "auto_delete", label: "Auto-delete", kind: "checkbox", hint: "Goes with its last consumer" },
    { name: "rows", label: "Arguments", kind: "custom", initial: [],
      render: (rows, set) => html`<${ArgumentRows} rows=${rows} set=${set} known=${QUEUE_ARGUMENTS} />` },
  ].filter(Boolean);
  const act = async (values) => {
    const body = { durable: values.durable === "yes", auto_delete: values.auto_delete, arguments: tableOf(values.rows) };
    await put(api`queues/${values.vhost ?? vhosts[0] ?? "/"}/${values.name}`, body);
  };
  const done = (_, values) => {
    note(`Queue ${values.name} is there.`);
    refresh();
  };
  return html`<${Form} key=${vhosts.length} fields=${fields} act=${act} word="Create queue" onDone=${done} />`;
}

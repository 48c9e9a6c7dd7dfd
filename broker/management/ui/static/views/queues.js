// The list of queues, and the form that makes one.
import { html } from "../kit/html.js";
import { api, put } from "../kit/api.js";
import { ArgumentRows, tableOf } from "../kit/arguments.js";
import { short } from "../kit/format.js";
import { Fold, Form } from "../kit/form.js";
import { useArguments, useQueueTypes } from "../kit/known.js";
import { ServerList } from "../kit/list.js";
import { Empty, note } from "../kit/notice.js";
import { refresh } from "../kit/poll.js";
import { NO_VHOST, useVhosts } from "../kit/vhosts.js";
import { QueueLink, State, ViewHead } from "../kit/view.js";
import { Features } from "./features.js";

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

const TYPES = {
  classic: "For nearly everything",
  quorum: "As RabbitMQ's: durable, with a limit of deliveries; there is one copy, on this node",
  stream: "A log that many consumers read from where they like; nothing is taken out",
};
const DURABLE_ONLY = ["quorum", "stream"];

function Create() {
  const vhosts = useVhosts();
  const types = useQueueTypes();
  const fields = [
    vhosts.length > 1 && { name: "vhost", label: "Vhost", options: vhosts },
    { name: "name", label: "Name", required: true },
    { name: "type", label: "Type", options: types, hint: ({ type }) => TYPES[type] },
    { name: "durable", label: "Durability", options: [["yes", "durable"], ["no", "transient"]], hint: "A durable queue survives a restart",
      when: ({ type }) => !DURABLE_ONLY.includes(type) },
    { name: "auto_delete", label: "Auto-delete", kind: "checkbox", hint: "Goes with its last consumer", when: ({ type }) => !DURABLE_ONLY.includes(type) },
    { name: "rows", label: "Arguments", kind: "custom", initial: [],
      render: (rows, set, { type }) => html`<${QueueArguments} rows=${rows} set=${set} type=${type} />` },
  ].filter(Boolean);
  const act = async ({ vhost, name, type, durable, auto_delete, rows }) => {
    const fixed = DURABLE_ONLY.includes(type);
    const given = { ...(type === types[0] ? {} : { "x-queue-type": type }), ...tableOf(rows) };
    await put(api`queues/${vhost ?? vhosts[0] ?? "/"}/${name}`, { durable: fixed || durable === "yes", auto_delete: !fixed && auto_delete, arguments: given });
  };
  const done = (_, values) => {
    note(`Queue ${values.name} is there.`);
    refresh();
  };
  if (!vhosts.length) return NO_VHOST;
  return html`<${Form} key=${vhosts.length} fields=${fields} act=${act} word="Create queue" onDone=${done} />`;
}

/** Arguments of a queue as rows, with those offered that its type knows. */
export function QueueArguments({ rows, set, type }) {
  const known = useArguments("queue", type).filter((one) => one.name !== "x-queue-type");
  return html`<${ArgumentRows} rows=${rows} set=${set} known=${known} />`;
}

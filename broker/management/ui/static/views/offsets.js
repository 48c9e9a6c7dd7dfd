// Streams: what is kept, how far consumers with a name have come, and forgetting one.
import { html } from "../kit/html.js";
import { api, get, remove } from "../kit/api.js";
import { confirm } from "../kit/dialog.js";
import { bytes, moment, number, plural } from "../kit/format.js";
import { Awaited, Empty, note } from "../kit/notice.js";
import { refresh, usePoll } from "../kit/poll.js";
import { Table } from "../kit/table.js";

export function Offsets({ vhost, name }) {
  const path = api`queues/${vhost}/${name}/offsets`;
  const state = usePoll((signal) => get(path, { signal }), path);
  return html`<p class="muted">A consumer with x-stream-consumer-name goes on behind what it has acknowledged, whatever became of its connection. The lag is how many messages are behind that.</p>
    <${Awaited} state=${state} doing="Reading the offsets">${(rows) => html`<${Table} columns=${columnsOf(vhost, name)} items=${rows}
      keyOf=${(one) => one.consumer_name} caption="Named consumers of ${name}" empty=${html`<${Empty} title="No consumer with a name has read from here" />`} />`}<//>`;
}

const columnsOf = (vhost, name) => [
  { key: "name", title: "Consumer", draw: (one) => one.consumer_name },
  { key: "offset", title: "Offset", hint: "Of the last message that it has acknowledged", num: true, draw: (one) => (one.offset < 0 ? "none yet" : number(one.offset)) },
  { key: "lag", title: "Lag", num: true, draw: (one) => number(one.lag) },
  { key: "at", title: "Acknowledged", draw: (one) => moment(one.acknowledged_at) },
  { key: "consumers", title: "Here now", num: true, draw: (one) => number(one.consumers) },
  { key: "act", title: "Actions", unseen: true, draw: (one) => html`<button type="button" class="small danger" aria-label="Forget ${one.consumer_name}"
    onClick=${() => ask(vhost, name, one.consumer_name)}>Forget</button>` },
];

function ask(vhost, name, consumer) {
  confirm({
    title: `Forget ${consumer}?`, text: "When it comes again it begins where it asks to begin, and not where it had come to.", word: "Forget",
    act: async () => {
      await remove(api`queues/${vhost}/${name}/offsets/${consumer}`);
      note(`${consumer} is forgotten.`);
      refresh();
    },
  });
}

/** What is kept of a stream and from where it can be read: rows of facts. */
export function streamFacts(queue) {
  if (queue.type !== "stream") return [];
  const effective = (key) => queue.arguments?.[`x-${key}`] ?? queue.effective_policy_definition?.[key];
  const limits = [["max-age", (age) => `for ${age}`], ["max-length-bytes", (size) => `up to ${bytes(size)}`]];
  const kept = limits.filter(([key]) => effective(key) !== undefined).map(([key, show]) => show(effective(key)));
  const { first_offset: first, next_offset: next } = queue;
  return [
    ["Offsets", first === next ? `none; the next is ${number(next)}` : `${number(first)} to ${number(next - 1)}`],
    ["Kept", kept.length ? kept.join(", ") : "all, without a limit"],
    ["Furthest behind", typeof queue.lag === "number" && plural(queue.lag, "message")],
    ["In memory for readers", queue.cached_bytes !== undefined && bytes(queue.cached_bytes)],
  ];
}

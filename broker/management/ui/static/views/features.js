// What a queue is, in marks with explanations: durable, limits, where dead letters go. A new feature is a row here.
import { html } from "../kit/html.js";
import { inLine } from "../kit/arguments.js";
import { duration } from "../kit/format.js";
import { Mark } from "../kit/table.js";

const ms = (value) => `${value} ms${value >= 1000 ? ` (${duration(value)})` : ""}`;

/** Rows: argument, policy key, mark, what it says, and how its value is shown. */
const MARKS = [
  ["x-message-ttl", "message-ttl", "TTL", "Messages expire after", ms],
  ["x-expires", "expires", "Exp", "The queue is deleted when unused for", ms],
  ["x-max-length", "max-length", "Lim", "At most so many messages"],
  ["x-max-length-bytes", "max-length-bytes", "Lim B", "At most so many bytes"],
  ["x-overflow", "overflow", "Ovfl", "What happens to messages beyond the limit"],
  ["x-dead-letter-exchange", "dead-letter-exchange", "DLX", "Dead letters go to the exchange", (name) => name || "(default)"],
  ["x-dead-letter-routing-key", "dead-letter-routing-key", "DLK", "The routing key of dead letters"],
  ["x-delivery-limit", "delivery-limit", "DelLim", "At most so many deliveries of one message"],
  ["x-max-priority", "max-priority", "Pri", "Priorities up to this number"],
  ["x-single-active-consumer", "single-active-consumer", "SAC", "One consumer at a time"],
  ["x-consumer-timeout", "consumer-timeout", "CT", "A consumer has to acknowledge within", ms],
  ["x-hold-header", "hold-header", "Hold", "Messages are held until the time in the header"],
  ["x-retry-backoff-base", "retry-backoff-base", "Retry", "A message that is given back waits, at first for", ms],
  ["x-message-deduplication", "x-message-deduplication", "Dedup", "A message is not taken while one of its identity is there"],
  ["x-concurrency-max", "concurrency-max", "Cap", "At most so many messages at work at a time"],
  ["x-rate-limit", "rate-limit", "Rate", "At most so many messages handed out in a second, or another period"],
  ["x-max-age", "max-age", "Age", "A stream's messages go at the age"],
];

/** What counts of the arguments and policies: rows [text, title, value, whether it comes of a policy]. */
function marksOf(queue) {
  const given = queue.arguments ?? {};
  const policy = queue.effective_policy_definition ?? {};
  return MARKS.filter(([argument, key]) => given[argument] !== undefined || policy[key] !== undefined)
    .map(([argument, key, text, title, show = String]) => {
      const byPolicy = given[argument] === undefined;
      return [text, `${title}: ${show(byPolicy ? policy[key] : given[argument])}${byPolicy ? " (by policy)" : ""}`];
    });
}

const KNOWN = new Set([...MARKS.map(([argument]) => argument), "x-queue-type"]);

export function Features({ queue }) {
  const others = Object.fromEntries(Object.entries(queue.arguments ?? {}).filter(([name]) => !KNOWN.has(name)));
  return html`<span class="marks">
    ${queue.type && queue.type !== "classic" && html`<${Mark} text=${queue.type} title="Kind of queue" kind="accent" />`}
    ${queue.durable && html`<${Mark} text="D" title="Durable: survives a restart" />`}
    ${queue.auto_delete && html`<${Mark} text="AD" title="Auto-delete: goes with its last consumer" />`}
    ${queue.exclusive && html`<${Mark} text="Excl" title="Exclusive: goes with its connection" />`}
    ${marksOf(queue).map(([text, title]) => html`<${Mark} key=${text} text=${text} title=${title} />`)}
    ${Object.keys(others).length > 0 && html`<${Mark} text="Args" title=${inLine(others)} />`}
  </span>`;
}

// Moving, copying and replaying messages: the question, then the job that does it. Must not: choose the messages.
import { html, useState } from "../kit/html.js";
import { api, post } from "../kit/api.js";
import { Dialog } from "../kit/dialog.js";
import { Form } from "../kit/form.js";
import { JobProgress } from "../kit/job.js";
import { refresh } from "../kit/poll.js";

const HOW_MANY = { name: "count", label: "How many at most", kind: "number", hint: "From the front; empty: all" };
const VIA = { name: "via", label: "Back", options: [["queue", "straight into the queue it died in"], ["exchange", "through the exchange it came through"]] };
const RATE = { name: "rate", label: "Messages per second", kind: "number", hint: "Empty: as fast as it goes" };
const toQueue = ({ kind }) => kind === "queue";

const MOVE_FIELDS = [
  { name: "copy", label: "Do", options: [["no", "move: they leave this queue"], ["yes", "copy: they stay here too"]] },
  { name: "kind", label: "To", options: [["queue", "a queue"], ["exchange", "an exchange"]] },
  { name: "queue", label: "Name of the queue", required: true, when: toQueue },
  { name: "exchange", label: "Name of the exchange", hint: "Empty: the default exchange", when: (values) => !toQueue(values) },
  { name: "routing_key", label: "Routing key", hint: "Empty: each message keeps its own", when: (values) => !toQueue(values) },
];

const numeric = (text) => (text === "" || text === undefined ? {} : Number(text));
const numbers = (values) => Object.fromEntries(["count", "rate"].map((name) => [name, numeric(values[name])]).filter(([, value]) => typeof value === "number"));

function destinationOf({ kind, queue, exchange, routing_key }) {
  if (kind === "queue") return queue;
  return routing_key === "" ? { exchange } : { exchange, routing_key };
}

/**
 * Moves or copies messages of a queue.
 *
 * Args: `chosen` which: fields of the request such as {headers} or {ids}; `what` says which in words; `some` whether
 * they are a few that were picked, all of which go; `onDone` is told when the job has ended.
 */
export function Move({ vhost, name, chosen, what, some, onClose, onDone }) {
  const begin = (values) => post(api`queues/${vhost}/${name}/move`,
    { ...chosen, ...numbers(values), destination: destinationOf(values), copy: values.copy === "yes" });
  const fields = [...MOVE_FIELDS, !some && HOW_MANY, RATE].filter(Boolean);
  return html`<${Transfer} title="Move or copy ${what}" doing="Moving" word="Start" fields=${fields} begin=${begin} onClose=${onClose} onDone=${onDone}
    text="No message is lost or doubled on the way, whatever happens to the broker." />`;
}

/** Sends dead letters back to the queues they died in. Args: as of `Move`. */
export function Replay({ vhost, name, chosen, what, some, onClose, onDone }) {
  const begin = (values) => post(api`queues/${vhost}/${name}/replay`, { ...chosen, ...numbers(values), via: values.via });
  const fields = [VIA, !some && HOW_MANY, RATE].filter(Boolean);
  return html`<${Transfer} title="Replay ${what}" doing="Replaying" word="Replay" fields=${fields} begin=${begin} onClose=${onClose} onDone=${onDone}
    text="Each goes back to where it died last, and leaves this queue. Its deaths are kept in the header x-deaths-before-replay, so that it begins anew." />`;
}

function Transfer({ title, text, doing, word, fields, begin, onClose, onDone }) {
  const [job, setJob] = useState(null);
  const ended = () => {
    refresh();
    onDone?.();
  };
  return html`<${Dialog} title=${title} onClose=${onClose}>
    ${job
      ? html`<${JobProgress} job=${job} what=${doing} onEnd=${ended} />
        <div class="actions"><button type="button" onClick=${onClose}>Close</button></div>`
      : html`<p class="muted">${text}</p><${Form} fields=${fields} act=${begin} word=${word} onDone=${setJob} onCancel=${onClose} />`}
  <//>`;
}

// Changing a queue in place: its arguments, after looking at what will be different; and getting back what was in it.
import { html, useState } from "../kit/html.js";
import { api, get, post, put } from "../kit/api.js";
import { rowsOf, tableOf } from "../kit/arguments.js";
import { inline, moment, plural } from "../kit/format.js";
import { Form } from "../kit/form.js";
import { JobProgress } from "../kit/job.js";
import { Awaited, Empty, note, Problem } from "../kit/notice.js";
import { refresh, usePoll } from "../kit/poll.js";
import { Table } from "../kit/table.js";
import { Card, QueueLink } from "../kit/view.js";
import { localTime } from "./held.js";
import { QueueArguments } from "./queues.js";

const HOUR_MS = 3_600_000;

export function Change({ queue }) {
  return html`<${Card} title="Arguments"><${Arguments} key=${JSON.stringify(queue.arguments)} queue=${queue} /><//>
    ${queue.durable && queue.type !== "stream" && html`<${Card} title="Rewind"><${Rewind} queue=${queue} /><//>`}`;
}

/** What has to be said to make one table of arguments another: null takes one away. */
export function changesOf(before, after) {
  const names = [...new Set([...Object.keys(before), ...Object.keys(after)])].sort();
  const changed = names.filter((name) => inline(before[name]) !== inline(after[name]));
  return Object.fromEntries(changed.map((name) => [name, after[name] ?? null]));
}

const shown = (value) => (value === undefined || value === null ? html`<span class="muted">not set</span>` : html`<code>${inline(value)}</code>`);
const COLUMNS = [
  { key: "argument", title: "Argument" },
  { key: "before", title: "Now", draw: (row) => shown(row.before) },
  { key: "after", title: "Then", draw: (row) => shown(row.after) },
];

function Arguments({ queue }) {
  const [wanted, setWanted] = useState(null);
  const path = api`queues/${queue.vhost}/${queue.name}/arguments`;
  const fields = [{ name: "rows", label: "Arguments", kind: "custom",
    render: (rows, set) => html`<${QueueArguments} rows=${rows} set=${set} type=${queue.type} />` }];
  const check = async ({ rows }) => {
    const wanted = changesOf(queue.arguments ?? {}, tableOf(rows));
    return { wanted, told: await put(path, { arguments: wanted, dry_run: true }) };
  };
  if (wanted) return html`<${Agree} queue=${queue} path=${path} ...${wanted} onClose=${() => setWanted(null)} />`;
  return html`<p class="muted">The queue keeps its messages, consumers and bindings. Clients that declare it with other arguments are refused, unless the broker is lenient.</p>
    <${Form} fields=${fields} initial=${{ rows: rowsOf(queue.arguments) }} act=${check} word="See what changes" onDone=${setWanted} keep />`;
}

function Agree({ queue, path, wanted, told, onClose }) {
  const [state, setState] = useState({ busy: false, problem: null });
  const apply = async () => {
    setState({ busy: true, problem: null });
    try {
      await put(path, { arguments: wanted });
      note(`${queue.name} is changed.`);
      refresh();
      onClose();
    } catch (problem) {
      setState({ busy: false, problem });
    }
  };
  return html`<${Table} columns=${COLUMNS} items=${told.changes} keyOf=${(row) => row.argument} caption="What changes"
      empty=${html`<${Empty} title="Nothing changes">The arguments are those that the queue has.<//>`} />
    ${told.messages_to_sort > 0 && html`<p class="muted">${plural(told.messages_to_sort, "waiting message")} ${told.messages_to_sort === 1 ? "is" : "are"} put in order anew by priority.</p>`}
    <${Problem} problem=${state.problem} />
    <div class="actions"><button type="button" onClick=${onClose}>Back</button>
      <button type="button" class="primary" disabled=${state.busy || !told.changes.length} onClick=${apply}>Change the queue</button></div>`;
}

function Rewind({ queue }) {
  const [begun, setBegun] = useState(null);
  const path = api`queues/${queue.vhost}/${queue.name}/rewind`;
  const state = usePoll((signal) => get(path, { signal }), path, true);
  const begin = ({ to, into, partial }) => post(path, { to: new Date(to).getTime(), into, partial: Boolean(partial) });
  if (begun) return html`<${JobProgress} job=${begun.job} what="Rewinding" onEnd=${refresh} /><p>Look into <${QueueLink} vhost=${queue.vhost} name=${begun.into} />.</p>`;
  return html`<p class="muted">What was published to the queue since a moment is copied into a new queue, out of the log, whether it was consumed or not. This queue stays as it is.</p>
    <${Awaited} state=${state} doing="Asking how far back the log goes">${(reach) => html`<${Form} fields=${rewindFields(reach)}
      initial=${{ to: localTime(reach.earliest_ms ? reach.earliest_ms + 999 : Date.now() - HOUR_MS), into: `${queue.name}.rewound` }}
      act=${begin} word="Rewind" onDone=${(job, { into }) => setBegun({ job, into })} keep />`}<//>`;
}

function reachOf({ earliest_ms: earliest, messages }) {
  if (earliest === null) return "Nothing of this queue is in the log as a whole any more";
  return earliest ? `Everything since ${moment(earliest)} is in the log` : `All ${plural(messages, "persistent message")} that ever came are in the log`;
}

const rewindFields = (reach) => [
  { name: "to", label: "Since", kind: "time", required: true, hint: reachOf(reach) },
  { name: "into", label: "New queue", required: true },
  reach.missing > 0 && { name: "partial", label: "Even if some are missing", kind: "checkbox", hint: `${plural(reach.missing, "message")} of this queue left the log for good` },
].filter(Boolean);

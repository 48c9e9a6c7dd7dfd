// The message browser of a queue: peek at what waits without touching it, search; move, copy or delete what is chosen.
import { html, useState } from "../kit/html.js";
import { api, get, post, remove, withQuery } from "../kit/api.js";
import { confirm, Dialog } from "../kit/dialog.js";
import { bytes, duration, exchangeName, number, plural } from "../kit/format.js";
import { Fold, Form } from "../kit/form.js";
import { pretty, sizeOf, taskOf } from "../kit/message.js";
import { Awaited, Empty, note } from "../kit/notice.js";
import { Pick, PickAll, usePicked } from "../kit/picking.js";
import { refresh, usePoll } from "../kit/poll.js";
import { setQuery } from "../kit/routes.js";
import { Mark, Table } from "../kit/table.js";
import { Message } from "./message.js";
import { Move } from "./transfer.js";

export const PEEK_COUNT = 50;
const PREVIEW_LETTERS = 160;

export const idOf = (message) => message.id;

export function preview(message) {
  const task = taskOf(message);
  if (task) return `${task.name}(${argumentsOf(task)})`;
  return pretty(message).text.replace(/\s+/g, " ").slice(0, PREVIEW_LETTERS);
}

function argumentsOf({ args, kwargs }) {
  const text = (value) => (typeof value === "string" ? value : JSON.stringify(value ?? []));
  return `${text(args)} ${text(kwargs ?? {})}`.slice(0, PREVIEW_LETTERS);
}

/** Args: `stream` whether nothing can be taken out. */
export function Messages({ vhost, name, query, stream }) {
  const [open, setOpen] = useState(null);
  const [moving, setMoving] = useState(null);
  const asked = { count: PEEK_COUNT, after: query.after, search: query.search };
  const path = withQuery(api`queues/${vhost}/${name}/messages`, asked);
  const state = usePoll((signal) => get(path, { signal }), path);
  const picked = usePicked(state.data?.items.map(idOf) ?? []);
  return html`<${Search} query=${query} />${stream && html`<${FromOffset} query=${query} />`}
    <${Awaited} state=${state} doing="Looking into the queue">${(page) => html`
      ${stream ? html`<div class="toolbar"><${Count} page=${page} search=${query.search} /></div>`
        : html`<${Acts} vhost=${vhost} name=${name} page=${page} picked=${picked} search=${query.search} move=${setMoving} />`}
      <${Table} columns=${stream ? streamColumns(setOpen) : columnsOf(picked, setOpen)} items=${page.items} keyOf=${idOf} caption="Messages that wait in ${name}"
        empty=${html`<${Empty} title=${query.search ? "No waiting message matches" : "No message waits in this queue"}>
          ${query.search ? "Only messages that are ready are searched, not those that consumers have." : "Messages that consumers have and have not acknowledged are not shown here."}<//>`} />
      ${(page.next || query.after) && html`<nav class="pager" aria-label="Pages">
        <button type="button" disabled=${!query.after} onClick=${() => setQuery({ after: "" })}>From the front</button>
        <button type="button" disabled=${!page.next} onClick=${() => setQuery({ after: page.next })}>Next ${PEEK_COUNT}</button></nav>`}`}<//>
    ${!stream && html`<${Fold} title="Get messages as a client does"><${Get} vhost=${vhost} name=${name} /><//>`}
    ${open && html`<${Dialog} title="Message" wide onClose=${() => setOpen(null)}><${Message} message=${open} /><//>`}
    ${moving && html`<${Move} vhost=${vhost} name=${name} ...${moving} onClose=${() => setMoving(null)} onDone=${picked.none} />`}`;
}

/** What can be done with the messages that are shown, chosen or searched for. */
function Acts({ vhost, name, page, picked, search, move }) {
  const count = picked.ids.length;
  const counted = count ? ` (${count})` : "";
  const moveChosen = () => move({ chosen: { ids: picked.ids }, what: plural(count, "message"), some: true });
  const moveAll = () => move(search ? { chosen: { search }, what: `what matches “${search}”` } : { chosen: {}, what: `messages of ${name}` });
  return html`<div class="toolbar">
    <${PickAll} picked=${picked} count=${page.items.length} />
    <button type="button" class="small" disabled=${!count} onClick=${moveChosen}>Move selected${counted}…</button>
    <button type="button" class="small danger" disabled=${!count}
      onClick=${() => askDelete(vhost, name, picked.ids, picked.none)}>Delete selected${counted}</button>
    <button type="button" class="small" disabled=${!page.items.length} onClick=${moveAll}>${search ? "Move all that match…" : "Move all…"}</button>
    <${Count} page=${page} search=${search} />
  </div>`;
}

const Count = ({ page, search }) =>
  html`<span class="count" role="status">${plural(page.items.length, "message")} shown${search ? `, ${number(page.looked_at)} searched` : ""}</span>`;

/** A message of a stream is named after its offset, counted from 1. */
const offsetOf = (message) => Number(message.id.split("-")[1]) - 1;

function FromOffset({ query }) {
  const submit = (event) => {
    event.preventDefault();
    const offset = Number.parseInt(event.target.elements.offset.value, 10);
    setQuery({ after: offset > 0 ? `0-${offset}` : "" });
  };
  return html`<form class="toolbar" onSubmit=${submit}>
    <label class="inline">From offset <input class="short" name="offset" inputmode="numeric" pattern="[0-9]{1,18}" defaultValue=${query.after?.split("-")[1] ?? "0"} /></label>
    <button class="small">Look</button></form>`;
}

function Search({ query }) {
  const submit = (event) => {
    event.preventDefault();
    setQuery({ search: event.target.elements.search.value, after: "" });
  };
  return html`<p class="muted">You look at waiting messages from the front; nothing is taken, marked or moved.</p>
    <form class="toolbar" role="search" onSubmit=${submit}>
      <input type="search" name="search" class="filter" aria-label="Search in messages" placeholder="Text in payload, headers or key" defaultValue=${query.search ?? ""} />
      <button class="small">Search</button>
      ${query.search && html`<button type="button" class="small" onClick=${() => setQuery({ search: "", after: "" })}>Show all</button>`}
    </form>`;
}

const SHARED_COLUMNS = [
  { key: "from", title: "Exchange", draw: (message) => exchangeName(message.exchange ?? "") },
  { key: "routing_key", title: "Routing key", draw: (message) => html`<code>${message.routing_key}</code>` },
  { key: "marks", title: "Marks", draw: (message) => html`<${Marks} message=${message} />` },
  { key: "size", title: "Size", num: true, draw: (message) => bytes(sizeOf(message)) },
  { key: "age", title: "Age", num: true, draw: (message) => (message.age_ms === undefined || message.age_ms === null ? "" : duration(message.age_ms)) },
];

const columnsOf = (picked, open) => [
  { key: "what", title: "Message", draw: (message) => html`<${Pick} picked=${picked} id=${idOf(message)}>
      <span class="clip">${preview(message) || "(empty)"}</span><//>` },
  ...SHARED_COLUMNS,
  { key: "act", title: "Actions", unseen: true, draw: (message) => html`<button type="button" class="small" onClick=${() => open(message)}>Open</button>` },
];

const streamColumns = (open) => [
  { key: "offset", title: "Offset", draw: (message) => number(offsetOf(message)) },
  { key: "what", title: "Message", draw: (message) => html`<span class="clip">${preview(message) || "(empty)"}</span>` },
  ...SHARED_COLUMNS,
  { key: "act", title: "Actions", unseen: true, draw: (message) => html`<button type="button" class="small"
    aria-label="Open offset ${offsetOf(message)}" onClick=${() => open(message)}>Open</button>` },
];

export function Marks({ message }) {
  const { properties = {} } = message;
  return html`<span>
    ${taskOf(message) && html`<${Mark} text="task" title="A Celery task" kind="accent" />`}
    ${properties.headers?.["x-death"] && html`<${Mark} text="dead" title="It was dead-lettered" kind="warn" />`}
    ${properties.delivery_mode === 2 && html`<${Mark} text="P" title="Persistent" />`}
    ${properties.priority !== undefined && html`<${Mark} text="Pri ${properties.priority}" title="Priority" />`}
    ${properties.expiration !== undefined && html`<${Mark} text="TTL" title="Expires after ${properties.expiration} ms" />`}
    ${message.redelivered && html`<${Mark} text="again" title="It was delivered before" />`}
  </span>`;
}

export function askDelete(vhost, name, ids, done) {
  confirm({
    title: `Delete ${plural(ids.length, "message")}?`,
    text: `They are removed from ${name} and cannot be brought back. Others stay as they are.`,
    word: "Delete",
    act: async () => {
      for (const id of ids) await remove(api`queues/${vhost}/${name}/messages/${id}`);
      note(`${plural(ids.length, "message")} deleted.`);
      done();
      refresh();
    },
  });
}

function Get({ vhost, name }) {
  const [got, setGot] = useState(null);
  const fields = [
    { name: "ackmode", label: "Then", options: [["ack_requeue_true", "put them back (marked as redelivered)"], ["ack_requeue_false", "keep them out: they are consumed"], ["reject_requeue_true", "reject, put back"], ["reject_requeue_false", "reject: dead-letter or drop"]] },
    { name: "count", label: "How many", kind: "number", initial: "1", required: true },
  ];
  const act = (values) => post(api`queues/${vhost}/${name}/get`, { ackmode: values.ackmode, count: Number(values.count), encoding: "auto", truncate: 50000 });
  const done = (messages) => {
    setGot(messages);
    refresh();
  };
  return html`<p class="muted">Unlike looking, this takes messages out and puts them back or not.</p>
    <${Form} fields=${fields} act=${act} word="Get messages" onDone=${done} keep />
    <div role="status">${got && (got.length ? `${plural(got.length, "message")} came.` : "The queue had no message.")}</div>
    ${got?.map((message, index) => html`<section class="card" key=${index} aria-label="Message ${index + 1}"><${Message} message=${message} /></section>`)}`;
}

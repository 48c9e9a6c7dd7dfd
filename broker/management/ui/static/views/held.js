// Messages that are held until a time: delayed ones, Celery tasks with an ETA, retries; cancel, run now, reschedule.
import { html, useEffect, useState } from "../kit/html.js";
import { api, get, post, put, remove, withQuery } from "../kit/api.js";
import { confirm, Dialog } from "../kit/dialog.js";
import { bytes, duration, exchangeName, moment, number, plural } from "../kit/format.js";
import { Form } from "../kit/form.js";
import { Awaited, Empty, note } from "../kit/notice.js";
import { refresh, usePoll } from "../kit/poll.js";
import { setQuery } from "../kit/routes.js";
import { Mark, Table } from "../kit/table.js";
import { useVhosts } from "../kit/vhosts.js";
import { ExchangeLink, QueueLink, ViewHead } from "../kit/view.js";

const PAGE_SIZE = 50;
const CLOCK_MS = 1000;
const SEARCH_PAGE = 500;
const SEARCH_PAGES_MAX = 10; // looked through for what is searched
const FOUND_MAX = 200;
const REASONS = {
  delay: "It was published with x-delay", until: "It was published with x-hold-until", eta: "The task's ETA is not reached",
  retry: "A consumer gave it back; it waits for its next try",
};

export function Held({ query }) {
  const vhosts = useVhosts();
  const vhost = query.vhost || vhosts[0];
  return html`<${ViewHead} title="Delayed messages" />
    <p class="muted">Messages that the broker holds until they are due: with a delay, as Celery tasks with an ETA, or between two tries.</p>
    ${vhost !== undefined && html`<${InVhost} key=${vhost} vhost=${vhost} vhosts=${vhosts} query=${query} />`}`;
}

function InVhost({ vhost, vhosts, query }) {
  const [changing, setChanging] = useState(null);
  const page = Math.max(1, Number.parseInt(query.page, 10) || 1);
  const read = (signal) => (query.name ? find(vhost, query.name, signal) : readPage(vhost, page, PAGE_SIZE, signal));
  const state = usePoll(read, `${vhost} ${page} ${query.name ?? ""}`, Boolean(query.name));
  const now = useClock();
  useEffect(() => {
    if (state.data && page > 1 && page > state.data.page_count) setQuery({ page: String(state.data.page_count) });
  }, [state.data]);
  return html`<div class="toolbar" role="search">
      ${vhosts.length > 1 && html`<label class="inline">Vhost <select value=${vhost} onChange=${(event) => setQuery({ vhost: event.target.value, page: "" })}>
        ${vhosts.map((one) => html`<option key=${one} value=${one} selected=${one === vhost}>${one}</option>`)}</select></label>`}
      <form class="toolbar" onSubmit=${search}>
        <input type="search" class="filter" name="name" aria-label="Search delayed messages" placeholder="Task, id, queue or key" defaultValue=${query.name ?? ""} />
        <button class="small">Find</button>
        ${query.name && html`<button type="button" class="small" onClick=${() => setQuery({ name: "", page: "" })}>Show all</button>`}
      </form>
      <span class="count" role="status">${state.data ? counted(state.data) : ""}</span>
    </div>
    <${Awaited} state=${state} doing="Reading the delayed messages">${(data) => html`
      <${Table} columns=${columnsOf(vhost, now, setChanging)} items=${data.items} keyOf=${(one) => one.id} caption="Delayed messages"
        empty=${html`<${Empty} title=${query.name ? "No delayed message matches" : "No message is held"}>A message is held with x-delay at an x-delayed-message exchange, with x-hold-until, by a policy with hold-header, or between retries.<//>`} />
      <${Pager} page=${page} pages=${data.page_count} />`}<//>
    ${changing && html`<${Reschedule} vhost=${vhost} held=${changing} onClose=${() => setChanging(null)} />`}`;
}

const readPage = (vhost, page, size, signal) => get(withQuery(api`leveret/held/${vhost}`, { page, page_size: size }), { signal });

/** Looks for a text in what is due first: {items, total_count, searched}. */
async function find(vhost, text, signal) {
  const wanted = text.toLowerCase();
  const has = (one) => [one.task, one.task_id, one.queue, one.exchange, one.routing_key].some((part) => part?.toLowerCase().includes(wanted));
  const items = [];
  let searched = 0;
  for (let page = 1; page <= SEARCH_PAGES_MAX && items.length < FOUND_MAX; page += 1) {
    const answer = await readPage(vhost, page, SEARCH_PAGE, signal);
    items.push(...answer.items.filter(has));
    searched = Math.min(page * SEARCH_PAGE, answer.total_count);
    if (page >= answer.page_count) break;
  }
  return { items: items.slice(0, FOUND_MAX), page_count: 1, searched };
}

function counted({ items, total_count, searched }) {
  if (searched === undefined) return plural(total_count, "message");
  return `${plural(items.length, "message")} found, the first ${number(searched)} searched`;
}

function search(event) {
  event.preventDefault();
  setQuery({ name: event.target.elements.name.value.trim(), page: "" });
}

/** Now, once a second. */
function useClock() {
  const [now, setNow] = useState(() => Date.now());
  useEffect(() => {
    const timer = setInterval(() => setNow(Date.now()), CLOCK_MS);
    return () => clearInterval(timer);
  }, []);
  return now;
}

function Pager({ page, pages }) {
  if (pages <= 1) return null;
  const to = (number) => setQuery({ page: number > 1 ? String(number) : "" });
  return html`<nav class="pager" aria-label="Pages">
    <button type="button" disabled=${page <= 1} onClick=${() => to(page - 1)}>Previous</button>
    <span>Page ${number(page)} of ${number(pages)}</span>
    <button type="button" disabled=${page >= pages} onClick=${() => to(page + 1)}>Next</button></nav>`;
}

const nameOf = (one) => one.task ?? (one.routing_key || one.id);
const until = (due, now) => (due > now ? duration(Math.ceil((due - now) / 1000) * 1000) : "now");

const columnsOf = (vhost, now, change) => [
  { key: "task", title: "Task or key", draw: (one) => (one.task ? one.task : html`<code>${one.routing_key}</code>`) },
  { key: "due", title: "Due", draw: (one) => moment(one.due) },
  { key: "in", title: "In", num: true, draw: (one) => until(one.due, now) },
  { key: "reason", title: "Why", draw: (one) => html`<${Mark} text=${one.reason} title=${REASONS[one.reason] ?? ""} />` },
  { key: "to", title: "Goes to", draw: (one) => (one.queue ? html`<${QueueLink} vhost=${vhost} name=${one.queue} />` : html`<${ExchangeLink} vhost=${vhost} name=${one.exchange} />`) },
  { key: "from", title: "Published to", draw: (one) => html`${exchangeName(one.exchange ?? "")}${one.task && one.routing_key && html` <code>${one.routing_key}</code>`}` },
  { key: "tries", title: "Tries", hint: "Deliveries so far", num: true, draw: (one) => one.deliveries || "" },
  { key: "bytes", title: "Size", num: true, draw: (one) => bytes(one.bytes) },
  { key: "act", title: "Actions", unseen: true, draw: (one) => html`
    <button type="button" class="small" aria-label="Run ${nameOf(one)} now" onClick=${() => release(vhost, one)}>Run now</button>
    <button type="button" class="small" aria-label="Reschedule ${nameOf(one)}" onClick=${() => change(one)}>Reschedule</button>
    <button type="button" class="small danger" aria-label="Cancel ${nameOf(one)}" onClick=${() => askCancel(vhost, one)}>Cancel</button>` },
];

async function release(vhost, one) {
  try {
    await post(api`leveret/held/${vhost}/${one.id}/release`);
    note(`${nameOf(one)} is on its way.`);
  } catch (problem) {
    note(problem.message, "warn");
  }
  refresh();
}

function askCancel(vhost, one) {
  confirm({
    title: `Cancel ${nameOf(one)}?`, text: "The message is thrown away and never delivered.", word: "Cancel it",
    act: async () => {
      await remove(api`leveret/held/${vhost}/${one.id}`);
      note(`${nameOf(one)} is cancelled.`);
      refresh();
    },
  });
}

/** A moment as an input of type datetime-local wants it, in local time. */
export function localTime(ms) {
  const date = new Date(ms);
  return new Date(ms - date.getTimezoneOffset() * 60_000).toISOString().slice(0, 19);
}

function Reschedule({ vhost, held, onClose }) {
  const fields = [{ name: "due", label: "Due", kind: "time", required: true, hint: "In this browser's time zone" }];
  const act = ({ due }) => put(api`leveret/held/${vhost}/${held.id}`, { due: new Date(due).getTime() });
  const done = () => {
    note(`${nameOf(held)} is rescheduled.`);
    refresh();
    onClose();
  };
  return html`<${Dialog} title="Reschedule ${nameOf(held)}" onClose=${onClose}>
    <${Form} fields=${fields} initial=${{ due: localTime(held.due) }} act=${act} word="Reschedule" onDone=${done} onCancel=${onClose} keep /><//>`;
}

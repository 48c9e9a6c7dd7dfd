// Dead letters: waiting messages that carry x-death, grouped by why, where from and which Celery task.
// Replaying to where they came from has its place beside "Edit a copy", once the broker can do it.
import { html, useEffect, useState } from "../kit/html.js";
import { api, get, withQuery } from "../kit/api.js";
import { Dialog } from "../kit/dialog.js";
import { moment, number, plural } from "../kit/format.js";
import { deathOf, taskOf } from "../kit/message.js";
import { Empty, Problem } from "../kit/notice.js";
import { refreshes } from "../kit/poll.js";
import { setQuery } from "../kit/routes.js";
import { Table } from "../kit/table.js";
import { VhostChoice } from "../kit/vhosts.js";
import { QueueLink, ViewHead } from "../kit/view.js";
import { Message } from "./message.js";
import { askDelete, idOf, preview } from "./messages.js";
import { Publish } from "./publish.js";

const QUEUES_MAX = 20;
const PEEK_COUNT = 100;
const PAGES_MAX = 5; // of one queue

/** The fullest queues, or the one that was asked for. */
async function queuesToSearch({ vhost, queue }, signal) {
  if (queue) return [{ vhost: vhost || "/", name: queue }];
  const path = vhost ? api`queues/${vhost}` : "/api/queues";
  const wish = { page: 1, page_size: QUEUES_MAX, sort: "messages_ready", sort_reverse: true, pagination: true };
  const page = await get(withQuery(path, wish), { signal });
  return page.items.filter((one) => one.messages_ready > 0);
}

/** Dead letters at the front of one queue. */
async function searchQueue({ vhost, name }, signal) {
  const found = [];
  let after;
  for (let count = 0; count < PAGES_MAX; count += 1) {
    const page = await get(withQuery(api`queues/${vhost}/${name}/messages`, { count: PEEK_COUNT, after }), { signal });
    found.push(...page.items.filter(deathOf).map((message) => ({ ...message, in: { vhost, name } })));
    if (!page.next) break;
    after = page.next;
  }
  return found;
}

/** Searches one queue after the other; what is found appears as it comes. */
function useSearch(where) {
  const [state, setState] = useState({ found: [], busy: true, searched: 0, problem: null });
  useEffect(() => {
    let ending;
    const search = async () => {
      ending?.abort();
      ending = new AbortController();
      const { signal } = ending;
      setState((old) => ({ ...old, busy: true }));
      const next = { found: [], searched: 0, problem: null };
      try {
        for (const queue of await queuesToSearch(where, signal)) {
          next.found = [...next.found, ...(await searchQueue(queue, signal))];
          next.searched += 1;
        }
      } catch (problem) {
        if (problem.name === "AbortError") return;
        next.problem = problem;
      }
      setState({ ...next, busy: false });
    };
    search();
    const unfollow = refreshes.follow(search);
    return () => {
      unfollow();
      ending?.abort();
    };
  }, [where.vhost, where.queue]);
  return state;
}

/** Groups of dead letters: {key, reason, queue, task, messages, last}. */
export function grouped(messages) {
  const groups = new Map();
  for (const message of messages) {
    const death = deathOf(message);
    const task = taskOf(message)?.name ?? "";
    const key = JSON.stringify([death.reason, death.queue, task, message.in.vhost, message.in.name]);
    const group = groups.get(key) ?? { key, reason: death.reason, queue: death.queue, task, in: message.in, messages: [] };
    group.messages.push(message);
    groups.set(key, group);
  }
  return [...groups.values()].sort((a, b) => b.messages.length - a.messages.length);
}

export function DeadLetters({ query }) {
  const [editing, setEditing] = useState(null);
  const [open, setOpen] = useState(null);
  const state = useSearch({ vhost: query.vhost ?? "", queue: query.queue ?? "" });
  const groups = grouped(state.found);
  const group = groups.find((one) => one.key === query.group);
  return html`<${ViewHead} title="Dead letters" />
    <p class="muted">Waiting messages that were dead-lettered, searched in ${query.queue ? "one queue" : `the ${QUEUES_MAX} fullest queues`}, from the front. Nothing is taken or moved.</p>
    <div class="toolbar" role="search">
      <${VhostChoice} value=${query.vhost ?? ""} onChoose=${(vhost) => setQuery({ vhost, group: "" })} />
      <form onSubmit=${(event) => { event.preventDefault(); setQuery({ queue: event.target.elements.queue.value, group: "" }); }}>
        <input class="filter" name="queue" aria-label="Only in this queue" placeholder="Only in this queue" defaultValue=${query.queue ?? ""} />
      </form>
      <span class="count" role="status">${state.busy ? "searching…" : `${plural(state.found.length, "dead letter")} in ${plural(state.searched, "queue")}`}</span>
    </div>
    <${Problem} problem=${state.problem} doing="Searching" />
    <${Table} columns=${GROUP_COLUMNS} items=${groups} keyOf=${(one) => one.key} caption="Groups of dead letters"
      empty=${html`<${Empty} title=${state.busy ? "Searching…" : "No dead letters found"}>A message is dead-lettered when it is rejected, expires or finds its queue full, and the queue has a dead-letter exchange.<//>`} />
    ${group && html`<h2>${titleOf(group)}</h2>
      <${Table} columns=${messageColumns({ setOpen, setEditing })} items=${group.messages} keyOf=${idOf} caption="Dead letters of this group" />`}
    ${open && html`<${Dialog} title="Dead letter" wide onClose=${() => setOpen(null)}><${Message} message=${open} /><//>`}
    ${editing && html`<${Edit} message=${editing} onClose=${() => setEditing(null)} />`}`;
}

const titleOf = (group) => `${group.reason} in ${group.queue}${group.task ? `, ${group.task}` : ""}`;

const GROUP_COLUMNS = [
  { key: "reason", title: "Why", draw: (one) => html`<button type="button" class="small" onClick=${() => setQuery({ group: one.key })}>${one.reason}</button>` },
  { key: "queue", title: "Died in queue" },
  { key: "task", title: "Celery task", draw: (one) => one.task },
  { key: "in", title: "Waits in", draw: (one) => html`<${QueueLink} ...${one.in} />` },
  { key: "count", title: "Messages", num: true, draw: (one) => number(one.messages.length) },
];

const messageColumns = ({ setOpen, setEditing }) => [
  { key: "what", title: "Message", draw: (one) => html`<span class="clip">${preview(one) || "(empty)"}</span>` },
  { key: "at", title: "First died", draw: (one) => moment(deathOf(one).at) },
  { key: "count", title: "Times", num: true, draw: (one) => number(deathOf(one).count) },
  { key: "act", title: "Actions", unseen: true, draw: (one) => html`
    <button type="button" class="small" onClick=${() => setOpen(one)}>Open</button>
    <button type="button" class="small" onClick=${() => setEditing(one)}>Edit a copy</button>
    <button type="button" class="small danger" onClick=${() => askDelete(one.in.vhost, one.in.name, [idOf(one)], () => {})}>Delete</button>` },
];

/** Publishes a changed copy to where the message was published at first; the dead letter stays. */
function Edit({ message, onClose }) {
  const death = deathOf(message);
  const { headers, ...properties } = message.properties;
  const kept = Object.entries(headers).filter(([name]) => !name.startsWith("x-death") && !/^x-(first|last)-death-/.test(name));
  const copy = { ...message, routing_key: death.keys[0] ?? message.routing_key, properties: { ...properties, headers: Object.fromEntries(kept) } };
  return html`<${Dialog} title="Publish a changed copy" wide onClose=${onClose}>
    <p class="muted">It goes to the exchange ${death.exchange || "(default)"}, as the message did at first. The dead letter stays until you delete it.</p>
    <${Publish} vhost=${message.in.vhost} exchange=${death.exchange ?? ""} message=${copy} onDone=${onClose} onCancel=${onClose} /><//>`;
}

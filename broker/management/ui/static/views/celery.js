// Celery tasks that wait or are at workers: counts by name, the tasks themselves, one by its id; revoke.
import { html, useState } from "../kit/html.js";
import { get, post, withQuery } from "../kit/api.js";
import { confirm, Dialog } from "../kit/dialog.js";
import { duration, moment, number } from "../kit/format.js";
import { Awaited, Empty, note } from "../kit/notice.js";
import { refresh, usePoll } from "../kit/poll.js";
import { setQuery } from "../kit/routes.js";
import { Mark, Table } from "../kit/table.js";
import { VhostChoice } from "../kit/vhosts.js";
import { QueueLink, ViewHead } from "../kit/view.js";
import { shown, Task } from "./message.js";

const FILTERS = [["name", "Task name"], ["id", "Task id"], ["queue", "Queue"]];

export function Celery({ query }) {
  const [open, setOpen] = useState(null);
  const path = withQuery("/api/leveret/celery/tasks", { vhost: query.vhost, name: query.name, id: query.id, queue: query.queue });
  const state = usePoll((signal) => get(path, { signal }), path);
  return html`<${ViewHead} title="Celery tasks" />
    <p class="muted">Tasks in the broker's queues, read from the messages without touching them. What workers have finished is not here.</p>
    <div class="toolbar" role="search">
      <${VhostChoice} value=${query.vhost ?? ""} onChoose=${(vhost) => setQuery({ vhost })} />
      <form class="toolbar" onSubmit=${search}>
        ${FILTERS.map(([name, title]) => html`<input key=${name} type="search" class="filter" name=${name} aria-label=${title} placeholder=${title} defaultValue=${query[name] ?? ""} />`)}
        <button class="small">Find</button>
        ${FILTERS.some(([name]) => query[name]) && html`<button type="button" class="small" onClick=${showAll}>Show all</button>`}
      </form>
    </div>
    <${Awaited} state=${state} doing="Reading the tasks">${(data) => html`
      ${data.truncated && html`<div class="banner warn">There are more tasks than are shown. Search by name, id or queue.</div>`}
      ${data.names.length > 0 && html`<div class="tiles">${data.names.slice(0, 12).map((one) => html`<button type="button" key=${one.name} class="tile"
        title="Show only these" onClick=${() => setQuery({ name: one.name })}><b>${number(one.count)}</b><span>${one.name}</span></button>`)}</div>`}
      <${Table} columns=${columnsOf(setOpen)} items=${data.tasks} keyOf=${(one) => `${one.vhost} ${one.queue} ${one.id} ${one.message_id}`} caption="Celery tasks"
        empty=${html`<${Empty} title="No task found">${query.id ? "A task with this id is neither waiting nor at a worker that has not acknowledged it." : "Tasks appear here while they wait for a worker."}<//>`} />`}<//>
    ${open && html`<${Dialog} title="Task" wide onClose=${() => setOpen(null)}><${Task} task=${{ ...open, root: open.root_id, parent: open.parent_id }} /><//>`}`;
}

function search(event) {
  event.preventDefault();
  setQuery(Object.fromEntries(FILTERS.map(([name]) => [name, event.target.elements[name].value.trim()])));
}

const showAll = () => {
  setQuery(Object.fromEntries(FILTERS.map(([name]) => [name, ""])));
  refresh();
};

const columnsOf = (open) => [
  { key: "name", title: "Task" },
  { key: "id", title: "Id", draw: (task) => html`<code class="id">${task.id}</code>` },
  { key: "args", title: "Arguments", draw: (task) => html`<code class="clip">${shown(task.args)} ${shown(task.kwargs)}</code>` },
  { key: "queue", title: "Queue", draw: (task) => html`<${QueueLink} vhost=${task.vhost} name=${task.queue} />` },
  { key: "state", title: "State", draw: (task) => html`<${Mark} text=${task.state} title=${task.worker ?? "It waits in its queue"} kind=${task.worker ? "accent" : ""} />` },
  { key: "retries", title: "Retries", num: true, draw: (task) => task.retries ?? "" },
  { key: "eta", title: "Not before", draw: (task) => (task.eta ? moment(task.eta) : "") },
  { key: "age", title: "Age", num: true, draw: (task) => (typeof task.age_ms === "number" ? duration(task.age_ms) : "") },
  { key: "act", title: "Actions", unseen: true, draw: (task) => html`
    <button type="button" class="small" onClick=${() => open(task)}>Open</button>
    <button type="button" class="small danger" aria-label="Revoke ${task.name} ${task.id}" onClick=${() => askRevoke(task)}>Revoke</button>` },
];

function askRevoke(task) {
  confirm({
    title: "Revoke this task?",
    text: `${task.name} ${task.id} is taken out of ${task.queue} for good, and workers are told to skip it. One that has begun goes on.`,
    word: "Revoke",
    act: async () => {
      const done = await post("/api/leveret/celery/revoke", { vhost: task.vhost, id: task.id });
      note(outcomeOf(done), done.removed || done.workers_told ? "good" : "warn");
      refresh();
    },
  });
}

function outcomeOf({ removed, workers_told }) {
  if (removed) return workers_told ? "The task is taken out, and workers are told." : "The task is taken out of its queue.";
  return workers_told ? "It does not wait any more; workers are told to skip it." : "It does not wait any more, and no worker listens.";
}

// Celery tasks that wait or are at workers: counts by name, the tasks themselves, one by its id; revoke.
import { html, useState } from "../kit/html.js";
import { api, get, remove, withQuery } from "../kit/api.js";
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

/** What the broker answers, whatever it is wrapped in: {tasks, names}. */
function read(answer) {
  const tasks = Array.isArray(answer) ? answer : (answer.tasks ?? answer.items ?? []);
  const counts = Array.isArray(answer) ? undefined : (answer.names ?? answer.counts ?? answer.by_name);
  return { tasks, names: counts ? namesOf(counts) : counted(tasks), note: answer.note, truncated: answer.truncated ?? answer.incomplete };
}

function namesOf(counts) {
  const rows = Array.isArray(counts) ? counts : Object.entries(counts).map(([name, count]) => (typeof count === "number" ? { name, count } : { name, ...count }));
  return rows.map((row) => ({ ...row, name: row.name ?? row.task, count: row.count ?? row.waiting ?? row.tasks }));
}

function counted(tasks) {
  const counts = new Map();
  for (const { name, task } of tasks) counts.set(name ?? task, (counts.get(name ?? task) ?? 0) + 1);
  return [...counts].map(([name, count]) => ({ name, count })).sort((a, b) => b.count - a.count);
}

const nameOf = (task) => task.name ?? task.task;

export function Celery({ query }) {
  const [open, setOpen] = useState(null);
  const path = withQuery("/api/leveret/celery/tasks", { vhost: query.vhost, name: query.name, id: query.id, queue: query.queue });
  const state = usePoll((signal) => get(path, { signal }).then(read), path);
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
      <${Table} columns=${columnsOf(setOpen)} items=${data.tasks} keyOf=${(one) => `${one.vhost} ${one.queue} ${one.id} ${one.position ?? one.message_id ?? ""}`} caption="Celery tasks"
        empty=${html`<${Empty} title="No task found">${query.id ? "A task with this id is neither waiting nor at a worker that has not acknowledged it." : "Tasks appear here while they wait for a worker."}<//>`} />`}<//>
    ${open && html`<${Dialog} title="Task" wide onClose=${() => setOpen(null)}><${Task} task=${taskShape(open)} /><//>`}`;
}

const taskShape = (task) => ({ ...task, name: nameOf(task), root: task.root_id ?? task.root, parent: task.parent_id ?? task.parent });

function search(event) {
  event.preventDefault();
  setQuery(Object.fromEntries(FILTERS.map(([name]) => [name, event.target.elements[name].value.trim()])));
}

const showAll = () => {
  setQuery(Object.fromEntries(FILTERS.map(([name]) => [name, ""])));
  refresh();
};

const columnsOf = (open) => [
  { key: "name", title: "Task", draw: nameOf },
  { key: "id", title: "Id", draw: (task) => html`<code>${task.id}</code>` },
  { key: "args", title: "Arguments", draw: (task) => html`<code class="clip">${shown(task.args)} ${shown(task.kwargs)}</code>` },
  { key: "queue", title: "Queue", draw: (task) => html`<${QueueLink} vhost=${task.vhost} name=${task.queue} />` },
  { key: "state", title: "State", draw: (task) => html`<${Mark} text=${task.state ?? "waiting"} title="Where the task is" />` },
  { key: "retries", title: "Retries", num: true, draw: (task) => task.retries ?? "" },
  { key: "eta", title: "Not before", draw: (task) => (task.eta ? moment(task.eta) : "") },
  { key: "age", title: "Age", num: true, draw: (task) => (typeof task.age_ms === "number" ? duration(task.age_ms) : "") },
  { key: "act", title: "Actions", unseen: true, draw: (task) => html`
    <button type="button" class="small" onClick=${() => open(task)}>Open</button>
    <button type="button" class="small danger" aria-label="Revoke ${nameOf(task)} ${task.id}" onClick=${() => askRevoke(task)}>Revoke</button>` },
];

function askRevoke(task) {
  confirm({
    title: "Revoke this task?",
    text: `${nameOf(task)} ${task.id} is taken out of ${task.queue} and will not run. It cannot be brought back.`,
    word: "Revoke",
    act: async () => {
      await revoke(task);
      note("The task is revoked.");
      refresh();
    },
  });
}

const revoke = (task) => remove(api`queues/${task.vhost}/${task.queue}/messages/${task.message_id ?? task.position}`);

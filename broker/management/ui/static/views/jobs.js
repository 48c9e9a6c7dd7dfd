// Jobs: long work on messages, under way or ended lately; cancel.
import { html } from "../kit/html.js";
import { get } from "../kit/api.js";
import { confirm } from "../kit/dialog.js";
import { duration, moment } from "../kit/format.js";
import { Bar, cancel, isGoing, progressOf } from "../kit/job.js";
import { LocalList } from "../kit/list.js";
import { Empty, note } from "../kit/notice.js";
import { refresh } from "../kit/poll.js";
import { Mark } from "../kit/table.js";
import { QueueLink, ViewHead } from "../kit/view.js";

const KINDS = { done: "good", failed: "bad", cancelled: "warn", paused: "warn", running: "accent" };

const COLUMNS = [
  { key: "id", title: "Job", sort: "id", value: (job) => job.started, draw: (job) => `${job.kind} ${job.id}` },
  { key: "vhost", title: "Vhost", sort: "vhost" },
  { key: "source", title: "From", draw: (job) => html`<${QueueLink} vhost=${job.vhost} name=${job.source} />` },
  { key: "destination", title: "To", draw: (job) => job.destination ?? "" },
  { key: "state", title: "State", sort: "state", draw: (job) => html`<${Mark} text=${job.state} title=${job.error || "Nothing is wrong"} kind=${KINDS[job.state]} />` },
  { key: "progress", title: "Done", draw: (job) => html`<span class="job-bar">${progressOf(job)} <${Bar} job=${job} label="Progress of ${job.id}" /></span>` },
  { key: "started", title: "Started", draw: (job) => moment(job.started) },
  { key: "took", title: "Took", num: true, draw: (job) => (job.ended ? duration(new Date(job.ended) - new Date(job.started)) : "") },
  { key: "error", title: "Why", draw: (job) => job.error ?? "" },
  { key: "act", title: "Actions", unseen: true, draw: (job) => isGoing(job) && html`<button type="button" class="small danger"
    aria-label="Cancel ${job.kind} ${job.id}" onClick=${() => askCancel(job)}>Cancel</button>` },
];

export function Jobs() {
  return html`<${ViewHead} title="Jobs" />
    <p class="muted">Messages being moved, copied, replayed or got back, and what has ended since the broker started. What a job has done stays done when it is cancelled.</p>
    <${LocalList} read=${(signal) => get("/api/leveret/jobs", { signal })} columns=${COLUMNS} keyOf=${(job) => job.id} caption="Jobs" noun="job"
      textOf=${(job) => `${job.id} ${job.kind} ${job.source} ${job.destination ?? ""} ${job.state}`} byVhost defaults=${{ sort: "id", reverse: true }}
      empty=${html`<${Empty} title="There is no job">Moving and replaying begin at a queue's messages or dead letters, rewinding at the queue.<//>`} />`;
}

function askCancel(job) {
  confirm({
    title: `Cancel ${job.kind} ${job.id}?`, text: "Messages that it has moved so far stay where they are now; the others stay where they were.", word: "Cancel the job",
    act: async () => {
      await cancel(job);
      note("The job ends.");
      refresh();
    },
  });
}

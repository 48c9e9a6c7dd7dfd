// Long work of the broker: how far a job is, and cancelling it. Must not: know what a job does.
import { html, useEffect, useRef, useState } from "./html.js";
import { api, get, remove } from "./api.js";
import { number, plural } from "./format.js";
import { Problem } from "./notice.js";

const POLL_MS = 500;
const GOING_ON = ["running", "paused"];

export const isGoing = (job) => GOING_ON.includes(job.state);
export const cancel = (job) => remove(api`leveret/jobs/${job.id}`);

/** How far a job is, in words: "120 messages, 300 of 500 looked at, 2 left out". */
export function progressOf(job) {
  const looking = isGoing(job) && job.looked_at < job.total ? `, ${number(job.looked_at)} of ${number(job.total)} looked at` : "";
  return `${plural(job.done, "message")}${looking}${job.skipped ? `, ${number(job.skipped)} left out` : ""}`;
}

/** The job as it is now, asked for again and again until it has ended; `onEnd(job)` is told once. */
function useJob(first, onEnd) {
  const [state, setState] = useState({ job: first, problem: null });
  const told = useRef(onEnd);
  told.current = onEnd;
  useEffect(() => {
    let timer = 0;
    let ended = false;
    const read = async () => {
      try {
        const job = await get(api`leveret/jobs/${first.id}`);
        if (ended) return;
        setState({ job, problem: null });
        if (!isGoing(job)) return void told.current?.(job);
      } catch (problem) {
        if (ended) return;
        setState((old) => ({ ...old, problem }));
        if (problem.status === 404) return;
      }
      timer = setTimeout(read, POLL_MS);
    };
    read();
    return () => {
      ended = true;
      clearTimeout(timer);
    };
  }, [first.id]);
  return state;
}

export function Bar({ job, label }) {
  const part = !isGoing(job) ? 1 : job.total > 0 ? Math.min(1, Math.max(job.done, job.looked_at) / job.total) : undefined;
  return html`<progress aria-label=${label} max="1" value=${part} />`;
}

/** Follows a job to its end. Args: `job` as it was answered, `what` such as "Moving", `onEnd(job)`. */
export function JobProgress({ job: first, what, onEnd }) {
  const { job, problem } = useJob(first, onEnd);
  const [refused, setRefused] = useState(null);
  const stop = () => cancel(job).catch(setRefused);
  return html`<div class="job">
    <p role="status">${isGoing(job) ? `${what}: ${progressOf(job)}${job.error ? `. It waits: ${job.error}` : ""}.` : endOf(job, what)}</p>
    <${Bar} job=${job} label=${what} />
    <${Problem} problem=${problem ?? refused} />
    ${isGoing(job) && html`<p class="muted">The job goes on when you leave this; “Jobs” lists it.</p>
      <div class="actions"><button type="button" onClick=${stop}>Cancel the job</button></div>`}
  </div>`;
}

const ENDS = { done: "done", cancelled: "cancelled", failed: "failed" };

const endOf = (job, what) => `${what}: ${ENDS[job.state] ?? job.state}, ${progressOf(job)}${job.error ? `. ${job.error}` : ""}.`;

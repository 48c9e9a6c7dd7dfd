// What the page says: short notes that go by themselves, errors with advice, empty and loading states.
import { html } from "./html.js";
import { Signal, useSignal } from "./signal.js";

const NOTES_MAX = 4;
const NOTE_MS = 6000;
let numbers = 0;
const notes = new Signal([]);

/** Shows a note, which screen readers read out. */
export function note(text, kind = "good") {
  numbers += 1;
  const id = numbers;
  notes.set([...notes.value, { id, text, kind }].slice(-NOTES_MAX));
  setTimeout(() => dismiss(id), NOTE_MS);
}

const dismiss = (id) => notes.set(notes.value.filter((one) => one.id !== id));

export function Notes() {
  const shown = useSignal(notes);
  return html`<div class="notes" role="status" aria-live="polite">
    ${shown.map(
      (one) => html`<div class="note ${one.kind}" key=${one.id}>
        <span>${one.text}</span>
        <button type="button" class="icon" aria-label="Dismiss" onClick=${() => dismiss(one.id)}>×</button>
      </div>`,
    )}
  </div>`;
}

/** An error of the API or the network: what is wrong, and what to do. */
export function Problem({ problem, doing }) {
  if (!problem) return null;
  const status = problem.status ? ` (${problem.status})` : "";
  return html`<div class="problem" role="alert">
    <strong>${doing ? `${doing} did not work${status}.` : `That did not work${status}.`}</strong>
    <p class="reason">${String(problem.message)}</p>
    ${problem.advice && html`<p>${problem.advice}</p>`}
  </div>`;
}

export function Empty({ title, children }) {
  return html`<div class="empty"><p class="empty-title">${title}</p>${children && html`<p>${children}</p>`}</div>`;
}

/** What a polled thing looks like before it is there: nothing yet, or why not. Then its children. */
export function Awaited({ state, children, doing = "Reading this" }) {
  if (state.data === undefined && !state.problem) return html`<p class="loading" aria-busy="true">Loading…</p>`;
  return html`<${Problem} problem=${state.problem} doing=${doing} />${state.data !== undefined && children(state.data)}`;
}

// Dialogs on <dialog>: the browser keeps the focus inside and gives it back. One at a time.
import { html, newId, useEffect, useRef, useState } from "./html.js";
import { Problem } from "./notice.js";
import { Signal, useSignal } from "./signal.js";

const shown = new Signal(null);

/** The button of that text in the view: it may have been drawn anew while a dialog was open. */
function buttonNamed(name) {
  return name && [...document.querySelectorAll("main button")].find((button) => button.textContent === name);
}

/** A dialog; it is open as long as it is drawn. */
export function Dialog({ title, onClose, children, wide }) {
  const frame = useRef(null);
  const [id] = useState(() => newId("dialog"));
  useEffect(() => {
    const before = document.activeElement;
    const name = before?.textContent;
    frame.current.showModal();
    return () => (before?.isConnected ? before : buttonNamed(name))?.focus();
  }, []);
  const cancel = (event) => {
    if (event.target !== frame.current) return;
    event.preventDefault();
    onClose();
  };
  return html`<dialog ref=${frame} class=${wide ? "wide" : ""} aria-labelledby=${id} onCancel=${cancel} onClose=${cancel}>
    <header><h2 id=${id}>${title}</h2>
      <button type="button" class="icon" aria-label="Close" onClick=${onClose}>×</button></header>
    ${children}
  </dialog>`;
}

/**
 * Asks before something that cannot be undone, then does it.
 *
 * Args: `title` a question, `text` what will be lost, `word` on the button, `act` does it (an error stays in the
 * dialog), `field` {label, hint} for a text handed to `act`, `typed` a name that must be typed first.
 */
export function confirm(question) {
  shown.set(question);
}

export function Confirmation() {
  const question = useSignal(shown);
  return question && html`<${Question} ...${question} key=${question} />`;
}

function Question({ title, text, word, act, field, typed, harmless }) {
  const [value, setValue] = useState("");
  const [state, setState] = useState({ busy: false, problem: null });
  const close = () => shown.set(null);
  const submit = async (event) => {
    event.preventDefault();
    setState({ busy: true, problem: null });
    try {
      await act(value);
      close();
    } catch (problem) {
      setState({ busy: false, problem });
    }
  };
  const ready = !state.busy && (typed === undefined || value === typed);
  const label = field?.label ?? (typed !== undefined ? `Type ${typed} to go on` : null);
  return html`<${Dialog} title=${title} onClose=${close}>
    <form onSubmit=${submit}>
      <p>${text}</p>
      ${label && html`<label class="field"><span>${label}</span>
        <input value=${value} autocomplete="off" onInput=${(event) => setValue(event.target.value)} />
        ${field?.hint && html`<small>${field.hint}</small>`}</label>`}
      <${Problem} problem=${state.problem} />
      <div class="actions">
        <button type="button" onClick=${close}>Cancel</button>
        <button class=${harmless ? "primary" : "danger"} disabled=${!ready}>${word}</button>
      </div>
    </form>
  <//>`;
}

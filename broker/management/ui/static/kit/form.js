// Forms: labelled fields, one submit under way at a time, errors beside the button. Must not: know the API.
import { html, newId, useState } from "./html.js";
import { Problem } from "./notice.js";

/**
 * A form over one object of values.
 *
 * Args: `fields` rows {name, label, kind (text, password, number, time, checkbox, area, custom), hint, required,
 * options, when(values), render(value, set, values)}, `initial`, `act(values)` may throw, `word` on the button,
 * `onDone(result)`.
 */
export function Form({ fields, initial = {}, act, word, onDone, onCancel, danger, keep }) {
  const [values, setValues] = useState(() => defaults(fields, initial));
  const [state, setState] = useState({ busy: false, problem: null });
  const set = (name, value) => setValues((old) => ({ ...old, [name]: value }));
  const submit = async (event) => {
    event.preventDefault();
    if (state.busy) return;
    setState({ busy: true, problem: null });
    try {
      const result = await act(values);
      setState({ busy: false, problem: null });
      if (!keep) setValues(defaults(fields, initial));
      onDone?.(result, values);
    } catch (problem) {
      setState({ busy: false, problem });
    }
  };
  const visible = fields.filter((field) => !field.when || field.when(values));
  return html`<form class="form" onSubmit=${submit} autocomplete="off">
    <div class="fields">
      ${visible.map((field) => html`<${Field} key=${field.name} field=${field} value=${values[field.name]}
        values=${values} set=${(value) => set(field.name, value)} />`)}
    </div>
    <${Problem} problem=${state.problem} />
    <div class="actions">
      ${onCancel && html`<button type="button" onClick=${onCancel}>Cancel</button>`}
      <button class=${danger ? "danger" : "primary"} disabled=${state.busy}>${state.busy ? "Working…" : word}</button>
    </div>
  </form>`;
}

function defaults(fields, initial) {
  const empty = (field) => field.initial ?? (field.kind === "checkbox" ? false : field.options ? valueOf(field.options[0]) : "");
  return Object.fromEntries(fields.map((field) => [field.name, initial[field.name] ?? empty(field)]));
}

const valueOf = (option) => (Array.isArray(option) ? option[0] : option);
const textOf = (option) => (Array.isArray(option) ? option[1] : option);

function Field({ field, value, values, set }) {
  const [id] = useState(() => newId("field"));
  const hint = typeof field.hint === "function" ? field.hint(values) : field.hint;
  const about = hint ? `${id}-hint` : undefined;
  const small = hint && html`<small id=${about}>${hint}</small>`;
  if (field.kind === "checkbox") {
    return html`<div class="field check"><label><input type="checkbox" checked=${value} aria-describedby=${about}
      onChange=${(event) => set(event.target.checked)} /> <span>${field.label}</span></label>${small}</div>`;
  }
  if (field.kind === "custom") {
    return html`<fieldset class="field full" aria-describedby=${about}><legend>${field.label}</legend>
      ${field.render(value, set, values)}${small}</fieldset>`;
  }
  return html`<div class="field ${field.kind === "area" ? "full" : ""}">
    <label for=${id}>${field.label}${field.required && html`<span class="required"> (required)</span>`}</label>
    <${Input} id=${id} field=${field} value=${value} set=${set} about=${about} />${small}
  </div>`;
}

function Input({ id, field, value, set, about }) {
  const shared = { id, name: field.name, required: field.required, "aria-describedby": about };
  const typed = (event) => set(event.target.value);
  if (field.options) {
    return html`<select ...${shared} value=${value} onChange=${typed}>
      ${field.options.map((one) => html`<option key=${valueOf(one)} value=${valueOf(one)}
        selected=${valueOf(one) === value}>${textOf(one)}</option>`)}
    </select>`;
  }
  if (field.kind === "area") {
    return html`<textarea ...${shared} rows=${field.rows ?? 4} spellcheck="false" value=${value} onInput=${typed} />`;
  }
  const kind = field.kind === "number" ? { inputmode: "numeric", pattern: "-?[0-9]*" } : {};
  const type = { password: "password", time: "datetime-local" }[field.kind] ?? "text";
  if (field.kind === "time") kind.step = 1;
  return html`<input ...${shared} ...${kind} type=${type} list=${field.list} placeholder=${field.placeholder}
    autocomplete=${field.kind === "password" ? "new-password" : "off"} spellcheck="false" value=${value} onInput=${typed} />`;
}

/** A part of a page that unfolds, for what is needed now and then. */
export function Fold({ title, children, open }) {
  return html`<details class="fold" open=${open}><summary>${title}</summary><div class="fold-body">${children}</div></details>`;
}

// Editing and showing tables of arguments and headers: rows of name, kind and value.
import { html } from "./html.js";
import { inline } from "./format.js";

const KINDS = ["text", "number", "yes/no", "JSON"];
const ROWS_MAX = 64;

/** The object that rows stand for. Throws an error that names the row which is wrong. */
export function tableOf(rows) {
  const named = rows.filter((row) => row.name !== "");
  return Object.fromEntries(named.map((row) => [row.name, valueOf(row)]));
}

function valueOf({ name, kind, value }) {
  if (kind === "text") return value;
  if (kind === "number") {
    if (!/^-?\d+(\.\d+)?$/.test(value.trim())) throw new Error(`${name}: ${value || "nothing"} is no number`);
    return Number(value);
  }
  if (kind === "yes/no") return value === "true";
  try {
    return JSON.parse(value);
  } catch {
    throw new Error(`${name}: that is not JSON`);
  }
}

/** The rows that an object is edited as. */
export function rowsOf(table = {}) {
  return Object.entries(table).map(([name, value]) => {
    if (typeof value === "string") return { name, kind: "text", value };
    if (typeof value === "number") return { name, kind: "number", value: String(value) };
    if (typeof value === "boolean") return { name, kind: "yes/no", value: String(value) };
    return { name, kind: "JSON", value: JSON.stringify(value) };
  });
}

/** Args: `rows`, `set(rows)`, `known` rows [name, kind, what it does] that are offered as buttons, `of` what it is. */
export function ArgumentRows({ rows, set, known = [], of = "argument" }) {
  const change = (index, changes) => set(rows.map((row, at) => (at === index ? { ...row, ...changes } : row)));
  const add = (row) => rows.length < ROWS_MAX && set([...rows, row]);
  const used = new Set(rows.map((row) => row.name));
  return html`<div class="argument-rows">
    ${rows.map((row, index) => html`<${Row} key=${index} row=${row} index=${index} of=${of} change=${change}
      remove=${() => set(rows.filter((_, at) => at !== index))} />`)}
    <div class="chips">
      <button type="button" class="small" onClick=${() => add({ name: "", kind: "text", value: "" })}>Add ${of}</button>
      ${known.filter(([name]) => !used.has(name)).map(([name, kind, title]) => html`<button type="button" key=${name}
        class="small quiet" title=${title} onClick=${() => add({ name, kind, value: kind === "yes/no" ? "true" : "" })}>+ ${name}</button>`)}
    </div>
  </div>`;
}

function Row({ row, index, of, change, remove }) {
  const nth = `${of} ${index + 1}`;
  const typed = (event) => change(index, { value: event.target.value });
  return html`<div class="argument-row">
    <input aria-label="Name of ${nth}" placeholder="name" value=${row.name} spellcheck="false"
      onInput=${(event) => change(index, { name: event.target.value })} />
    <select aria-label="Kind of ${nth}" value=${row.kind} onChange=${(event) => change(index, { kind: event.target.value })}>
      ${KINDS.map((kind) => html`<option key=${kind} selected=${kind === row.kind}>${kind}</option>`)}
    </select>
    ${row.kind === "yes/no"
      ? html`<select aria-label="Value of ${nth}" value=${row.value} onChange=${typed}>
          <option value="true" selected=${row.value === "true"}>yes</option>
          <option value="false" selected=${row.value !== "true"}>no</option></select>`
      : html`<input aria-label="Value of ${nth}" placeholder="value" value=${row.value} spellcheck="false" onInput=${typed} />`}
    <button type="button" class="icon" aria-label="Remove ${nth}" onClick=${remove}>×</button>
  </div>`;
}

/** A table of arguments as a list of names and values. */
export function ArgumentList({ table, none = "none" }) {
  const entries = Object.entries(table ?? {});
  if (!entries.length) return html`<span class="muted">${none}</span>`;
  return html`<dl class="arguments">
    ${entries.map(([name, value]) => html`<div key=${name}><dt>${name}</dt><dd>${inline(value)}</dd></div>`)}
  </dl>`;
}

export const inLine = (table) => Object.entries(table ?? {}).map(([name, value]) => `${name}: ${inline(value)}`).join(", ");

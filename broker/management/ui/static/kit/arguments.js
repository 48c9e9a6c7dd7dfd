// Editing and showing tables of arguments and headers: rows of name, kind and value.
import { html, newId, useState } from "./html.js";
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

const newRow = ({ name, kind, choices }) => ({ name, kind, value: choices?.[0] ?? (kind === "yes/no" ? "true" : "") });

/** Args: `rows`, `set(rows)`, `known` rows {name, kind, about, choices} that are offered as buttons, `of` what it is. */
export function ArgumentRows({ rows, set, known = [], of = "argument" }) {
  const change = (index, changes) => set(rows.map((row, at) => (at === index ? { ...row, ...changes } : row)));
  const add = (row) => rows.length < ROWS_MAX && set([...rows, row]);
  const used = new Set(rows.map((row) => row.name));
  return html`<div class="argument-rows">
    ${rows.map((row, index) => html`<${Row} key=${index} row=${row} index=${index} of=${of} change=${change}
      known=${known.find((one) => one.name === row.name)} remove=${() => set(rows.filter((_, at) => at !== index))} />`)}
    <div class="chips">
      <button type="button" class="small" onClick=${() => add({ name: "", kind: "text", value: "" })}>Add ${of}</button>
      ${known.filter((one) => !used.has(one.name)).map((one) => html`<button type="button" key=${one.name}
        class="small quiet" title=${one.about} onClick=${() => add(newRow(one))}>+ ${one.name}</button>`)}
    </div>
  </div>`;
}

function Row({ row, index, of, known, change, remove }) {
  const [id] = useState(() => newId("argument"));
  const nth = `${of} ${index + 1}`;
  const about = known?.about && `${id}-about`;
  return html`<div class="argument-row">
    <input aria-label="Name of ${nth}" placeholder="name" value=${row.name} spellcheck="false"
      onInput=${(event) => change(index, { name: event.target.value })} />
    <select aria-label="Kind of ${nth}" value=${row.kind} onChange=${(event) => change(index, { kind: event.target.value })}>
      ${KINDS.map((kind) => html`<option key=${kind} selected=${kind === row.kind}>${kind}</option>`)}
    </select>
    <${Value} row=${row} choices=${known?.choices} shared=${{ "aria-label": `Value of ${nth}`, "aria-describedby": about }}
      typed=${(event) => change(index, { value: event.target.value })} />
    <button type="button" class="icon" aria-label="Remove ${nth}" onClick=${remove}>×</button>
    ${about && html`<small id=${about}>${known.about}</small>`}
  </div>`;
}

function Value({ row, choices, shared, typed }) {
  const options = row.kind === "yes/no" ? [["true", "yes"], ["false", "no"]] : row.kind === "text" && choices?.map((one) => [one, one]);
  if (!options || (row.kind === "text" && !choices.includes(row.value))) {
    return html`<input ...${shared} placeholder="value" value=${row.value} spellcheck="false" onInput=${typed} />`;
  }
  return html`<select ...${shared} value=${row.value} onChange=${typed}>
    ${options.map(([value, text]) => html`<option key=${value} value=${value} selected=${value === row.value}>${text}</option>`)}</select>`;
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

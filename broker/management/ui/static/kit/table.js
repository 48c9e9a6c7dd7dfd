// Tables that become cards where there is no room. Must not: know what is in them, or where it came from.
import { html } from "./html.js";
import { Empty } from "./notice.js";

/**
 * A table.
 *
 * Args: `columns` rows {key, title, hint, num, sort, draw(item)}; `sort` is the name the list is sorted by when the
 * heading is pressed; the first column is the row's heading. `keyOf(item)`, `caption` for screen readers, `order`
 * {sort, reverse}, `onOrder(sort)`, `empty` what is shown where there are no items.
 */
export function Table({ columns, items, keyOf, caption, order = {}, onOrder, empty, dense }) {
  const shown = columns.filter(Boolean);
  if (!items.length) return empty ?? html`<${Empty} title="Nothing here" />`;
  return html`<div class="table-frame" role="region" aria-label=${caption} tabindex="0">
    <table role="table" class=${dense ? "dense" : ""}>
      <caption class="unseen">${caption}</caption>
      <thead role="rowgroup"><tr role="row">
        ${shown.map((column) => html`<${Heading} key=${column.key} column=${column} order=${order} onOrder=${onOrder} />`)}
      </tr></thead>
      <tbody role="rowgroup">
        ${items.map((item) => html`<tr role="row" key=${keyOf(item)}>
          ${shown.map((column, index) => html`<${Cell} key=${column.key} column=${column} item=${item} first=${index === 0} />`)}
        </tr>`)}
      </tbody>
    </table>
  </div>`;
}

function Heading({ column, order, onOrder }) {
  const sorted = column.sort && order.sort === column.sort;
  const direction = sorted ? (order.reverse ? "descending" : "ascending") : undefined;
  const hidden = column.unseen ? html`<span class="unseen">${column.title}</span>` : column.title;
  const content = column.sort && onOrder
    ? html`<button type="button" class="sorter" title=${column.hint} onClick=${() => onOrder(column.sort)}>${column.title}
        <span class="arrow" aria-hidden="true">${sorted ? (order.reverse ? "▼" : "▲") : ""}</span></button>`
    : column.hint ? html`<abbr title=${column.hint}>${hidden}</abbr>` : hidden;
  return html`<th role="columnheader" scope="col" class=${column.num ? "num" : ""} aria-sort=${direction}>${content}</th>`;
}

function Cell({ column, item, first }) {
  const content = column.draw ? column.draw(item) : String(item[column.key] ?? "");
  const kind = `${column.num ? "num" : ""} ${column.unseen ? "buttons" : ""}`;
  if (first) return html`<th role="rowheader" scope="row" class="name">${content}</th>`;
  return html`<td role="cell" class=${kind} data-label=${column.unseen ? "" : column.title}>${content}</td>`;
}

/** A short mark with an explanation: D, TTL, DLX. */
export function Mark({ text, title, kind = "" }) {
  return html`<abbr class="mark ${kind}" title=${title}>${text}</abbr>`;
}

/** Names and values of one thing. Args: `rows` of [name, value]; undefined values are left out. */
export function Facts({ rows, label }) {
  const shown = rows.filter((row) => row && ![undefined, null, false, ""].includes(row[1]));
  return html`<dl class="facts" aria-label=${label}>
    ${shown.map(([name, value]) => html`<div key=${name}><dt>${name}</dt><dd>${value}</dd></div>`)}
  </dl>`;
}

// Lists with filter, sorting and pages, all of them kept in the address; pages come from the broker or are cut here.
import { html, useEffect, useRef, useState } from "./html.js";
import { get, withQuery } from "./api.js";
import { number, plural } from "./format.js";
import { Problem } from "./notice.js";
import { usePoll } from "./poll.js";
import { place, setQuery } from "./routes.js";
import { useSignal } from "./signal.js";
import { Table } from "./table.js";
import { VhostChoice } from "./vhosts.js";

const SIZES = [25, 50, 100, 250, 500];
const SIZE_DEFAULT = 50;
const TYPING_MS = 250;

/** What the address says about a list. */
function wishes(query, defaults) {
  return {
    page: Math.max(1, Number.parseInt(query.page, 10) || 1),
    page_size: SIZES.find((size) => String(size) === query.page_size) ?? SIZE_DEFAULT,
    name: query.name ?? "",
    use_regex: query.regex === "1",
    sort: query.sort ?? defaults.sort ?? "",
    sort_reverse: (query.reverse ?? (defaults.reverse ? "1" : "")) === "1",
    vhost: query.vhost ?? "",
  };
}

function reorder(wish, sort) {
  const reverse = wish.sort === sort ? !wish.sort_reverse : false;
  setQuery({ sort, reverse: reverse ? "1" : "0", page: "" });
}

/**
 * A list whose pages, filter and order are the broker's work.
 *
 * Args: `pathOf(vhost)` below /api, `columns`, `keyOf`, `caption`, `noun`, `empty`, `defaults` {sort, reverse},
 * `byVhost` offers a choice of vhosts, `children` stand beside the filter.
 */
export function ServerList({ pathOf, columns, keyOf, caption, noun, empty, defaults = {}, byVhost, children, fields }) {
  const wish = wishes(useSignal(place).query, defaults);
  const { vhost, ...asked } = wish;
  const query = { ...asked, name: wish.name, use_regex: wish.use_regex, columns: fields, pagination: true };
  const path = withQuery(pathOf(vhost), query);
  const state = usePoll((signal) => get(path, { signal }), path);
  const page = state.data;
  useEffect(() => {
    if (page && wish.page > 1 && wish.page > page.page_count) setQuery({ page: String(Math.max(1, page.page_count)) });
  }, [page]);
  return html`<${Toolbar} wish=${wish} noun=${noun} page=${page} byVhost=${byVhost}>${children}<//>
    <${Problem} problem=${state.problem} doing="Reading the list" />
    ${page ? html`<${Table} columns=${columns} items=${page.items} keyOf=${keyOf} caption=${caption}
        order=${{ sort: wish.sort, reverse: wish.sort_reverse }} onOrder=${(sort) => reorder(wish, sort)}
        empty=${wish.name ? noMatch(noun) : empty} />
      <${Pager} wish=${wish} pages=${page.page_count} />` : !state.problem && html`<p class="loading">Loading…</p>`}`;
}

/** A list that is read whole; `read(signal)` gives its items. The rest as with `ServerList`. */
export function LocalList({ read, readKey = "", columns, keyOf, caption, noun, empty, defaults = {}, byVhost, children, textOf }) {
  const wish = wishes(useSignal(place).query, defaults);
  const state = usePoll(read, readKey);
  const page = state.data && cut(state.data, wish, columns, textOf ?? ((item) => String(item.name)));
  return html`<${Toolbar} wish=${wish} noun=${noun} page=${page} byVhost=${byVhost}>${children}<//>
    <${Problem} problem=${state.problem} doing="Reading the list" />
    ${page ? html`<${Table} columns=${columns} items=${page.items} keyOf=${keyOf} caption=${caption}
        order=${{ sort: wish.sort, reverse: wish.sort_reverse }} onOrder=${(sort) => reorder(wish, sort)}
        empty=${wish.name ? noMatch(noun) : empty} />
      <${Pager} wish=${wish} pages=${page.page_count} />` : !state.problem && html`<p class="loading">Loading…</p>`}`;
}

const noMatch = (noun) => html`<div class="empty"><p class="empty-title">No ${noun} matches the filter</p>
  <p><button type="button" onClick=${() => setQuery({ name: "", page: "" })}>Clear the filter</button></p></div>`;

/** Exported for tests of the page itself: one page out of all items. */
export function cut(items, wish, columns, textOf) {
  const matches = matcher(wish);
  const found = items.filter((item) => matches(textOf(item)) && (!wish.vhost || item.vhost === undefined || item.vhost === wish.vhost));
  const column = columns.find((one) => one && one.sort === wish.sort);
  if (column) found.sort((a, b) => compare(keyed(a, column), keyed(b, column)) * (wish.sort_reverse ? -1 : 1));
  const first = (wish.page - 1) * wish.page_size;
  return {
    items: found.slice(first, first + wish.page_size),
    filtered_count: found.length,
    total_count: items.length,
    page_count: Math.max(1, Math.ceil(found.length / wish.page_size)),
  };
}

function matcher({ name, use_regex }) {
  if (!name) return () => true;
  const simple = name.toLowerCase();
  if (!use_regex) return (text) => text.toLowerCase().includes(simple);
  try {
    const pattern = new RegExp(name, "i");
    return (text) => pattern.test(text);
  } catch {
    return () => false;
  }
}

const keyed = (item, column) => (column.value ? column.value(item) : item[column.sort]);
const compare = (a, b) => (typeof a === "number" && typeof b === "number" ? a - b : String(a ?? "").localeCompare(String(b ?? "")));

function Toolbar({ wish, noun, page, byVhost, children }) {
  return html`<div class="toolbar" role="search">
    ${byVhost && html`<${VhostChoice} value=${wish.vhost} onChoose=${(vhost) => setQuery({ vhost, page: "" })} />`}
    <${Filter} wish=${wish} noun=${noun} />
    ${children}
    <span class="count" role="status">${page ? counted(page, noun) : ""}</span>
  </div>`;
}

const counted = (page, noun) =>
  page.filtered_count === page.total_count ? plural(page.total_count, noun) : `${number(page.filtered_count)} of ${plural(page.total_count, noun)}`;

function Filter({ wish, noun }) {
  const [text, setText] = useState(wish.name);
  const timer = useRef(0);
  useEffect(() => setText(wish.name), [wish.name]);
  useEffect(() => () => clearTimeout(timer.current), []);
  const typed = (event) => {
    const name = event.target.value;
    setText(name);
    clearTimeout(timer.current);
    timer.current = setTimeout(() => setQuery({ name, page: "" }), TYPING_MS);
  };
  return html`<input type="search" class="filter" placeholder="Filter by name" aria-label="Filter by name" value=${text} onInput=${typed} />
    <label class="inline"><input type="checkbox" checked=${wish.use_regex}
      onChange=${(event) => setQuery({ regex: event.target.checked ? "1" : "", page: "" })} /> regex</label>`;
}

function Pager({ wish, pages }) {
  if (pages <= 1 && wish.page_size === SIZE_DEFAULT) return null;
  const to = (page) => setQuery({ page: page > 1 ? String(page) : "" });
  return html`<nav class="pager" aria-label="Pages">
    <button type="button" disabled=${wish.page <= 1} onClick=${() => to(wish.page - 1)}>Previous</button>
    <span>Page ${number(wish.page)} of ${number(Math.max(1, pages))}</span>
    <button type="button" disabled=${wish.page >= pages} onClick=${() => to(wish.page + 1)}>Next</button>
    <label class="inline">per page <select value=${wish.page_size}
      onChange=${(event) => setQuery({ page_size: event.target.value, page: "" })}>
      ${SIZES.map((size) => html`<option key=${size} value=${size} selected=${size === wish.page_size}>${size}</option>`)}</select></label>
  </nav>`;
}

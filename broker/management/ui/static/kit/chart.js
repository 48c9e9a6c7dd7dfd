// Line charts in SVG, with the same numbers as text and as a table. Must not: know where the points come from.
import { html, newId, useState } from "./html.js";
import { short } from "./format.js";
import { Empty } from "./notice.js";
import { RANGES } from "./samples.js";
import { setQuery } from "./routes.js";

const WIDTH = 640;
const HEIGHT = 200;
const LEFT = 52;
const RIGHT = 12;
const TOP = 10;
const BOTTOM = 24;
const TICKS_Y = 4;
const ROWS_MAX = 30;

/**
 * A chart.
 *
 * Args: `title`, `series` rows {name, title, points [{at: ms, value}], now}, `format` of a value, `note` under it.
 */
export function Chart({ title, series, format = short, empty = "Nothing has been measured yet." }) {
  const [id] = useState(() => newId("chart"));
  const [hidden, setHidden] = useState(() => new Set());
  const [at, setAt] = useState(null);
  const numbered = series.map((one, index) => ({ ...one, index }));
  const shown = numbered.filter((one) => !hidden.has(one.name) && one.points.length);
  const toggle = (name) => {
    const next = new Set(hidden);
    if (!next.delete(name)) next.add(name);
    setHidden(next);
  };
  return html`<figure class="chart" aria-labelledby=${id}>
    <figcaption id=${id}>${title}</figcaption>
    ${numbered.some((one) => one.points.length)
      ? html`<${Plot} title=${title} shown=${shown} format=${format} at=${at} setAt=${setAt} />`
      : html`<${Empty} title=${empty} />`}
    <ul class="legend">
      ${numbered.map((one) => html`<li key=${one.name}><button type="button" class="key" title=${one.title}
        aria-pressed=${!hidden.has(one.name)} onClick=${() => toggle(one.name)}>
        <svg class="swatch line-${one.index}" viewBox="0 0 20 8" aria-hidden="true"><path d="M0 4H20" /></svg>
        ${one.name} <b>${format(at === null ? one.now : nearest(one.points, at)?.value)}</b></button></li>`)}
    </ul>
    ${shown.length > 0 && html`<${Numbers} title=${title} shown=${shown} format=${format} />`}
  </figure>`;
}

/** The extent of all points: times, and values from 0 to a round number. */
function extentOf(shown) {
  const points = shown.flatMap((one) => one.points);
  const times = points.map((point) => point.at);
  const top = Math.max(TICKS_Y, ...points.map((point) => point.value));
  const from = Math.min(...times);
  return { from, to: Math.max(from + 1, ...times), top: roundUp(top) };
}

function roundUp(value) {
  const size = 10 ** Math.floor(Math.log10(value / TICKS_Y));
  const step = [1, 2, 2.5, 5, 10].find((one) => one * size * TICKS_Y >= value) ?? 10;
  return step * size * TICKS_Y;
}

function Plot({ title, shown, format, at, setAt }) {
  if (!shown.length) return html`<${Empty} title="All lines are switched off" />`;
  const extent = extentOf(shown);
  const x = (time) => LEFT + ((time - extent.from) / (extent.to - extent.from)) * (WIDTH - LEFT - RIGHT);
  const y = (value) => HEIGHT - BOTTOM - (value / extent.top) * (HEIGHT - TOP - BOTTOM);
  const point = (event) => {
    const box = event.currentTarget.getBoundingClientRect();
    const share = ((event.clientX - box.left) / box.width) * WIDTH;
    setAt(extent.from + ((share - LEFT) / (WIDTH - LEFT - RIGHT)) * (extent.to - extent.from));
  };
  return html`<svg class="plot" viewBox="0 0 ${WIDTH} ${HEIGHT}" role="img" aria-label=${summary(title, shown, format)}
    onPointerMove=${point} onPointerLeave=${() => setAt(null)}>
    <${Grid} extent=${extent} x=${x} y=${y} format=${format} />
    ${shown.map((one) => html`<path key=${one.name} class="line line-${one.index}" d=${pathOf(one.points, x, y)} />`)}
    ${at !== null && html`<${Marker} shown=${shown} at=${at} x=${x} y=${y} />`}
  </svg>`;
}

const pathOf = (points, x, y) =>
  points.map((point, index) => `${index ? "L" : "M"}${x(point.at).toFixed(1)} ${y(point.value).toFixed(1)}`).join("");

function Grid({ extent, x, y, format }) {
  const values = Array.from({ length: TICKS_Y + 1 }, (_, index) => (extent.top / TICKS_Y) * index);
  const times = [0, 1 / 3, 2 / 3, 1].map((share) => extent.from + share * (extent.to - extent.from));
  const anchors = ["start", "middle", "middle", "end"];
  return html`<g class="grid" aria-hidden="true">
    ${values.map((value) => html`<g key=${value}><path d="M${LEFT} ${y(value)}H${WIDTH - RIGHT}" />
      <text x=${LEFT - 6} y=${y(value) + 4} text-anchor="end">${format(value)}</text></g>`)}
    ${times.map((time, index) => html`<text key=${index} x=${x(time)} y=${HEIGHT - 6} text-anchor=${anchors[index]}>${clock(time, extent)}</text>`)}
  </g>`;
}

function clock(time, { from, to }) {
  const long = to - from > 15 * 60 * 1000;
  const wish = { hour: "2-digit", minute: "2-digit", ...(long ? {} : { second: "2-digit" }), hour12: false };
  return new Date(time).toLocaleTimeString("en-GB", wish);
}

function Marker({ shown, at, x, y }) {
  const found = shown.map((one) => [one, nearest(one.points, at)]).filter(([, point]) => point);
  if (!found.length) return null;
  return html`<g class="marker" aria-hidden="true">
    <path d="M${x(found[0][1].at)} ${TOP}V${HEIGHT - BOTTOM}" />
    ${found.map(([one, point]) => html`<circle key=${one.name} class="line-${one.index}" cx=${x(point.at)} cy=${y(point.value)} r="3.5" />`)}
  </g>`;
}

function nearest(points, at) {
  let best = null;
  for (const point of points) if (!best || Math.abs(point.at - at) < Math.abs(best.at - at)) best = point;
  return best;
}

function summary(title, shown, format) {
  const parts = shown.map(({ name, points, now }) => {
    const values = points.map((point) => point.value);
    return `${name}: now ${format(now ?? values.at(-1))}, between ${format(Math.min(...values))} and ${format(Math.max(...values))}`;
  });
  return `${title}. ${parts.join("; ")}.`;
}

function Numbers({ title, shown, format }) {
  const times = shown[0].points.slice(-ROWS_MAX).map((point) => point.at).reverse();
  return html`<details class="numbers"><summary>Numbers</summary><div class="table-frame" tabindex="0" role="region" aria-label="${title} as numbers"><table class="dense plain">
    <caption class="unseen">${title}</caption>
    <thead><tr><th scope="col">Time</th>${shown.map((one) => html`<th scope="col" class="num" key=${one.name}>${one.name}</th>`)}</tr></thead>
    <tbody>${times.map((time) => html`<tr key=${time}><th scope="row">${new Date(time).toLocaleTimeString("en-GB")}</th>
      ${shown.map((one) => html`<td class="num" key=${one.name}>${format(nearest(one.points, time)?.value)}</td>`)}</tr>`)}</tbody>
  </table></div></details>`;
}

/** A choice of how far back charts go; it is kept in the address. */
export function RangeChoice({ value }) {
  return html`<label class="inline">Charts <select value=${value} onChange=${(event) => setQuery({ range: event.target.value })}>
    ${RANGES.map(([name, text]) => html`<option key=${name} value=${name} selected=${name === value}>${text}</option>`)}
  </select></label>`;
}

/** How full something is, as a bar and as text. */
export function Meter({ label, value, limit, format, low, high, text }) {
  const share = limit > 0 ? Math.min(1, value / limit) : 0;
  const kind = high !== undefined && share >= high ? "bad" : low !== undefined && share >= low ? "warn" : "";
  return html`<div class="meter ${kind}">
    <div class="meter-head"><span>${label}</span><b>${text ?? `${format(value)} of ${format(limit)}`}</b></div>
    <svg viewBox="0 0 100 6" preserveAspectRatio="none" aria-hidden="true"><rect width="100" height="6" class="track" />
      <rect width=${(share * 100).toFixed(1)} height="6" class="fill" /></svg>
  </div>`;
}

// The live trace: messages as they are published and delivered, while one watches.
import { html, useEffect, useRef, useState } from "../kit/html.js";
import { withQuery } from "../kit/api.js";
import { Dialog } from "../kit/dialog.js";
import { follow } from "../kit/events.js";
import { exchangeName, number } from "../kit/format.js";
import { Empty, Problem } from "../kit/notice.js";
import { setQuery } from "../kit/routes.js";
import { Mark, Table } from "../kit/table.js";
import { ViewHead } from "../kit/view.js";
import { VhostChoice } from "../kit/vhosts.js";
import { Message } from "./message.js";
import { preview } from "./messages.js";

const ROWS_MAX = 500;
const DRAW_MS = 250;
const FILTERS = [["exchange", "Exchange"], ["queue", "Queue"], ["routing_key", "Routing key"], ["text", "Text anywhere"]];

/** Rows that come one by one, drawn a few times a second, the newest first and not more than `ROWS_MAX`. */
function useTrace(path, running) {
  const [state, setState] = useState({ rows: [], problem: null, open: false, seen: 0, leftOut: 0 });
  const waiting = useRef([]);
  const seen = useRef(0);
  useEffect(() => {
    if (!running) return undefined;
    const ending = new AbortController();
    const tell = (changes) => !ending.signal.aborted && setState((old) => ({ ...old, ...changes }));
    const take = ({ event, data }) => {
      const told = JSON.parse(data);
      if (event === "left_out") {
        setState((old) => ({ ...old, leftOut: old.leftOut + told.count }));
        return;
      }
      seen.current += 1;
      if (waiting.current.length < ROWS_MAX) waiting.current.push({ ...told, number: seen.current });
    };
    const drawing = setInterval(() => {
      if (!waiting.current.length) return;
      const news = waiting.current.splice(0).reverse();
      setState((old) => ({ ...old, rows: [...news, ...old.rows].slice(0, ROWS_MAX), seen: seen.current }));
    }, DRAW_MS);
    follow(path, ending.signal, take, () => tell({ open: true, problem: null }))
      .then(() => tell({ open: false }), (problem) => tell({ open: false, problem }));
    return () => {
      clearInterval(drawing);
      ending.abort();
      setState((old) => ({ ...old, open: false }));
    };
  }, [path, running]);
  const clear = () => setState((old) => ({ ...old, rows: [] }));
  return { ...state, clear };
}

export function Trace({ query }) {
  const [running, setRunning] = useState(true);
  const [open, setOpen] = useState(null);
  const trace = useTrace(withQuery("/api/leveret/trace", { vhost: query.vhost }), running);
  const rows = trace.rows.filter((row) => wanted(row, query));
  return html`<${ViewHead} title="Live trace">
      <button type="button" aria-pressed=${!running} onClick=${() => setRunning(!running)}>${running ? "Pause" : "Go on"}</button>
      <button type="button" onClick=${trace.clear}>Clear</button><//>
    <p class="muted">Messages are shown as they pass while this view is open; nothing is kept, and nothing is slowed down: under load some are left out.</p>
    <${Problem} problem=${trace.problem} doing="Tracing" />
    <div class="toolbar" role="search">
      <${VhostChoice} value=${query.vhost ?? ""} onChoose=${(vhost) => setQuery({ vhost })} />
      ${FILTERS.map(([name, title]) => html`<input key=${name} type="search" class="filter" aria-label=${title} placeholder=${title}
        value=${query[name] ?? ""} onInput=${(event) => setQuery({ [name]: event.target.value })} />`)}
      <span class="count" role="status">${statusOf(trace, running)}</span>
    </div>
    <${Table} columns=${columnsOf(setOpen)} items=${rows} keyOf=${(row) => row.number} caption="Traced messages" dense
      empty=${html`<${Empty} title=${running ? "Waiting for a message" : "Paused"}>Messages that are published or delivered from now on appear here.<//>`} />
    ${open && html`<${Dialog} title="Traced message" wide onClose=${() => setOpen(null)}><${Message} message=${open} /><//>`}`;
}

const statusOf = (trace, running) => {
  if (!running) return "paused";
  const leftOut = trace.leftOut ? `, ${number(trace.leftOut)} left out` : "";
  return trace.open ? `watching, ${number(trace.seen)} seen${leftOut}` : trace.problem ? "not watching" : "connecting…";
};

function wanted(row, query) {
  const has = (text, part) => !part || String(text ?? "").toLowerCase().includes(part.toLowerCase());
  return has(row.exchange, query.exchange) && has((row.queues ?? []).join(" "), query.queue)
    && has(row.routing_key, query.routing_key) && has(JSON.stringify(row), query.text);
}

function clock(row) {
  const time = new Date(row.timestamp);
  return `${time.toLocaleTimeString("en-GB")}.${String(time.getMilliseconds()).padStart(3, "0")}`;
}

const columnsOf = (open) => [
  { key: "time", title: "Time", draw: (row) => html`<span class="nowrap">${clock(row)}</span>` },
  { key: "type", title: "What", draw: (row) => html`<${Mark} text=${row.type} title=${row.consumer ? `to consumer ${row.consumer}` : row.user ? `by ${row.user}` : ""} />` },
  { key: "exchange", title: "Exchange", draw: (row) => exchangeName(row.exchange ?? "") },
  { key: "routing_key", title: "Routing key", draw: (row) => html`<code>${row.routing_key ?? ""}</code>` },
  { key: "queue", title: "Queues", draw: (row) => (row.queues ?? []).join(", ") || "(none)" },
  { key: "user", title: "User", draw: (row) => row.user ?? "" },
  { key: "what", title: "Message", draw: (row) => html`<span class="clip">${row.payload === undefined ? "" : preview(row)}</span>` },
  { key: "act", title: "Actions", unseen: true, draw: (row) => row.payload !== undefined
    && html`<button type="button" class="small" onClick=${() => open(row)}>Open</button>` },
];

// The log of the broker: its recent lines, from a chosen level on, followed or not.
import { html, useEffect, useRef } from "../kit/html.js";
import { get, withQuery } from "../kit/api.js";
import { moment, plural } from "../kit/format.js";
import { Awaited, Empty } from "../kit/notice.js";
import { usePoll } from "../kit/poll.js";
import { setQuery } from "../kit/routes.js";
import { Mark } from "../kit/table.js";
import { ViewHead } from "../kit/view.js";

const LEVELS = ["debug", "info", "warning", "error", "critical"];
const LINES = [100, 500, 1000];
const KINDS = { warning: "warn", error: "bad", critical: "bad" };
const OWN = new Set(["time", "level", "logger", "message", "traceback"]);

const levelOf = (line) => String(line.level ?? "info").toLowerCase();

/** The lines that are wanted, oldest first. */
export function chosen(lines, level, text) {
  const least = LEVELS.indexOf(level);
  const wanted = text.toLowerCase();
  return lines.filter((line) => LEVELS.indexOf(levelOf(line)) >= least && (!wanted || JSON.stringify(line).toLowerCase().includes(wanted)));
}

export function Logs({ query }) {
  const level = LEVELS.includes(query.level) ? query.level : "debug";
  const lines = LINES.find((one) => String(one) === query.lines) ?? LINES[1];
  const follow = query.follow !== "0";
  const path = withQuery("/api/leveret/logs", { lines });
  const state = usePoll((signal) => get(path, { signal }), path);
  return html`<${ViewHead} title="Log" />
    <div class="toolbar" role="search">
      <label class="inline">From level <select value=${level} onChange=${(event) => setQuery({ level: event.target.value })}>
        ${LEVELS.map((one) => html`<option key=${one} value=${one} selected=${one === level}>${one}</option>`)}</select></label>
      <label class="inline">Last <select value=${lines} onChange=${(event) => setQuery({ lines: event.target.value })}>
        ${LINES.map((one) => html`<option key=${one} value=${one} selected=${one === lines}>${one} lines</option>`)}</select></label>
      <input type="search" class="filter" aria-label="Filter lines" placeholder="Text in the line" value=${query.text ?? ""}
        onInput=${(event) => setQuery({ text: event.target.value })} />
      <label class="inline"><input type="checkbox" checked=${follow} onChange=${(event) => setQuery({ follow: event.target.checked ? "" : "0" })} /> follow</label>
    </div>
    <${Awaited} state=${state} doing="Reading the log">${(answer) =>
      html`<${Lines} lines=${chosen(linesOf(answer), level, query.text ?? "")} follow=${follow} />`}<//>`;
}

const linesOf = (answer) => (Array.isArray(answer) ? answer : (answer.lines ?? answer.items ?? []));

function Lines({ lines, follow }) {
  const frame = useRef(null);
  useEffect(() => {
    if (follow && frame.current) frame.current.scrollTop = frame.current.scrollHeight;
  }, [lines, follow]);
  if (!lines.length) return html`<${Empty} title="No line of this kind">Choose a lower level, or wait.<//>`;
  return html`<p class="muted">${plural(lines.length, "line")}</p>
    <div class="log" role="region" aria-label="Log lines" tabindex="0" ref=${frame}>
      <ol>${lines.map((line, index) => html`<${Line} key=${`${line.time} ${index}`} line=${line} />`)}</ol></div>`;
}

function Line({ line }) {
  const level = levelOf(line);
  const fields = Object.entries(line).filter(([name, value]) => !OWN.has(name) && value !== "" && value !== null && !String(line.message).includes(value));
  return html`<li><time datetime=${line.time}>${moment(line.time)}</time>
    <${Mark} text=${level} title=${line.logger} kind=${KINDS[level] ?? ""} />
    <span>${line.message} ${fields.map(([name, value]) => html`<small key=${name}>${name}=${String(value)} </small>`)}
      ${line.traceback && html`<details><summary>Traceback</summary><pre>${line.traceback}</pre></details>`}</span></li>`;
}

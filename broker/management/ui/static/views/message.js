// One message in full: where it came from, properties, headers, payload, and the Celery task in it.
import { html, useState } from "../kit/html.js";
import { ArgumentList } from "../kit/arguments.js";
import { bytes, duration, exchangeName, inline, moment, number, yesNo } from "../kit/format.js";
import { deathsOf, pretty, sizeOf, taskOf } from "../kit/message.js";
import { note } from "../kit/notice.js";
import { Facts } from "../kit/table.js";

export function Message({ message }) {
  const { headers, ...properties } = message.properties ?? {};
  const task = taskOf(message);
  const deaths = deathsOf(message);
  return html`<div class="message">
    <${Facts} label="Message" rows=${[
      ["Exchange", exchangeName(message.exchange ?? "")],
      ["Routing key", html`<code>${message.routing_key}</code>`],
      ["Size", bytes(sizeOf(message))],
      ["Redelivered", yesNo(message.redelivered)],
      ["Age", message.age_ms !== undefined && message.age_ms !== null && duration(message.age_ms)],
    ]} />
    ${task && html`<${Task} task=${task} />`}
    ${deaths.length > 0 && html`<${Deaths} deaths=${deaths} />`}
    <h3>Properties</h3><${ArgumentList} table=${named(properties)} />
    <h3>Headers</h3><${ArgumentList} table=${headers} />
    <${Payload} message=${message} />
  </div>`;
}

const named = (properties) =>
  properties.timestamp === undefined ? properties : { ...properties, timestamp: `${properties.timestamp} (${moment(properties.timestamp * 1000)})` };

function Payload({ message }) {
  const [raw, setRaw] = useState(false);
  const best = raw ? { kind: message.payload_encoding === "base64" ? "base64" : "text", text: message.payload } : pretty(message);
  const copy = async () => {
    try {
      await navigator.clipboard.writeText(best.text);
      note("Copied.");
    } catch {
      note("The browser does not let the page copy; select the text instead.", "warn");
    }
  };
  return html`<div class="card-head"><h3>Payload <span class="mark">${best.kind}</span></h3><span>
      <button type="button" class="small" aria-pressed=${raw} onClick=${() => setRaw(!raw)}>As it came</button>${" "}
      <button type="button" class="small" onClick=${copy}>Copy</button></span></div>
    <pre class="payload" tabindex="0" aria-label="Payload">${best.text === "" ? "(empty)" : best.text}</pre>
    ${message.truncated && html`<p class="muted">Only the beginning is shown.</p>`}`;
}

/** Values of a Celery task's arguments as text; a text from argsrepr is one already. */
export const shown = (value) => (value === undefined || value === null ? "" : inline(value));

export function Task({ task }) {
  return html`<section class="card"><h2>Celery task</h2><${Facts} label="Celery task" rows=${[
    ["Task", html`<b>${task.name}</b>`],
    ["Id", html`<code>${task.id}</code>`],
    ["Arguments", html`<code>${shown(task.args)}</code>`],
    ["Keywords", html`<code>${shown(task.kwargs)}</code>`],
    ["Retries", task.retries],
    ["Not before", task.eta && moment(task.eta)],
    ["Expires", task.expires && moment(task.expires)],
    ["Parent", task.parent], ["Root", task.root !== task.id && task.root], ["Sent by", task.origin],
  ]} /></section>`;
}

/** What x-death says, in plain words, the first death first. */
export function Deaths({ deaths }) {
  return html`<section class="card"><h2>Dead-lettered</h2><ol class="story">
    ${[...deaths].reverse().map((death, index) => html`<li key=${index}>${death.words}${death.count > 1 && html` <b>${number(death.count)} times</b>`}.
      ${" "}<span class="muted">${publishedTo(death)} ${death.at !== undefined && `${death.count > 1 ? "First" : "It was"} at ${moment(death.at)}.`}
      ${death.expiration !== undefined && ` It had ${death.expiration} ms to live.`}</span></li>`)}
  </ol></section>`;
}

const publishedTo = ({ exchange, keys }) =>
  `It had come through the exchange ${exchangeName(exchange)}${keys.length ? ` with the key ${keys.join(", ")}` : ""}.`;

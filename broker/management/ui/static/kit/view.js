// Pieces that most views have: heading, card, tabs, tiles, state, links to things.
import { html } from "./html.js";
import { exchangeName } from "./format.js";
import { href } from "./routes.js";

export function ViewHead({ title, of, crumbs = [], children }) {
  return html`<div>
    ${crumbs.length > 0 && html`<nav class="crumbs" aria-label="Breadcrumbs">
      ${crumbs.map(([text, parts], index) => html`${index > 0 && " › "}<a href=${href(parts)} key=${text}>${text}</a>`)}</nav>`}
    <div class="view-head"><h1>${title}${of && html` <span class="of">${of}</span>`}</h1>${children}</div>
  </div>`;
}

export function Card({ title, tools, children }) {
  return html`<section class="card">
    ${title && html`<div class="card-head"><h2>${title}</h2>${tools}</div>`}${children}
  </section>`;
}

/** Tabs that are places. Args: `rows` of [name, title]; the first is shown where the address says none. */
export function Tabs({ rows, parts, now, label }) {
  return html`<nav class="tabs" aria-label=${label}>
    ${rows.filter(Boolean).map(([name, title], index) => html`<a key=${name} href=${href(parts, index ? { tab: name } : {})}
      aria-current=${(now ?? rows[0][0]) === name ? "page" : undefined}>${title}</a>`)}
  </nav>`;
}

export function Tile({ value, title, to, hint }) {
  const content = html`<b>${value}</b><span>${title}</span>`;
  return to ? html`<a class="tile" href=${to} title=${hint}>${content}</a>` : html`<div class="tile" title=${hint}>${content}</div>`;
}

const STATES = { running: "", idle: "idle", flow: "warn", blocked: "bad", blocking: "warn", crashed: "bad", down: "bad", stopped: "bad" };

export function State({ state, idleSince }) {
  const text = idleSince && (!state || state === "running") ? "idle" : (state ?? "unknown");
  return html`<span class="state ${STATES[text] ?? "idle"}">${text}</span>`;
}

export const QueueLink = ({ vhost, name }) => html`<a href=${href(["queues", vhost, name])}>${name || "(no name)"}</a>`;
export const ExchangeLink = ({ vhost, name }) => html`<a href=${href(["exchanges", vhost, name])}>${exchangeName(name)}</a>`;
export const ConnectionLink = ({ name, text }) => html`<a href=${href(["connections", name])}>${text ?? name}</a>`;
export const ChannelLink = ({ name, text }) => html`<a href=${href(["channels", name])}>${text ?? name}</a>`;

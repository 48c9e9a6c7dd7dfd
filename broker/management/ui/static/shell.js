// What stands around every view: skip link, head, navigation, notes, dialogs.
import { html, useEffect, useErrorBoundary, useRef, useState } from "./kit/html.js";
import { Brand } from "./kit/brand.js";
import { Confirmation } from "./kit/dialog.js";
import { Notes, Problem } from "./kit/notice.js";
import { refresh } from "./kit/poll.js";
import { href, place } from "./kit/routes.js";
import { end, may, session } from "./kit/session.js";
import { INTERVALS_S, THEMES, interval, theme } from "./kit/settings.js";
import { useSignal } from "./kit/signal.js";
import { adminLinks, links, viewOf } from "./views/all.js";

export function Shell() {
  const { parts, query } = useSignal(place);
  const { title, View, subject } = viewOf(parts);
  const main = useRef(null);
  const drawn = useRef(false);
  useEffect(() => {
    document.title = `${title} · Leveret`;
    if (drawn.current) main.current.focus({ preventScroll: true });
    drawn.current = true;
  }, [parts.join("/")]);
  const skip = (event) => {
    event.preventDefault();
    main.current.focus();
  };
  return html`<a class="skip" href="#content" onClick=${skip}>Skip to content</a>
    <${Head} />
    <div class="frame">
      <${Navigation} parts=${parts} vhost=${query.vhost} />
      <main id="content" tabindex="-1" ref=${main}>
        <${Guard} key=${subject}><${View} parts=${parts} query=${query} /><//>
      </main>
    </div>
    <${Notes} /><${Confirmation} />`;
}

/** A view that fails takes only itself down. */
function Guard({ children }) {
  const [error] = useErrorBoundary();
  return error ? html`<${Problem} problem=${error} doing="Drawing this view" />` : children;
}

function Head() {
  const who = useSignal(session);
  const seconds = useSignal(interval);
  const dress = useSignal(theme);
  return html`<header class="head">
    <a class="home" href=${href(["overview"])} aria-label="Leveret, overview"><${Brand} /></a>
    <div class="head-tools">
      <button type="button" class="small" onClick=${refresh}>Refresh</button>
      <label class="inline"><span class="unseen">Refresh every</span>
        <select value=${seconds} onChange=${(event) => interval.set(Number(event.target.value))}>
          ${INTERVALS_S.map((one) => html`<option key=${one} value=${one} selected=${one === seconds}>${one ? `every ${one} s` : "by hand"}</option>`)}
        </select></label>
      <label class="inline"><span class="unseen">Colours</span>
        <select value=${dress} onChange=${(event) => theme.set(event.target.value)}>
          ${THEMES.map((one) => html`<option key=${one} value=${one} selected=${one === dress}>${one}</option>`)}
        </select></label>
      <span class="who" title="Tags: ${who.tags.join(", ")}">${who.name}</span>
      <button type="button" class="small" onClick=${() => end("You are logged out.")}>Log out</button>
    </div>
  </header>`;
}

function Navigation({ parts, vhost }) {
  const [open, setOpen] = useState(false);
  useEffect(() => setOpen(false), [parts.join("/")]);
  const now = parts[0] ?? "overview";
  const draw = (link) => html`<li key=${link.at}><a href=${href(link.at.split("/"), link.byVhost ? { vhost } : {})}
    aria-current=${link.at === now || link.at === `${now}/${parts[1]}` ? "page" : undefined}>${link.title}</a></li>`;
  return html`<nav class="side" aria-label="Views">
    <button type="button" class="menu" aria-expanded=${open} aria-controls="views" onClick=${() => setOpen(!open)}>
      <span aria-hidden="true">☰</span> Views</button>
    <div id="views" class=${open ? "open" : ""}>
      <ul>${links(may()).map(draw)}</ul>
      ${adminLinks(may()).length > 0 && html`<p class="side-title">Admin</p><ul>${adminLinks(may()).map(draw)}</ul>`}
    </div>
  </nav>`;
}

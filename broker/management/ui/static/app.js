// The page: login or the shell, and in it the view that the address names.
import { html, render, useEffect, useState } from "./kit/html.js";
import { get } from "./kit/api.js";
import { place } from "./kit/routes.js";
import { begin, end, kept, session } from "./kit/session.js";
import { useSignal } from "./kit/signal.js";
import "./kit/settings.js";
import { Login } from "./views/login.js";
import { Shell } from "./shell.js";

/** A credential of this tab is tried once; without one the form asks. */
function Page() {
  const who = useSignal(session);
  const [tried, setTried] = useState(false);
  useEffect(() => void resume().then(() => setTried(true)), []);
  if (who) return html`<${Shell} />`;
  return tried ? html`<${Login} />` : html`<p class="loading">Loading…</p>`;
}

async function resume() {
  const credential = kept();
  if (!credential) return;
  try {
    begin(credential, await get("/api/whoami", { credential }));
  } catch (error) {
    end(error.status === 401 ? "Log in again." : error.message);
  }
}

place.follow(() => scrollTo(0, 0));
const root = document.getElementById("page");
root.replaceChildren();
render(html`<${Page} />`, root);

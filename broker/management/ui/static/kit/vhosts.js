// The vhosts that the user may see, read once for all who offer them as a choice.
import { html, useEffect } from "./html.js";
import { get } from "./api.js";
import { refreshes } from "./poll.js";
import { session } from "./session.js";
import { Signal, useSignal } from "./signal.js";

export const vhosts = new Signal([]);

/** Reads the names again; a failure leaves what was known. */
export async function readVhosts() {
  if (!session.value) return;
  try {
    const all = await get("/api/vhosts?columns=name");
    vhosts.set(all.map((one) => one.name).sort());
  } catch {
    // the lists say what is wrong
  }
}
session.follow(readVhosts);
refreshes.follow(readVhosts);

export function useVhosts() {
  const names = useSignal(vhosts);
  useEffect(() => void (names.length || readVhosts()), []);
  return names;
}

/** What a form shows that needs a vhost, as long as none is known. */
export const NO_VHOST = html`<p class="muted">No vhost is known that you may use.</p>`;

/** A choice of one vhost or all; nothing where there is only one. */
export function VhostChoice({ value, onChoose }) {
  const names = useVhosts();
  if (names.length < 2 && !value) return null;
  const all = names.includes(value) || !value ? names : [...names, value];
  return html`<label class="inline">Vhost
    <select value=${value} onChange=${(event) => onChoose(event.target.value)}>
      <option value="" selected=${!value}>all</option>
      ${all.map((name) => html`<option key=${name} value=${name} selected=${name === value}>${name}</option>`)}
    </select></label>`;
}

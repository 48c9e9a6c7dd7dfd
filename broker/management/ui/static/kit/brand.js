// The mark and the name.
import { html } from "./html.js";

export function Brand({ large }) {
  return html`<span class="brand ${large ? "large" : ""}"><img src="icon.svg" alt="" width=${large ? 56 : 28} height=${large ? 56 : 28} />
    <span>Leveret</span></span>`;
}

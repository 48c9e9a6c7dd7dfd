// Deduplication of a queue or an exchange: how many messages are known, and forgetting them.
import { html } from "../kit/html.js";
import { api, remove } from "../kit/api.js";
import { confirm } from "../kit/dialog.js";
import { number, plural } from "../kit/format.js";
import { note } from "../kit/notice.js";
import { refresh } from "../kit/poll.js";

/** What is known, as a row of facts; undefined where nothing is deduplicated. Args: as of `Forget`, and `found`. */
export function dedupFact({ of, vhost, name, found }) {
  if (!found) return undefined;
  return ["Deduplication", html`${plural(found.identities, "message")} known, ${number(found.duplicates)} kept out
    ${" "}<${Forget} of=${of} vhost=${vhost} name=${name} />`];
}

/** The button that makes a queue or an exchange forget. Args: `of` "queues" or "exchanges". */
function Forget({ of, vhost, name }) {
  const ask = () => confirm({
    title: `Forget what ${name} has seen?`, text: "Messages whose like came before are then taken once more.", word: "Forget",
    act: async () => {
      await remove(api`${of}/${vhost}/${name}/deduplication`);
      note(`${name} has forgotten which messages it had seen.`);
      refresh();
    },
  });
  return html`<button type="button" class="small" onClick=${ask}>Forget them</button>`;
}

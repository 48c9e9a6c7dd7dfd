// Consumers of a stream that have a name: how far each has come, and forgetting one.
import { html } from "../kit/html.js";
import { api, get, remove } from "../kit/api.js";
import { confirm } from "../kit/dialog.js";
import { moment, number } from "../kit/format.js";
import { Awaited, Empty, note } from "../kit/notice.js";
import { refresh, usePoll } from "../kit/poll.js";
import { Table } from "../kit/table.js";

export function Offsets({ vhost, name }) {
  const path = api`queues/${vhost}/${name}/offsets`;
  const state = usePoll((signal) => get(path, { signal }), path);
  return html`<p class="muted">A consumer with x-stream-consumer-name goes on where it had come to. The lag is how many messages it has not acknowledged.</p>
    <${Awaited} state=${state} doing="Reading the offsets">${(rows) => html`<${Table} columns=${columnsOf(vhost, name)} items=${rows}
      keyOf=${(one) => one.name} caption="Named consumers of ${name}" empty=${html`<${Empty} title="No consumer with a name has read from here" />`} />`}<//>`;
}

const columnsOf = (vhost, name) => [
  { key: "name", title: "Consumer" },
  { key: "offset", title: "Offset", num: true, draw: (one) => number(one.offset) },
  { key: "lag", title: "Lag", num: true, draw: (one) => number(one.lag) },
  { key: "at", title: "Stored", draw: (one) => moment(one.stored_at) },
  { key: "act", title: "Actions", unseen: true, draw: (one) => html`<button type="button" class="small danger" aria-label="Forget ${one.name}"
    onClick=${() => ask(vhost, name, one)}>Forget</button>` },
];

function ask(vhost, name, one) {
  confirm({
    title: `Forget ${one.name}?`, text: "When it comes again it begins where it asks to begin, and not where it had come to.", word: "Forget",
    act: async () => {
      await remove(api`queues/${vhost}/${name}/offsets/${one.name}`);
      note(`${one.name} is forgotten.`);
      refresh();
    },
  });
}

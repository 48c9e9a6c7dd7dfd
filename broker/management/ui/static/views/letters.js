// The dead letters of one queue: groups by why, where and which Celery task; replay, edit, delete.
import { html, useState } from "../kit/html.js";
import { api, get, post, withQuery } from "../kit/api.js";
import { rowsOf, tableOf, ArgumentRows } from "../kit/arguments.js";
import { Dialog } from "../kit/dialog.js";
import { moment, number, plural } from "../kit/format.js";
import { Form } from "../kit/form.js";
import { JobProgress } from "../kit/job.js";
import { deathsOf, taskOf } from "../kit/message.js";
import { Awaited, Empty } from "../kit/notice.js";
import { Pick, PickAll, usePicked } from "../kit/picking.js";
import { refresh, usePoll } from "../kit/poll.js";
import { setQuery } from "../kit/routes.js";
import { Table } from "../kit/table.js";
import { QueueLink } from "../kit/view.js";
import { Message } from "./message.js";
import { askDelete, idOf, preview } from "./messages.js";
import { Move, Replay } from "./transfer.js";

const PEEK_COUNT = 100;
const PAGES_MAX = 10; // of messages that are looked through for those of a group
const SHOWN_MAX = 100; // messages of a group

const keyOf = (group) => JSON.stringify([group.reason, group.queue, group.task ?? ""]);
const titleOf = (group) => `${group.reason} in ${group.queue}${group.task ? `, ${group.task}` : ""}`;

/** Which messages a group has, as a job is told; an empty task is none. */
const chosenOf = ({ reason, queue, task }) => ({ reason, queue, task: task ?? "" });

export function Letters({ vhost, name, query }) {
  const path = api`queues/${vhost}/${name}/dead-letters`;
  const state = usePoll((signal) => get(path, { signal }), path, true);
  const [dialog, setDialog] = useState(null); // stands here, so that it outlives its group
  const group = state.data?.groups.find((one) => keyOf(one) === query.group);
  const replayAll = () => show(Replay, { chosen: {}, what: `all dead letters of ${name}` });
  const show = (Shown, rest) => setDialog({ Shown, rest });
  return html`<${Awaited} state=${state} doing="Reading the dead letters">${(data) => html`
      <div class="toolbar">
        <button type="button" class="small" disabled=${!data.groups.length} onClick=${replayAll}>Replay all…</button>
        <span class="count" role="status">${plural(data.groups.reduce((sum, one) => sum + one.count, 0), "dead letter")}</span>
      </div>
      ${data.truncated && html`<div class="banner warn">There are more messages than were looked at; the counts are of those at the front.</div>`}
      <${Table} columns=${groupColumns(vhost, show)} items=${data.groups} keyOf=${keyOf} caption="Groups of dead letters"
        empty=${html`<${Empty} title="No dead letter waits here">Messages that were rejected, expired or dropped elsewhere show up here with the reason.<//>`} />`}<//>
    ${group && html`<h2>${titleOf(group)}</h2><${Group} key=${keyOf(group)} vhost=${vhost} name=${name} group=${group} show=${show} />`}
    ${dialog && html`<${dialog.Shown} vhost=${vhost} name=${name} ...${dialog.rest} onClose=${() => setDialog(null)} />`}`;
}

const groupColumns = (vhost, show) => [
  { key: "reason", title: "Why" },
  { key: "queue", title: "Died in queue", draw: (one) => html`<${QueueLink} vhost=${vhost} name=${one.queue} />` },
  { key: "task", title: "Celery task", draw: (one) => one.task ?? "" },
  { key: "count", title: "Messages", num: true, draw: (one) => number(one.count) },
  { key: "act", title: "Actions", unseen: true, draw: (one) => html`
    <button type="button" class="small" onClick=${() => setQuery({ group: keyOf(one) })} aria-label="Look at ${titleOf(one)}">Look</button>
    <button type="button" class="small" aria-label="Replay ${titleOf(one)}"
      onClick=${() => show(Replay, { chosen: chosenOf(one), what: `${number(one.count)} × ${titleOf(one)}` })}>Replay…</button>` },
];

/** Messages of a group, looked for from the front of the queue. */
async function messagesOf(vhost, name, group, signal) {
  const found = [];
  let after;
  for (let page = 0; page < PAGES_MAX && found.length < SHOWN_MAX; page += 1) {
    const answer = await get(withQuery(api`queues/${vhost}/${name}/messages`, { count: PEEK_COUNT, after }), { signal });
    found.push(...answer.items.filter((message) => belongs(message, group)));
    if (!answer.next) return { items: found.slice(0, SHOWN_MAX), more: found.length > SHOWN_MAX };
    after = answer.next;
  }
  return { items: found.slice(0, SHOWN_MAX), more: true };
}

function belongs(message, group) {
  const [death] = deathsOf(message);
  return death !== undefined && death.reason === group.reason && death.queue === group.queue && (taskOf(message)?.name ?? "") === (group.task ?? "");
}

function Group({ vhost, name, group, show }) {
  const state = usePoll((signal) => messagesOf(vhost, name, group, signal), `${vhost} ${name} ${keyOf(group)}`, true);
  const picked = usePicked(state.data?.items.map(idOf) ?? []);
  const count = picked.ids.length;
  const counted = count ? ` (${count})` : "";
  const chosen = { chosen: { ids: picked.ids }, what: plural(count, "dead letter"), some: true, onDone: picked.none };
  return html`<${Awaited} state=${state} doing="Looking into the queue">${({ items, more }) => html`
      <div class="toolbar">
        <${PickAll} picked=${picked} count=${items.length} />
        <button type="button" class="small" disabled=${!count} onClick=${() => show(Replay, chosen)}>Replay selected${counted}…</button>
        <button type="button" class="small" disabled=${!count} onClick=${() => show(Move, chosen)}>Move selected${counted}…</button>
        <button type="button" class="small danger" disabled=${!count} onClick=${() => askDelete(vhost, name, picked.ids, picked.none)}>Delete selected${counted}</button>
        ${more && html`<span class="muted">Only the first are shown.</span>`}
      </div>
      <${Table} columns=${messageColumns(picked, show)} items=${items} keyOf=${idOf} caption="Dead letters of this group"
        empty=${html`<${Empty} title="None of them waits any more" />`} />`}<//>`;
}

const Open = ({ message, onClose }) => html`<${Dialog} title="Dead letter" wide onClose=${onClose}><${Message} message=${message} /><//>`;

const messageColumns = (picked, show) => [
  { key: "what", title: "Message", draw: (one) => html`<${Pick} picked=${picked} id=${idOf(one)}><span class="clip">${preview(one) || "(empty)"}</span><//>` },
  { key: "at", title: "Died", draw: (one) => moment(deathsOf(one)[0].at) },
  { key: "count", title: "Deaths", num: true, draw: (one) => number(deathsOf(one).reduce((sum, death) => sum + death.count, 0)) },
  { key: "act", title: "Actions", unseen: true, draw: (one) => html`
    <button type="button" class="small" onClick=${() => show(Open, { message: one })}>Open</button>
    <button type="button" class="small" onClick=${() => show(Edit, { message: one })}>Edit and replay</button>` },
];

const EDIT_FIELDS = [
  { name: "payload", label: "Payload", kind: "area", rows: 10 },
  { name: "payload_encoding", label: "Payload is", options: [["string", "text"], ["base64", "base64 (binary)"]] },
  { name: "headers", label: "Headers", kind: "custom", render: (rows, set) => html`<${ArgumentRows} rows=${rows} set=${set} of="header" />`,
    hint: "Its deaths are not among them; the broker writes those" },
];
const isOfDeath = (name) => /^x-(death|(first|last)-death-.+)$/.test(name);

/** Changes one dead letter and sends it back to where it died. */
function Edit({ vhost, name, message, onClose }) {
  const [job, setJob] = useState(null);
  const { headers: all = {}, ...properties } = message.properties ?? {};
  const headers = Object.fromEntries(Object.entries(all).filter(([key]) => !isOfDeath(key)));
  const initial = { payload: message.payload, payload_encoding: message.payload_encoding, headers: rowsOf(headers) };
  const begin = (values) => post(api`queues/${vhost}/${name}/replay`,
    { id: idOf(message), edit: { payload: values.payload, payload_encoding: values.payload_encoding, properties: { ...properties, headers: tableOf(values.headers) } } });
  return html`<${Dialog} title="Edit and replay" wide onClose=${onClose}>
    ${job
      ? html`<${JobProgress} job=${job} what="Replaying" onEnd=${refresh} /><div class="actions"><button type="button" onClick=${onClose}>Close</button></div>`
      : html`<p class="muted">It goes back to ${deathsOf(message)[0].queue} as you leave it here; the dead letter itself is gone then.</p>
        <${Form} fields=${EDIT_FIELDS} initial=${initial} act=${begin} word="Replay" onDone=${setJob} onCancel=${onClose} keep />`}
  <//>`;
}

// Why a queue does not deliver, in words, from what the API says of it. Must not: ask for anything.
import { html } from "../kit/html.js";
import { duration, number, plural } from "../kit/format.js";
import { href } from "../kit/routes.js";

const effective = (queue, key) => queue.effective_policy_definition?.[key] ?? queue.arguments?.[`x-${key}`];

const noConsumer = (queue) => queue.consumers === 0 && "No consumer is there. Messages wait until one comes.";

function allBusy({ consumer_details: all = [], messages_unacknowledged: unacked }) {
  const room = all.reduce((sum, one) => sum + (one.ack_required && one.prefetch_count ? one.prefetch_count : Infinity), 0);
  if (!all.length || unacked < room) return false;
  return `Every consumer has as many unacknowledged messages as its prefetch allows (${number(room)} together). More go out as they acknowledge.`;
}

function capReached(queue) {
  const cap = effective(queue, "concurrency-limit") ?? effective(queue, "max-unacked");
  return cap !== undefined && queue.messages_unacknowledged >= cap && `The cap of ${plural(cap, "message")} at work is reached.`;
}

const ROWS = [noConsumer, capReached, allBusy];

/** Why messages wait: sentences, none where nothing waits or messages go out. */
export function reasonsOf(queue) {
  const moving = queue.message_stats?.deliver_get_details?.rate > 0;
  if (queue.type === "stream" || !queue.messages_ready || moving) return [];
  return ROWS.map((row) => row(queue)).filter(Boolean);
}

export function Standstill({ queue }) {
  const reasons = reasonsOf(queue);
  if (!reasons.length) return null;
  const waits = queue.oldest_ready_age_ms ?? queue.oldest_ready_ms;
  return html`<div class="banner warn"><strong>${plural(queue.messages_ready, "message")} wait${queue.messages_ready === 1 ? "s" : ""}${waits ? `, the oldest for ${duration(waits)}` : ""}.</strong>
    ${reasons.map((text) => html`<p key=${text}>${text}</p>`)}</div>`;
}

/** How many messages are held for a queue, with the way to them. */
export function HeldNote({ queue }) {
  if (!queue.messages_held) return null;
  return html`<p class="muted">${plural(queue.messages_held, "message")} held until due: <a href=${href(["held"], { vhost: queue.vhost, name: queue.name })}>look at them</a>.</p>`;
}

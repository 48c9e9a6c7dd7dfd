// Why a queue does not deliver, in words, from what the API says of it. Must not: ask for anything.
import { html } from "../kit/html.js";
import { duration, number, plural } from "../kit/format.js";
import { href } from "../kit/routes.js";

const noConsumer = (queue) => queue.consumers === 0 && "No consumer is there. Messages wait until one comes.";

const WAITS = {
  concurrency: ({ concurrency_max: most }) => `The cap of ${plural(most, "message")} at work at a time is reached. More go out as consumers acknowledge.`,
  rate: ({ rate_limit: limit, rate_limit_period: period }) =>
    `The rate limit of ${plural(limit, "message")} in ${period && period !== 1000 ? duration(period) : "a second"} is reached. More go out as time passes.`,
};
const pace = ({ pace: found }) => found?.waits_for && WAITS[found.waits_for]?.(found);

function allBusy({ consumer_details: all = [], messages_unacknowledged: unacked }) {
  const room = all.reduce((sum, one) => sum + (one.ack_required && one.prefetch_count ? one.prefetch_count : Infinity), 0);
  if (!all.length || unacked < room) return false;
  return `Every consumer has as many unacknowledged messages as its prefetch allows (${number(room)} together). More go out as they acknowledge.`;
}

const ROWS = [noConsumer, pace, allBusy];

/** Why messages wait: sentences, none where nothing waits or messages go out. */
export function reasonsOf(queue) {
  const moving = queue.message_stats?.deliver_get_details?.rate > 0;
  if (queue.type === "stream" || !queue.messages_ready || moving) return [];
  return ROWS.map((row) => row(queue)).filter(Boolean);
}

export function Standstill({ queue }) {
  const reasons = reasonsOf(queue);
  if (!reasons.length) return null;
  const waits = queue.oldest_ready_ms;
  return html`<div class="banner warn"><strong>${plural(queue.messages_ready, "message")} wait${queue.messages_ready === 1 ? "s" : ""}${waits ? `, the oldest for ${duration(waits)}` : ""}.</strong>
    ${reasons.map((text) => html`<p key=${text}>${text}</p>`)}</div>`;
}

/** How many messages are held for a queue, with the way to them. */
export function HeldNote({ queue }) {
  if (!queue.messages_held) return null;
  return html`<p class="muted">${plural(queue.messages_held, "message")} held until due: <a href=${href(["held"], { vhost: queue.vhost, name: queue.name })}>look at them</a>.</p>`;
}

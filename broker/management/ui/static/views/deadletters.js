// Queues that dead letters go to: where they come from and how many wait.
import { html } from "../kit/html.js";
import { api } from "../kit/api.js";
import { short } from "../kit/format.js";
import { ServerList } from "../kit/list.js";
import { Empty } from "../kit/notice.js";
import { href } from "../kit/routes.js";
import { useVhosts } from "../kit/vhosts.js";
import { ExchangeLink, QueueLink, ViewHead } from "../kit/view.js";

const FROM_SHOWN = 5;

const COLUMNS = [
  { key: "name", title: "Queue", sort: "name", draw: (one) => html`<a href=${href(["queues", one.vhost, one.name], { tab: "letters" })}>${one.name}</a>` },
  { key: "vhost", title: "Vhost", sort: "vhost" },
  { key: "ready", title: "Ready", num: true, sort: "messages_ready", draw: (one) => html`<b>${short(one.messages_ready)}</b>` },
  { key: "consumers", title: "Consumers", num: true, sort: "consumers", draw: (one) => short(one.consumers) },
  { key: "exchanges", title: "Through", draw: (one) => one.exchanges.map((name, index) => html`${index > 0 && ", "}<${ExchangeLink} vhost=${one.vhost} name=${name} key=${name} />`) },
  { key: "from", title: "From queues", draw: (one) => html`${one.from.slice(0, FROM_SHOWN).map((name, index) => html`${index > 0 && ", "}<${QueueLink} vhost=${one.vhost} name=${name} key=${name} />`)}
    ${one.from_count > FROM_SHOWN && ` and ${one.from_count - FROM_SHOWN} more`}` },
];

export function DeadLetters() {
  const many = useVhosts().length > 1;
  return html`<${ViewHead} title="Dead letters" />
    <p class="muted">Queues that get what others do not keep: messages that were rejected, expired, dropped as too many, or delivered too often. Open one to see why its messages died, and to send them back.</p>
    <${ServerList} pathOf=${(vhost) => (vhost ? api`leveret/dead-letter-queues/${vhost}` : "/api/leveret/dead-letter-queues")} byVhost
      columns=${COLUMNS.filter((column) => many || column.key !== "vhost")} caption="Queues that dead letters go to" noun="queue"
      keyOf=${(one) => `${one.vhost}\n${one.name}`} defaults=${{ sort: "messages_ready", reverse: true }}
      empty=${html`<${Empty} title="No queue gets dead letters">A queue needs x-dead-letter-exchange, or a policy with dead-letter-exchange, and that exchange a queue bound to it.<//>`} />`;
}

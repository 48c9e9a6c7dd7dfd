// Bindings of an exchange or a queue: list, add, remove.
import { html } from "../kit/html.js";
import { api, get, post, remove } from "../kit/api.js";
import { ArgumentList, ArgumentRows, tableOf } from "../kit/arguments.js";
import { confirm } from "../kit/dialog.js";
import { exchangeName } from "../kit/format.js";
import { Fold, Form } from "../kit/form.js";
import { Awaited, Empty, note } from "../kit/notice.js";
import { refresh, usePoll } from "../kit/poll.js";
import { Table } from "../kit/table.js";
import { ExchangeLink, QueueLink } from "../kit/view.js";

const keyOf = (one) => [one.source, one.destination_type, one.destination, one.properties_key].join("\n");
const kindOf = (binding) => (binding.destination_type === "queue" ? "q" : "e");

async function unbind(one) {
  await remove(api`bindings/${one.vhost}/e/${one.source}/${kindOf(one)}/${one.destination}/${one.properties_key}`);
  note("The binding is removed.");
  refresh();
}

const ask = (one) => confirm({
  title: "Remove this binding?",
  text: `Messages with the key ${one.routing_key || "(none)"} from ${exchangeName(one.source)} will no longer go to ${one.destination}.`,
  word: "Remove binding",
  act: () => unbind(one),
});

/** Args: `path` of the list, `columns` "source" or "destination": the other end. */
export function BindingTable({ path, end, caption }) {
  const state = usePoll((signal) => get(path, { signal }), path);
  const columns = [
    end === "source"
      ? { key: "source", title: "From exchange", draw: (one) => html`<${ExchangeLink} vhost=${one.vhost} name=${one.source} />` }
      : { key: "destination", title: "To", draw: (one) => (one.destination_type === "queue"
        ? html`<${QueueLink} vhost=${one.vhost} name=${one.destination} />`
        : html`<${ExchangeLink} vhost=${one.vhost} name=${one.destination} />`) },
    end === "destination" && { key: "destination_type", title: "Kind" },
    { key: "routing_key", title: "Routing key", draw: (one) => html`<code>${one.routing_key}</code>` },
    { key: "arguments", title: "Arguments", draw: (one) => html`<${ArgumentList} table=${one.arguments} none="" />` },
    { key: "act", title: "Actions", unseen: true, draw: (one) => one.source !== "" && html`<button type="button" class="small danger"
      aria-label="Remove the binding of ${exchangeName(one.source)} to ${one.destination} with key ${one.routing_key}"
      onClick=${() => ask(one)}>Remove</button>` },
  ];
  return html`<${Awaited} state=${state} doing="Reading the bindings">${(rows) => html`<${Table} columns=${columns}
    items=${end === "source" ? rows.filter((one) => one.source !== "") : rows} keyOf=${keyOf} caption=${caption}
    empty=${html`<${Empty} title="No bindings">${end === "source"
      ? "This gets only messages that are sent to it by name, through the default exchange."
      : "Messages published here go nowhere until something is bound."}<//>`} />`}<//>`;
}

/** The form that binds `exchange` to a chosen destination, or a chosen exchange to `queue`. */
export function AddBinding({ vhost, exchange, queue }) {
  const fields = [
    queue !== undefined && { name: "source", label: "From exchange", required: true },
    exchange !== undefined && { name: "kind", label: "To", options: [["q", "queue"], ["e", "exchange"]] },
    exchange !== undefined && { name: "destination", label: "Its name", required: true },
    { name: "routing_key", label: "Routing key" },
    { name: "rows", label: "Arguments", kind: "custom", initial: [], hint: "For headers exchanges: x-match and the headers to match",
      render: (rows, set) => html`<${ArgumentRows} rows=${rows} set=${set} />` },
  ].filter(Boolean);
  const act = async (values) => {
    const from = exchange ?? values.source;
    const body = { routing_key: values.routing_key, arguments: tableOf(values.rows) };
    const path = (values.kind ?? "q") === "q"
      ? api`bindings/${vhost}/e/${from}/q/${queue ?? values.destination}`
      : api`bindings/${vhost}/e/${from}/e/${values.destination}`;
    await post(path, body);
  };
  const done = () => {
    note("The binding is there.");
    refresh();
  };
  return html`<${Fold} title="Add a binding"><${Form} fields=${fields} act=${act} word="Bind" onDone=${done} /><//>`;
}

// The form that publishes one message to an exchange.
import { html } from "../kit/html.js";
import { api, post } from "../kit/api.js";
import { ArgumentRows, rowsOf, tableOf } from "../kit/arguments.js";
import { Form } from "../kit/form.js";
import { note } from "../kit/notice.js";
import { refresh } from "../kit/poll.js";

const PROPERTIES = [
  { name: "content_type", kind: "text", about: "Such as application/json" },
  { name: "content_encoding", kind: "text", about: "Such as utf-8" },
  { name: "correlation_id", kind: "text", about: "Which request this answers" },
  { name: "reply_to", kind: "text", about: "The queue an answer goes to" },
  { name: "message_id", kind: "text", about: "" },
  { name: "expiration", kind: "text", about: "Milliseconds after which it expires, as text" },
  { name: "priority", kind: "number", about: "0 to 255" },
  { name: "type", kind: "text", about: "" },
  { name: "app_id", kind: "text", about: "" },
  { name: "timestamp", kind: "number", about: "Seconds since 1970" },
];

const FIELDS = [
  { name: "routing_key", label: "Routing key" },
  { name: "delivery_mode", label: "Delivery mode", options: [["2", "persistent"], ["1", "transient"]] },
  { name: "payload", label: "Payload", kind: "area", rows: 6 },
  { name: "payload_encoding", label: "Payload is", options: [["string", "text"], ["base64", "base64 (binary)"]] },
  { name: "headers", label: "Headers", kind: "custom", initial: [],
    render: (rows, set) => html`<${ArgumentRows} rows=${rows} set=${set} of="header" />` },
  { name: "properties", label: "Properties", kind: "custom", initial: [],
    render: (rows, set) => html`<${ArgumentRows} rows=${rows} set=${set} known=${PROPERTIES} of="property" />` },
];

/** Args: `queue` publishes through the default exchange; `message` fills the form with a copy of one. */
export function Publish({ vhost, exchange = "", queue, message, onDone, onCancel }) {
  const fields = queue === undefined ? FIELDS : FIELDS.filter((field) => field.name !== "routing_key");
  const act = async (values) => {
    const headers = tableOf(values.headers);
    const properties = { ...tableOf(values.properties), delivery_mode: Number(values.delivery_mode) };
    if (Object.keys(headers).length) properties.headers = headers;
    return post(api`exchanges/${vhost}/${exchange === "" ? "amq.default" : exchange}/publish`, {
      properties, routing_key: queue ?? values.routing_key, payload: values.payload, payload_encoding: values.payload_encoding,
    });
  };
  const done = (result) => {
    if (result?.routed) note("Published.");
    else note("Published, but no queue took it: nothing is bound with this routing key.", "warn");
    refresh();
    onDone?.();
  };
  return html`<${Form} fields=${fields} initial=${valuesOf(message)} act=${act} word="Publish" onDone=${done} onCancel=${onCancel} keep />`;
}

function valuesOf(message) {
  if (!message) return {};
  const { headers = {}, delivery_mode, ...properties } = message.properties;
  return {
    routing_key: message.routing_key,
    delivery_mode: String(delivery_mode ?? 1),
    payload: message.payload,
    payload_encoding: message.payload_encoding,
    headers: rowsOf(headers),
    properties: rowsOf(properties),
  };
}

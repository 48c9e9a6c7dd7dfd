// The list of connections.
import { html } from "../kit/html.js";
import { api } from "../kit/api.js";
import { bytes, moment, number } from "../kit/format.js";
import { ServerList } from "../kit/list.js";
import { Empty } from "../kit/notice.js";
import { Mark } from "../kit/table.js";
import { useVhosts } from "../kit/vhosts.js";
import { ConnectionLink, State, ViewHead } from "../kit/view.js";

const perSecond = (value) => (value === undefined ? "" : `${bytes(value)}/s`);

/** The name that the client gave itself, or its address. */
export const givenName = (connection) =>
  connection.user_provided_name || connection.client_properties?.connection_name || connection.name;

export const clientOf = ({ client_properties: client = {} }) => [client.product, client.version].filter(Boolean).join(" ");

const COLUMNS = [
  { key: "name", title: "Name", sort: "name", draw: (one) => html`<${ConnectionLink} name=${one.name} text=${givenName(one)} />
    ${givenName(one) !== one.name && html`<br /><small>${one.name}</small>`}` },
  { key: "vhost", title: "Vhost", sort: "vhost" },
  { key: "user", title: "User", sort: "user" },
  { key: "state", title: "State", sort: "state", draw: (one) => html`<${State} state=${one.state} />` },
  { key: "ssl", title: "TLS", draw: (one) => one.ssl && html`<${Mark} text="TLS" title=${one.ssl_protocol ?? "encrypted"} kind="good" />` },
  { key: "client", title: "Client", draw: clientOf },
  { key: "channels", title: "Channels", num: true, sort: "channels", draw: (one) => number(one.channels) },
  { key: "recv", title: "From client", num: true, sort: "recv_oct_details.rate", draw: (one) => perSecond(one.recv_oct_details?.rate) },
  { key: "send", title: "To client", num: true, sort: "send_oct_details.rate", draw: (one) => perSecond(one.send_oct_details?.rate) },
  { key: "since", title: "Since", sort: "connected_at", draw: (one) => html`<span class="nowrap">${moment(one.connected_at)}</span>` },
];

export function Connections() {
  const many = useVhosts().length > 1;
  return html`<${ViewHead} title="Connections" />
    <${ServerList} pathOf=${(vhost) => (vhost ? api`vhosts/${vhost}/connections` : "/api/connections")} byVhost
      columns=${COLUMNS.filter((column) => many || column.key !== "vhost")} caption="Connections" noun="connection"
      keyOf=${(one) => one.name} defaults=${{ sort: "name" }}
      empty=${html`<${Empty} title="Nobody is connected">Clients connect with AMQP, usually to port 5672.<//>`} />`;
}

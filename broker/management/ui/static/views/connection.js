// One connection: what the client is, its channels, its traffic; close it.
import { html } from "../kit/html.js";
import { api, get, remove, withQuery } from "../kit/api.js";
import { ArgumentList } from "../kit/arguments.js";
import { Chart, RangeChoice } from "../kit/chart.js";
import { confirm } from "../kit/dialog.js";
import { bytes, moment, number } from "../kit/format.js";
import { Awaited, note } from "../kit/notice.js";
import { usePoll } from "../kit/poll.js";
import { go } from "../kit/routes.js";
import { rangeQuery, rates } from "../kit/samples.js";
import { Facts } from "../kit/table.js";
import { Card, State, ViewHead } from "../kit/view.js";
import { ChannelTable } from "./channels.js";
import { clientOf, givenName } from "./connections.js";

const perSecond = (value) => `${bytes(value)}/s`;

export function Connection({ parts, query }) {
  const name = parts[1];
  const range = query.range ?? "minute";
  const path = withQuery(api`connections/${name}`, rangeQuery(range, ["data_rates"]));
  const state = usePoll((signal) => get(path, { signal }), path);
  const channels = usePoll((signal) => get(api`connections/${name}/channels`, { signal }), name);
  return html`<${ViewHead} title=${state.data ? givenName(state.data) : name} of=${name} crumbs=${[["Connections", ["connections"]]]}>
      <${RangeChoice} value=${range} />
      <button type="button" class="danger" onClick=${() => askClose(name)}>Close connection</button><//>
    <${Awaited} state=${state} doing="Reading the connection">${(one) => html`
      <${Card} title="About"><${Facts} label="About the connection" rows=${aboutOf(one)} /><//>
      <div class="grid-2">
        <${Card}><${Chart} title="Traffic" series=${trafficOf(one)} format=${perSecond} /><//>
        <${Card} title="What the client says of itself"><${ArgumentList} table=${one.client_properties} none="nothing" /><//>
      </div>`}<//>
    <${Card} title="Channels"><${Awaited} state=${channels} doing="Reading the channels">${(rows) => html`<${ChannelTable} rows=${rows} />`}<//><//>`;
}

const trafficOf = (one) => [
  { name: "From client", points: rates(one.recv_oct_details), now: one.recv_oct_details?.rate },
  { name: "To client", points: rates(one.send_oct_details), now: one.send_oct_details?.rate },
];

const aboutOf = (one) => [
  ["State", html`<${State} state=${one.state} />`],
  ["User", one.user], ["Vhost", one.vhost], ["Client", clientOf(one)],
  ["Protocol", one.protocol], ["Login by", one.auth_mechanism],
  ["From", one.peer_host && `${one.peer_host}:${one.peer_port}`], ["To", one.host && `${one.host}:${one.port}`],
  ["Since", moment(one.connected_at)], ["Channels", `${number(one.channels)} of at most ${number(one.channel_max)}`],
  ["Heartbeat", one.timeout ? `${one.timeout} s` : "none"], ["Largest frame", bytes(one.frame_max)],
  ["Received", one.recv_oct !== undefined && bytes(one.recv_oct)], ["Sent", one.send_oct !== undefined && bytes(one.send_oct)],
  ["TLS", one.ssl && `${one.ssl_protocol ?? "yes"} ${one.ssl_cipher ?? ""}`], ["Certificate", one.peer_cert_subject],
];

function askClose(name) {
  confirm({
    title: "Close this connection?",
    text: `${name} is closed. What its consumers have and did not acknowledge goes back to the queues. Most clients connect again by themselves.`,
    field: { label: "Reason", hint: "The client and the log get to read it" },
    word: "Close connection",
    act: async (reason) => {
      await remove(api`connections/${name}`, { headers: { "X-Reason": printable(reason) || "Closed via management page" } });
      note("The connection is closed.");
      go(["connections"]);
    },
  });
}

/** Header values may only have letters that HTTP knows. */
const printable = (text) => text.replace(/[^\x20-\x7e]/g, "?").trim();

// Sample histories as the API gives them, turned into points for a chart. Must not: draw.

/** What can be chosen: name, how far back and how far apart in seconds. */
export const RANGES = [
  ["minute", "Last minute", 60, 5],
  ["10min", "Last ten minutes", 600, 5],
  ["hour", "Last hour", 3600, 60],
  ["8h", "Last eight hours", 28800, 300],
  ["day", "Last day", 86400, 1800],
];

const KINDS = ["lengths", "msg_rates", "data_rates", "node_stats"];

/** The query that asks for the histories of a range. */
export function rangeQuery(name, kinds = KINDS) {
  const [, , age, step] = RANGES.find((range) => range[0] === name) ?? RANGES[0];
  return Object.fromEntries(kinds.flatMap((kind) => [[`${kind}_age`, age], [`${kind}_incr`, step]]));
}

const oldestFirst = (details) => [...(details?.samples ?? [])].sort((a, b) => a.timestamp - b.timestamp);

/** Points of something that has a level, such as a length. */
export function levels(details) {
  return oldestFirst(details).map(({ timestamp, sample }) => ({ at: timestamp, value: sample }));
}

/** Points of something that is counted, as rates per second between neighbouring samples. */
export function rates(details) {
  const samples = oldestFirst(details);
  return samples.slice(1).map(({ timestamp, sample }, index) => {
    const before = samples[index];
    const seconds = (timestamp - before.timestamp) / 1000;
    return { at: timestamp, value: seconds > 0 ? Math.max(0, (sample - before.sample) / seconds) : 0 };
  });
}

export const LENGTHS = [
  ["messages_ready", "Ready"],
  ["messages_unacknowledged", "Unacked"],
  ["messages", "Total"],
];

export const RATES = [
  ["publish", "Publish", "Messages that publishers sent"],
  ["confirm", "Confirm", "Messages whose arrival was confirmed to publishers"],
  ["deliver", "Deliver", "Deliveries to consumers that acknowledge"],
  ["deliver_no_ack", "Deliver, auto ack", "Deliveries to consumers that do not acknowledge"],
  ["get", "Get", "Messages fetched one by one, to be acknowledged"],
  ["get_no_ack", "Get, auto ack", "Messages fetched one by one without acknowledgement"],
  ["ack", "Ack", "Acknowledgements by consumers"],
  ["redeliver", "Redeliver", "Deliveries of messages that had been delivered before"],
  ["return_unroutable", "Return", "Mandatory messages that went nowhere and were returned"],
  ["drop_unroutable", "Drop", "Messages that went nowhere and were dropped"],
];

/** Series of lengths from `queue_totals` or a queue. */
export const lengthSeries = (source) => LENGTHS.map(([key, name]) => ({
  name, points: levels(source?.[`${key}_details`]), now: source?.[key],
}));

/** What queues do not keep; its rate is known where it is sampled. */
const LEFT = [
  ["dead_letter", "Dead letter", "Messages that went to a dead-letter exchange"],
  ["expire", "Expire", "Messages whose time had passed"],
  ["drop_overflow", "Overflow", "Messages dropped from queues that were too long"],
];
const isSampled = (details) => details?.rate > 0 || details?.samples?.length > 0;

/** Series of rates from `message_stats`; what never happened is left out. */
export function rateSeries(stats, rows = RATES) {
  const shown = [...rows.filter(([key]) => stats?.[key]), ...LEFT.filter(([key]) => isSampled(stats?.[`${key}_details`]))];
  return shown.map(([key, name, title]) => ({
    name, title, points: rates(stats[`${key}_details`]), now: stats[`${key}_details`]?.rate ?? 0,
  }));
}

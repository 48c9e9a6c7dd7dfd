// What the broker knows: arguments, policy keys and exchange types, read once for all forms that offer them.
import { useEffect } from "./html.js";
import { get } from "./api.js";
import { session } from "./session.js";
import { Signal, useSignal } from "./signal.js";

const KINDS = { integer: "number", boolean: "yes/no", any: "JSON" };
const UNITS = ["ms", "bytes", "s"];
const SHOWN_MAX = 1e6; // a bound above this is no help
const NOTHING = { rows: [], exchangeTypes: [] };
const PLAIN_TYPES = [["direct", "by the key, as it is"], ["fanout", "to all that is bound"], ["topic", "by patterns of keys"], ["headers", "by headers"]];

const known = new Signal(NOTHING);
session.follow(() => known.set(NOTHING));

/** A failure leaves the forms without offers; what is typed still works. */
async function read() {
  if (!session.value || known.value.rows.length) return;
  try {
    const [rows, overview] = await Promise.all([get("/api/leveret/arguments"), get("/api/overview")]);
    known.set({ rows, exchangeTypes: overview.exchange_types ?? [] });
  } catch {
    // see above
  }
}

function useRows() {
  const { rows } = useSignal(known);
  useEffect(() => void read(), []);
  return rows;
}

function offer(row, name) {
  const bounds = [
    row.minimum > 1 ? `from ${row.minimum}` : "", row.maximum && row.maximum <= SHOWN_MAX ? `at most ${row.maximum}` : "",
    UNITS.includes(row.unit) ? `in ${row.unit}` : "",
  ];
  const about = [row.summary, ...bounds].filter(Boolean).join(", ");
  return { name, kind: KINDS[row.kind] ?? "text", about, choices: row.choices.length ? row.choices : undefined, types: row.types };
}

/** What a form offers for "queue" or "exchange" arguments; for queues: those of a type. */
export function useArguments(on, type = "classic") {
  const fits = (row) => row.on === on && row.acts && (on !== "queue" || row.types.includes(type));
  return useRows().filter(fits).map((row) => offer(row, row.name));
}

/** What a form offers for policies, or for operator policies. */
export function usePolicyKeys(operator) {
  const fits = (row) => row.policy_key && row.acts && (!operator || row.operator);
  return useRows().filter(fits).map((row) => offer(row, row.policy_key));
}

/** The types of queues, the plain one first. */
export function useQueueTypes() {
  return useRows().find((row) => row.name === "x-queue-type")?.choices ?? ["classic"];
}

/** Types of exchanges as rows of name and what it does. */
export function useExchangeTypes() {
  const { exchangeTypes } = useSignal(known);
  useEffect(() => void read(), []);
  const plain = new Map(PLAIN_TYPES);
  const others = exchangeTypes.filter((one) => !plain.has(one.name)).map((one) => [one.name, one.description]);
  return [...PLAIN_TYPES, ...others];
}

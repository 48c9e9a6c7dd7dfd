// What a message says: its payload as text, JSON or bytes, a Celery task in it, why it was dead-lettered.
const HEX_BYTES_MAX = 4096;
const HEX_ROW = 16;

/** The bytes of a payload. */
export function bytesOf(message) {
  if (message.payload_encoding !== "base64") return new TextEncoder().encode(message.payload);
  return Uint8Array.from(atob(message.payload), (letter) => letter.charCodeAt(0));
}

/** The payload as text, or null where it is none. */
export function textOf(message) {
  if (message.payload_encoding !== "base64") return message.payload;
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(bytesOf(message));
  } catch {
    return null;
  }
}

/** The payload's JSON value, or undefined. Kombu's base64 bodies are looked through. */
export function jsonOf(message) {
  const text = message.properties?.headers?.compression || message.properties?.body_encoding ? null : textOf(message);
  if (text === null) return undefined;
  for (const candidate of [text, unwrapped(message, text)]) {
    try {
      if (candidate !== null) return JSON.parse(candidate);
    } catch {
      // not JSON
    }
  }
  return undefined;
}

function unwrapped(message, text) {
  if (message.properties?.headers?.task === undefined || !/^[A-Za-z0-9+/]+=*$/.test(text)) return null;
  return textOf({ payload: text, payload_encoding: "base64" });
}

/** How a payload is best shown: {kind, text}. */
export function pretty(message) {
  const value = jsonOf(message);
  if (value !== undefined && typeof value === "object" && value !== null) return { kind: "JSON", text: JSON.stringify(value, null, 2) };
  const text = textOf(message);
  return text === null ? { kind: "bytes", text: hex(bytesOf(message)) } : { kind: "text", text };
}

function hex(all) {
  const rows = [];
  for (let at = 0; at < Math.min(all.length, HEX_BYTES_MAX); at += HEX_ROW) {
    const row = [...all.slice(at, at + HEX_ROW)];
    const numbers = row.map((byte) => byte.toString(16).padStart(2, "0")).join(" ");
    const letters = row.map((byte) => (byte > 31 && byte < 127 ? String.fromCharCode(byte) : ".")).join("");
    rows.push(`${at.toString(16).padStart(6, "0")}  ${numbers.padEnd(HEX_ROW * 3)} ${letters}`);
  }
  if (all.length > HEX_BYTES_MAX) rows.push(`… ${all.length - HEX_BYTES_MAX} more bytes`);
  return rows.join("\n");
}

/** The Celery task in a message, or null: {name, id, args, kwargs, eta, retries, parent, root, origin}. */
export function taskOf(message) {
  const headers = message.properties?.headers ?? {};
  const body = jsonOf(message);
  if (typeof headers.task === "string") {
    const decoded = Array.isArray(body) && body.length === 3;
    return {
      name: headers.task, id: headers.id, eta: headers.eta, expires: headers.expires, retries: headers.retries,
      root: headers.root_id, parent: headers.parent_id, origin: headers.origin,
      args: decoded ? body[0] : headers.argsrepr, kwargs: decoded ? body[1] : headers.kwargsrepr,
    };
  }
  if (body && typeof body.task === "string" && typeof body.id === "string") {
    return { name: body.task, id: body.id, eta: body.eta, expires: body.expires, retries: body.retries, args: body.args, kwargs: body.kwargs };
  }
  return null;
}

const DEATHS = {
  rejected: "Rejected by a consumer of",
  expired: "Expired in",
  maxlen: "Dropped because there were too many in",
  maxlenbytes: "Dropped because there were too many bytes in",
  delivery_limit: "Delivered too often by",
};

/** The deaths of a message, the latest first: {reason, queue, count, at, exchange, keys, words}. */
export function deathsOf(message) {
  const deaths = message.properties?.headers?.["x-death"];
  if (!Array.isArray(deaths)) return [];
  return deaths.filter((one) => one && typeof one === "object").map((one) => ({
    reason: String(one.reason ?? "unknown"), queue: String(one.queue ?? ""), count: Number(one.count) || 1, at: timeOf(one.time),
    exchange: String(one.exchange ?? ""), keys: Array.isArray(one["routing-keys"]) ? one["routing-keys"].map(String) : [],
    expiration: one["original-expiration"],
    words: `${DEATHS[one.reason] ?? `Dead (${one.reason}) in`} ${one.queue}`,
  }));
}

/** AMQP timestamps are seconds; the API may have written them as text. */
function timeOf(time) {
  return typeof time === "number" ? time * 1000 : time;
}

export const sizeOf = (message) => message.payload_bytes ?? bytesOf(message).length;

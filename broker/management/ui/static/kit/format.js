// Numbers, sizes, times and tables of arguments as text. Must not: draw.
const plain = new Intl.NumberFormat("en", { maximumFractionDigits: 0 });
const fine = new Intl.NumberFormat("en", { maximumFractionDigits: 1 });
const SIZES = ["B", "KiB", "MiB", "GiB", "TiB", "PiB"];
export const NOTHING = "–";

const isNumber = (value) => typeof value === "number" && Number.isFinite(value);

export const number = (value) => (isNumber(value) ? plain.format(value) : NOTHING);

/** A number in little room: 1,234 · 12.3 k · 4.5 M. */
export function short(value) {
  if (!isNumber(value)) return NOTHING;
  const size = Math.abs(value);
  if (size < 10_000) return size < 10 ? fine.format(value) : plain.format(value);
  return size < 1e6 ? `${fine.format(value / 1e3)} k` : `${fine.format(value / 1e6)} M`;
}

/** Per second. */
export const rate = (value) => (isNumber(value) ? `${short(value)}/s` : NOTHING);

export function bytes(value) {
  if (!isNumber(value)) return NOTHING;
  let size = value;
  let unit = 0;
  while (Math.abs(size) >= 1024 && unit < SIZES.length - 1) {
    size /= 1024;
    unit += 1;
  }
  return `${unit && size < 100 ? fine.format(size) : plain.format(size)} ${SIZES[unit]}`;
}

/** A length of time from milliseconds: 350 ms · 12 s · 3 min 5 s · 4 h 2 min · 3 d 4 h. */
export function duration(ms) {
  if (!isNumber(ms)) return NOTHING;
  if (ms < 1000) return `${plain.format(ms)} ms`;
  const seconds = Math.floor(ms / 1000);
  const steps = [[86400, "d"], [3600, "h"], [60, "min"], [1, "s"]];
  const first = steps.findIndex(([size]) => seconds >= size);
  const [size, unit] = steps[first];
  const rest = steps[first + 1] && Math.floor((seconds % size) / steps[first + 1][0]);
  return `${Math.floor(seconds / size)} ${unit}${rest ? ` ${rest} ${steps[first + 1][1]}` : ""}`;
}

/** A moment in local time. Args: milliseconds since 1970, or text that a Date understands. */
export function moment(value) {
  if (value === undefined || value === null || value === "") return NOTHING;
  const date = new Date(value);
  if (Number.isNaN(date.getTime())) return String(value);
  const two = (part) => String(part).padStart(2, "0");
  const day = `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())}`;
  return `${day} ${two(date.getHours())}:${two(date.getMinutes())}:${two(date.getSeconds())}`;
}

export const yesNo = (value) => (value ? "yes" : "no");

/** A value of an arguments table in one line. */
export const inline = (value) => (typeof value === "string" ? value : JSON.stringify(value));

export function plural(count, one, many = one.endsWith("y") ? `${one.slice(0, -1)}ies` : `${one}s`) {
  return `${number(count)} ${count === 1 ? one : many}`;
}

/** The default exchange has no name. */
export const exchangeName = (name) => (name === "" ? "(default)" : name);

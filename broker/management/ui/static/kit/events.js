// Server-sent events over fetch, so that the Authorization header goes along. Must not: draw.
import { ask } from "./api.js";

const FIELD = /^(\w+):? ?(.*)$/;
const BUFFER_LETTERS_MAX = 4 * 1024 * 1024;

/** Events in a text that came in pieces: `feed(piece)` gives those that are complete as {event, data}. */
export class EventReader {
  constructor() {
    this.rest = "";
  }

  feed(piece) {
    const blocks = (this.rest + piece).replace(/\r\n?/g, "\n").split("\n\n");
    this.rest = blocks.pop();
    if (this.rest.length > BUFFER_LETTERS_MAX) this.rest = "";
    return blocks.map(eventOf).filter((event) => event.data !== "");
  }
}

function eventOf(block) {
  const found = { event: "message", data: [] };
  for (const line of block.split("\n")) {
    const [, name, value] = FIELD.exec(line) ?? [];
    if (name === "data") found.data.push(value);
    else if (name === "event") found.event = value;
  }
  return { event: found.event, data: found.data.join("\n") };
}

/** Calls `take({event, data})` for every event until `signal` ends it. Throws ApiError. */
export async function follow(path, signal, take, opened = () => {}) {
  const response = await ask("GET", path, { signal, headers: { Accept: "text/event-stream" } });
  opened();
  const reader = new EventReader();
  const pieces = response.body.pipeThrough(new TextDecoderStream()).getReader();
  for (;;) {
    const { value, done } = await pieces.read();
    if (done) return;
    reader.feed(value).forEach(take);
  }
}

// Choosing some of the rows that are shown. Must not: know what they are.
import { html, useState } from "./html.js";

/** What is picked of the rows with these ids: {ids, has(id), toggle(id), all(), none()}; what is gone is not picked. */
export function usePicked(present) {
  const [chosen, setChosen] = useState(() => new Set());
  const ids = present.filter((id) => chosen.has(id));
  const toggle = (id) => {
    const next = new Set(chosen);
    if (!next.delete(id)) next.add(id);
    setChosen(next);
  };
  return { ids, has: (id) => chosen.has(id), toggle, all: () => setChosen(new Set(present)), none: () => setChosen(new Set()) };
}

/** The box before a row's text. */
export function Pick({ picked, id, children }) {
  return html`<label class="pick"><input type="checkbox" checked=${picked.has(id)} onChange=${() => picked.toggle(id)} />
    <span class="unseen">Select</span> ${children}</label>`;
}

/** The box for all rows that are shown. */
export function PickAll({ picked, count }) {
  const full = count > 0 && picked.ids.length === count;
  return html`<label class="inline"><input type="checkbox" checked=${full} disabled=${!count}
    onChange=${() => (full ? picked.none() : picked.all())} /> all shown</label>`;
}

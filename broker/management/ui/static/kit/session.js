// Who is logged in: the credential lives in memory and in this tab's sessionStorage, until `end`.
import { Signal } from "./signal.js";

const KEY = "leveret.credential";

/** null, or {credential, name, tags}; `name` is "" until whoami has answered. */
export const session = new Signal(null);
export const farewell = new Signal("");

/** The value of an Authorization header. */
export function credentialOf(name, password) {
  const bytes = new TextEncoder().encode(`${name}:${password}`);
  return `Basic ${btoa(String.fromCharCode(...bytes))}`;
}

export function begin(credential, who) {
  sessionStorage.setItem(KEY, credential);
  farewell.set("");
  session.set({ credential, name: who.name, tags: tagsOf(who.tags) });
}

/** Forgets the credential; `why` is shown above the login form. */
export function end(why = "") {
  sessionStorage.removeItem(KEY);
  farewell.set(why);
  session.set(null);
}

/** A credential that this tab kept over a reload, or null. */
export function kept() {
  return sessionStorage.getItem(KEY);
}

export function tagsOf(tags) {
  return (Array.isArray(tags) ? tags : String(tags ?? "").split(",")).map((tag) => tag.trim()).filter(Boolean);
}

/** What the tags of the user allow; the broker decides, this only keeps what cannot work out of sight. */
export function may() {
  const tags = session.value?.tags ?? [];
  const admin = tags.includes("administrator");
  const monitor = admin || tags.includes("monitoring");
  const policy = admin || tags.includes("policymaker");
  return { admin, monitor, policy };
}

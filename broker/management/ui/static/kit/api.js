// Requests to /api. Must not: draw anything, or be used with paths that are not built by `api`.
import { end, session } from "./session.js";

const ADVICE = {
  400: "Correct what the reason names and try again.",
  401: "Your user is not allowed to do this. An administrator can change its tags or permissions.",
  403: "Your user is not allowed to do this. An administrator can change its tags or permissions.",
  404: "It is not there (any more). Go back to the list to see what is.",
  405: "This broker does not offer that.",
  409: "Something else was faster, or stands in the way. Look again, then repeat it.",
  413: "What you sent is too long.",
  429: "Too many attempts. Wait a few seconds.",
  500: "The broker failed over this. Its log says why; please report it.",
  503: "The broker cannot do this right now. Its log says why; try again in a moment.",
};
const UNREACHABLE = "Check that the broker runs and that this address still leads to it. The page keeps trying.";

export class ApiError extends Error {
  constructor(status, reason) {
    super(reason);
    this.status = status;
    this.advice = ADVICE[status] ?? (status ? "Its log may say why." : UNREACHABLE);
  }
}

/** A path below /api from a template: every value is percent-encoded, so a vhost named / stays one part. */
export function api(strings, ...values) {
  const parts = values.map((value) => encodeURIComponent(String(value)));
  return "/api/" + strings.reduce((path, text, index) => path + parts[index - 1] + text);
}

/** `path` with the query's entries that are neither undefined nor empty. */
export function withQuery(path, query) {
  const entries = Object.entries(query).filter(([, value]) => value !== undefined && value !== null && value !== "");
  const text = new URLSearchParams(entries).toString();
  return text ? `${path}?${text}` : path;
}

async function send(method, path, { body, signal, headers = {}, credential } = {}) {
  const token = credential ?? session.value?.credential;
  const all = { ...headers, ...(token ? { Authorization: token } : {}) };
  if (body !== undefined) all["Content-Type"] = "application/json";
  const options = { method, headers: all, signal, credentials: "omit", cache: "no-store", redirect: "error" };
  try {
    return await fetch(path, { ...options, body: body === undefined ? undefined : JSON.stringify(body) });
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new ApiError(0, "The broker does not answer.");
  }
}

async function errorOf(response) {
  const text = await response.text();
  let reason = text.slice(0, 500);
  try {
    const body = JSON.parse(text);
    reason = [body.reason, body.error].find((one) => typeof one === "string") ?? reason;
  } catch {
    // not JSON: the text as it came
  }
  return new ApiError(response.status, reason || `The broker answered ${response.status}.`);
}

/** Ends the session where the credential itself is refused and not only this request. */
async function checkLogin(error) {
  const used = session.value?.credential;
  if (error.status !== 401 || !used) return;
  const answer = await send("GET", "/api/whoami").catch(() => null);
  if (answer?.status === 401 && session.value?.credential === used) {
    end("The broker does not accept your login any more. Log in again.");
  }
}

/** The response of a request that went well. Throws ApiError, or AbortError where `signal` ended it. */
export async function ask(method, path, options = {}) {
  const response = await send(method, path, options);
  if (response.ok) return response;
  const error = await errorOf(response);
  if (!options.credential) await checkLogin(error);
  throw error;
}

async function answer(method, path, options) {
  const text = await (await ask(method, path, options)).text();
  return text ? JSON.parse(text) : null;
}

export const get = (path, options) => answer("GET", path, options);
export const put = (path, body = {}) => answer("PUT", path, { body });
export const post = (path, body = {}) => answer("POST", path, { body });
export const remove = (path, options) => answer("DELETE", path, options);

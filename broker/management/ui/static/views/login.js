// The login form.
import { html, useEffect, useRef, useState } from "../kit/html.js";
import { get } from "../kit/api.js";
import { Problem } from "../kit/notice.js";
import { begin, credentialOf, farewell } from "../kit/session.js";
import { useSignal } from "../kit/signal.js";
import { Brand } from "../kit/brand.js";

const WRONG = "That name and password do not fit, or this user may not use the page.";
const ADVICE = "The page needs one of the tags management, policymaker, monitoring or administrator. The user guest "
  + "may log in only from the machine the broker runs on.";

export function Login() {
  const why = useSignal(farewell);
  const first = useRef(null);
  const [state, setState] = useState({ busy: false, problem: null });
  useEffect(() => first.current.focus(), []);
  useEffect(() => void (document.title = "Log in · Leveret"), []);
  const submit = async (event) => {
    event.preventDefault();
    const { name, password } = event.target.elements;
    const credential = credentialOf(name.value, password.value);
    setState({ busy: true, problem: null });
    try {
      begin(credential, await get("/api/whoami", { credential }));
    } catch (problem) {
      if (problem.status === 401) Object.assign(problem, { message: WRONG, advice: ADVICE });
      setState({ busy: false, problem });
      password.focus();
      password.select();
    }
  };
  return html`<main class="login" id="content">
    <${Brand} large />
    <h1 class="unseen">Log in to Leveret</h1>
    <form class="card" onSubmit=${submit}>
      ${why && html`<p role="status">${why}</p>`}
      <div class="field"><label for="login-name">User name</label>
        <input id="login-name" name="name" ref=${first} autocomplete="username" autocapitalize="none" spellcheck="false" required /></div>
      <div class="field"><label for="login-password">Password</label>
        <input id="login-password" name="password" type="password" autocomplete="current-password" /></div>
      <${Problem} problem=${state.problem} doing="Logging in" />
      <button class="primary wide" disabled=${state.busy}>${state.busy ? "Logging in…" : "Log in"}</button>
    </form>
  </main>`;
}

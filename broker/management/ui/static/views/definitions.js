// Definitions: download all or those of one vhost, upload a file.
import { html, useState } from "../kit/html.js";
import { api, ask } from "../kit/api.js";
import { confirm } from "../kit/dialog.js";
import { plural } from "../kit/format.js";
import { note, Problem } from "../kit/notice.js";
import { refresh } from "../kit/poll.js";
import { useVhosts } from "../kit/vhosts.js";
import { Card, ViewHead } from "../kit/view.js";

const FILE_BYTES_MAX = 64 * 1024 * 1024;
const COUNTED = ["vhosts", "users", "queues", "exchanges", "bindings", "policies"];

export function Definitions() {
  const vhosts = useVhosts();
  const [vhost, setVhost] = useState("");
  const choice = (id) => html`<div class="field narrow"><label for=${id}>Of</label>
    <select id=${id} value=${vhost} onChange=${(event) => setVhost(event.target.value)}>
      <option value="" selected=${vhost === ""}>the whole broker</option>
      ${vhosts.map((name) => html`<option key=${name} value=${name} selected=${name === vhost}>vhost ${name}</option>`)}
    </select></div>`;
  return html`<${ViewHead} title="Definitions" />
    <p class="muted">Vhosts, users, permissions, policies, exchanges, queues and bindings as one JSON file that RabbitMQ reads too. Messages are not in it.</p>
    ${choice("definitions-of")}
    <div class="grid-2"><${Export} vhost=${vhost} /><${Import} vhost=${vhost} /></div>`;
}

const pathOf = (vhost) => (vhost ? api`definitions/${vhost}` : "/api/definitions");

function Export({ vhost }) {
  const [state, setState] = useState({ busy: false, problem: null });
  const download = async () => {
    setState({ busy: true, problem: null });
    try {
      save(await (await ask("GET", pathOf(vhost))).blob(), `definitions-${new Date().toISOString().slice(0, 10)}.json`);
      note("The definitions are downloaded.");
      setState({ busy: false, problem: null });
    } catch (problem) {
      setState({ busy: false, problem });
    }
  };
  return html`<${Card} title="Download">
    <p>Passwords are in the file as hashes: keep it as you keep passwords.</p>
    <${Problem} problem=${state.problem} doing="The download" />
    <button type="button" class="primary" disabled=${state.busy} onClick=${download}>Download definitions</button><//>`;
}

function save(blob, name) {
  const url = URL.createObjectURL(blob);
  const link = document.createElement("a");
  link.href = url;
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(url), 1000);
}

async function readFile(file) {
  if (!file) throw new Error("Choose a file first.");
  if (file.size > FILE_BYTES_MAX) throw new Error("This file is too long for definitions.");
  const text = await file.text();
  try {
    return JSON.parse(text);
  } catch {
    throw new Error(`${file.name} is not JSON. Choose a file that was exported as definitions.`);
  }
}

function Import({ vhost }) {
  const [problem, setProblem] = useState(null);
  const submit = async (event) => {
    event.preventDefault();
    const form = event.target;
    try {
      const body = await readFile(form.elements.file.files[0]);
      setProblem(null);
      askImport(vhost, body, () => form.reset());
    } catch (error) {
      setProblem(error);
    }
  };
  return html`<${Card} title="Upload"><form onSubmit=${submit}>
    <p>What the file has is added; users and policies of the same name are replaced; nothing is removed.</p>
    <div class="field"><label for="definitions-file">Definitions file</label>
      <input id="definitions-file" name="file" type="file" accept=".json,application/json" /></div>
    <${Problem} problem=${problem} doing="Reading the file" />
    <div class="actions"><button class="primary">Upload definitions…</button></div></form><//>`;
}

function askImport(vhost, body, done) {
  const parts = COUNTED.filter((key) => Array.isArray(body[key]) && body[key].length)
    .map((key) => plural(body[key].length, key === "policies" ? "policy" : key.slice(0, -1)));
  confirm({
    title: "Import these definitions?",
    text: `The file has ${parts.join(", ") || "nothing that can be imported"}.`,
    word: "Import",
    harmless: true,
    act: async () => {
      await ask("POST", pathOf(vhost), { body });
      note("The definitions are imported.");
      done();
      refresh();
    },
  });
}

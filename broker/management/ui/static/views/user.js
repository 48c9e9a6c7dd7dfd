// One user: password and tags, permissions, limits, delete.
import { html } from "../kit/html.js";
import { api, get, put, remove } from "../kit/api.js";
import { confirm } from "../kit/dialog.js";
import { Fold, Form } from "../kit/form.js";
import { Awaited, note } from "../kit/notice.js";
import { refresh, usePoll } from "../kit/poll.js";
import { go } from "../kit/routes.js";
import { session, tagsOf } from "../kit/session.js";
import { Card, ViewHead } from "../kit/view.js";
import { LimitTable } from "./limits.js";
import { Permissions, TopicPermissions } from "./permissions.js";
import { samePasswords, tagField, Tags } from "./users.js";

export function User({ parts }) {
  const name = parts[2];
  const state = usePoll((signal) => get(api`users/${name}`, { signal }), name);
  return html`<${ViewHead} title=${name} crumbs=${[["Users", ["admin", "users"]]]}>
      ${state.data && html`<${Tags} tags=${state.data.tags} />`}
      ${name !== session.value.name && html`<button type="button" class="danger" onClick=${() => askDelete(name)}>Delete user</button>`}<//>
    <${Awaited} state=${state} doing="Reading the user">${(user) => html`
      <${Card} title="Permissions"><${Permissions} path=${api`users/${name}/permissions`} user=${name} /><//>
      <${Card} title="Topic permissions"><${TopicPermissions} path=${api`users/${name}/topic-permissions`} user=${name} /><//>
      <${Card} title="Limits"><${LimitTable} kind="user" name=${name} /><//>
      <${Fold} title="Change password or tags"><${Change} user=${user} key=${String(user.tags)} /><//>`}<//>`;
}

function Change({ user }) {
  const fields = [
    { name: "password", label: "New password", kind: "password", hint: "Empty: it stays as it is" },
    { name: "again", label: "New password again", kind: "password" },
    tagField(),
  ];
  const act = (values) => {
    samePasswords(values);
    const kept = user.password_hash === undefined ? {} : { password_hash: user.password_hash, hashing_algorithm: user.hashing_algorithm };
    return put(api`users/${user.name}`, { ...(values.password ? { password: values.password } : kept), tags: values.tags.join(",") });
  };
  const done = () => {
    note(`${user.name} is changed.`);
    refresh();
  };
  return html`<${Form} fields=${fields} initial=${{ tags: tagsOf(user.tags) }} act=${act} word="Change user" onDone=${done} />`;
}

function askDelete(name) {
  confirm({
    title: `Delete ${name}?`,
    text: "The user and all its permissions are gone. Whoever is logged in as this user is cut off.",
    word: "Delete user",
    act: async () => {
      await remove(api`users/${name}`);
      note(`User ${name} is deleted.`);
      go(["admin", "users"]);
    },
  });
}

// The list of users, and the form that makes one.
import { html } from "../kit/html.js";
import { api, get, put } from "../kit/api.js";
import { Fold, Form } from "../kit/form.js";
import { LocalList } from "../kit/list.js";
import { note } from "../kit/notice.js";
import { refresh } from "../kit/poll.js";
import { href } from "../kit/routes.js";
import { tagsOf } from "../kit/session.js";
import { Mark } from "../kit/table.js";
import { ViewHead } from "../kit/view.js";
import { TAGS } from "./tags.js";

export const Tags = ({ tags }) => tagsOf(tags).map((tag) => html`<${Mark} key=${tag} text=${tag} title="Tag" kind="accent" />`);

const userLink = (name) => html`<a href=${href(["admin", "users", name])}>${name}</a>`;

/** Reads users, and with them in how many vhosts they may do something. */
async function readUsers(signal) {
  const [users, permissions] = await Promise.all([get("/api/users", { signal }), get("/api/permissions", { signal })]);
  return users.map((user) => ({ ...user, vhosts: permissions.filter((one) => one.user === user.name).map((one) => one.vhost) }));
}

const COLUMNS = [
  { key: "name", title: "Name", sort: "name", draw: (user) => userLink(user.name) },
  { key: "tags", title: "Tags", draw: (user) => html`<${Tags} tags=${user.tags} />` },
  { key: "vhosts", title: "May use vhosts", draw: (user) => (user.vhosts.length ? user.vhosts.join(", ")
    : html`<${Mark} text="none" title="Without permissions in a vhost it cannot connect to one" kind="warn" />`) },
  { key: "password", title: "Password", draw: (user) => (user.password_hash === "" ? "none: cannot log in with one" : "set") },
];

export function Users() {
  return html`<${ViewHead} title="Users" />
    <${LocalList} read=${readUsers} columns=${COLUMNS} keyOf=${(user) => user.name} caption="Users" noun="user" defaults=${{ sort: "name" }} />
    <${Fold} title="Add a user"><${Add} /><//>`;
}

/** A choice of tags as check boxes. */
export function tagField() {
  const toggle = (tags, tag, on) => (on ? [...tags, tag] : tags.filter((one) => one !== tag));
  return {
    name: "tags", label: "Tags", kind: "custom", initial: [],
    hint: "Without a tag a user may use AMQP as its permissions say, and not this page",
    render: (tags, set) => html`<div>${TAGS.map(([tag, title]) => html`<div class="field check" key=${tag}><label>
      <input type="checkbox" checked=${tags.includes(tag)} onChange=${(event) => set(toggle(tags, tag, event.target.checked))} />
      <span>${tag} <small>${title}</small></span></label></div>`)}</div>`,
  };
}

export function samePasswords({ password, again }) {
  if (password !== again) throw new Error("The two passwords differ.");
}

function Add() {
  const fields = [
    { name: "name", label: "Name", required: true },
    { name: "password", label: "Password", kind: "password", hint: "Empty: it cannot log in with a password" },
    { name: "again", label: "Password again", kind: "password" },
    tagField(),
  ];
  const act = (values) => {
    samePasswords(values);
    const secret = values.password ? { password: values.password } : { password_hash: "" };
    return put(api`users/${values.name}`, { ...secret, tags: values.tags.join(",") });
  };
  const done = (_, values) => {
    note(`User ${values.name} is there. It needs permissions in a vhost before it can do anything.`);
    refresh();
  };
  return html`<${Form} fields=${fields} act=${act} word="Add user" onDone=${done} />`;
}

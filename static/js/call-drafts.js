// What is typed about a call is kept in the browser at once and on the server a moment later, again and
// again until it has arrived, so that no reload, closed tab, new call or lost network loses it. Other
// forms about the call, here and in the other tabs, follow.
import * as store from "./draft-store.js";
import { isOut } from "./live-state.js";
import { token } from "./sign-in-over.js";
import { refresh } from "./tray.js";

const PAUSE_MS = 700;
const AGAIN_MS = 5_000;
const FIELDS = ["outcome", "note", "chip", "day", "task_title", "default_title"];
const timers = new Map();

const whatOf = (form) => `call-${form.dataset.jsWrapup}`;

function written(form) {
  const typed = new FormData(form);
  return JSON.stringify(Object.fromEntries(FIELDS.map((name) => [name, typed.get(name) ?? ""])));
}

function plan(form, pause = PAUSE_MS) {
  const what = whatOf(form);
  clearTimeout(timers.get(what));
  if (form.dataset.jsDraft) timers.set(what, setTimeout(send, pause, form));
}

function keep(form) {
  store.keep(whatOf(form), written(form));
  plan(form);
}

function forget(form) {
  const what = whatOf(form);
  clearTimeout(timers.get(what));
  timers.delete(what);
  store.forget(what);
}

async function send(form) {
  const what = whatOf(form);
  const kept = store.find(what)?.content;
  if (!kept || !form.dataset.jsDraft) return;
  const answer = await fetch(form.dataset.jsDraft, {
    method: "POST",
    body: new URLSearchParams(JSON.parse(kept)),
    headers: { "X-CSRFToken": token() },
    keepalive: true,
  }).catch(() => null);
  if (answer?.ok) {
    if (store.find(what)?.content === kept) store.forget(what);
    return;
  }
  // Saved meanwhile, so this is an edit from now on.
  if (answer?.status === 409) form.dataset.jsDraft = "";
  // The page may be older than the sign-in; the answer about the tray tells.
  if (!isOut() && [400, 401].includes(answer?.status)) refresh();
  // It is sent when somebody has signed in again.
  if (form.isConnected && !isOut()) plan(form, AGAIN_MS);
}

const filled = new Set();
const sent = new WeakMap();
const edited = new WeakSet();
const forms = () => [...document.querySelectorAll("[data-js-draft]")];
const twins = (form) => forms().filter((other) => other !== form && whatOf(other) === whatOf(form));

function fill(form, text) {
  const draft = JSON.parse(text);
  form.elements.note.value = draft.note;
  form.elements.day.value = draft.day ?? "";
  // A title that nobody has changed stays the one that this form proposes.
  if (draft.task_title !== draft.default_title) form.elements.task_title.value = draft.task_title;
  for (const radio of form.querySelectorAll("[type=radio]")) {
    if (radio.value === draft[radio.name]) radio.checked = true;
  }
  edited.add(form);
}

function restore(form) {
  const twin = twins(form).find((other) => filled.has(other));
  const kept = edited.has(twin) ? written(twin) : store.find(whatOf(form))?.content;
  filled.add(form);
  if (!kept) return;
  const asSaved = written(form);
  fill(form, kept);
  if (written(form) !== asSaved) plan(form);
  else forget(form);
}

document.addEventListener("input", ({ target }) => {
  const form = target.closest("[data-js-draft]");
  if (!form) return;
  edited.add(form);
  keep(form);
  for (const twin of twins(form)) fill(twin, written(form));
});
for (const when of ["before", "after"]) {
  document.addEventListener(`htmx:${when}:request`, ({ detail: { ctx } }) => {
    const form = ctx.sourceElement?.closest?.("[data-js-draft]");
    if (!form) return;
    if (when === "before") sent.set(form, written(form));
    // What was typed since is in nobody's hands yet.
    else if (ctx.response.raw.ok && sent.get(form) === written(form)) forget(form);
  });
}
store.onKept((what, text) => {
  for (const form of forms()) {
    const isTypedIn = [form.elements.note, form.elements.task_title].includes(document.activeElement);
    if (what === whatOf(form) && !isTypedIn) fill(form, text);
  }
});
for (const kind of ["sign-in:back", "sign-in:renewed"])
  document.addEventListener(kind, () => {
    for (const form of forms()) plan(form);
  });
document.addEventListener("sign-out", ({ detail }) => detail.lastWork.push(...forms().map(send)));
addEventListener("pagehide", () => forms().forEach(send));

function look() {
  for (const form of filled) if (!form.isConnected) filled.delete(form);
  for (const form of forms()) {
    const kept = store.find(whatOf(form))?.content;
    if (!filled.has(form)) restore(form);
    // The server did not know yet what was typed last.
    else if (kept && edited.has(form)) fill(form, kept);
  }
}

// What was typed after another form had saved the call goes into the form that changes it.
function takeOver(form) {
  const what = `call-${form.dataset.jsLate}`;
  const kept = store.find(what)?.content;
  if (!kept) return;
  const { outcome, note } = JSON.parse(kept);
  form.elements.note.value = note;
  for (const radio of form.querySelectorAll("[name=outcome]")) radio.checked = radio.value === outcome;
  form.elements.note.dispatchEvent(new Event("input", { bubbles: true }));
  store.forget(what);
}

for (const kind of ["tray:changed", "htmx:after:swap"]) document.addEventListener(kind, look);
look();
for (const form of document.querySelectorAll("[data-js-late]")) takeOver(form);

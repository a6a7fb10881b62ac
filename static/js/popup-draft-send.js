// Brings a draft to the server, again and again until it has arrived; until then the browser keeps it.
// An edit of what is saved already is kept by the browser alone, until it is saved.
import * as store from "./draft-store.js";
import { refreshTray } from "./popup-tray.js";

const PAUSE_MS = 700;
const AGAIN_MS = 5_000;
const FIELDS = ["outcome", "note", "chip", "task_title", "default_title"];
const timers = new Map();

export const whatOf = (form) => `call-${form.dataset.jsWrapup}`;
// Another one after somebody has signed in over the page.
const token = () => JSON.parse(document.body.getAttribute("hx-headers:inherited"))["X-CSRFToken"];

export function written(form) {
  const typed = new FormData(form);
  return JSON.stringify(Object.fromEntries(FIELDS.map((name) => [name, typed.get(name) ?? ""])));
}

export function plan(form, pause = PAUSE_MS) {
  const what = whatOf(form);
  clearTimeout(timers.get(what));
  if (form.dataset.jsDraft) timers.set(what, setTimeout(send, pause, form));
}

export function keep(form) {
  store.keep(whatOf(form), written(form));
  plan(form);
}

export function forget(form) {
  const what = whatOf(form);
  clearTimeout(timers.get(what));
  timers.delete(what);
  store.forget(what);
}

export async function send(form) {
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
  if ([400, 401].includes(answer?.status)) refreshTray();
  if (form.isConnected) plan(form, AGAIN_MS);
}

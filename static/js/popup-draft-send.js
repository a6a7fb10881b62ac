// Brings a draft to the server, again and again until it has arrived; until then the browser keeps it.
// An edit of what is saved already is kept by the browser alone, until it is saved.
import { refreshTray } from "./popup-tray.js";

const PAUSE_MS = 700;
const AGAIN_MS = 5_000;
const FIELDS = ["outcome", "note", "chip", "task_title", "default_title"];
const user = document.getElementById("tray").dataset.user;
const token = JSON.parse(document.body.getAttribute("hx-headers:inherited"))["X-CSRFToken"];
const timers = new Map();

export const keyOf = (form) => `ramal-draft-${user}-${form.dataset.jsWrapup}`;

export function written(form) {
  const typed = new FormData(form);
  return JSON.stringify(Object.fromEntries(FIELDS.map((name) => [name, typed.get(name) ?? ""])));
}

export function plan(form, pause = PAUSE_MS) {
  const key = keyOf(form);
  clearTimeout(timers.get(key));
  if (form.dataset.jsDraft) timers.set(key, setTimeout(send, pause, form));
}

export function keep(form) {
  localStorage.setItem(keyOf(form), written(form));
  plan(form);
}

export function forget(form) {
  const key = keyOf(form);
  clearTimeout(timers.get(key));
  timers.delete(key);
  localStorage.removeItem(key);
}

export async function send(form) {
  const key = keyOf(form);
  const kept = localStorage.getItem(key);
  if (!kept || !form.dataset.jsDraft) return;
  const answer = await fetch(form.dataset.jsDraft, {
    method: "POST",
    body: new URLSearchParams(JSON.parse(kept)),
    headers: { "X-CSRFToken": token },
    keepalive: true,
  }).catch(() => null);
  if (answer?.ok) {
    if (localStorage.getItem(key) === kept) localStorage.removeItem(key);
    return;
  }
  // Saved meanwhile, so this is an edit from now on.
  if (answer?.status === 409) form.dataset.jsDraft = "";
  // The page may be older than the sign-in; the answer about the tray tells.
  if ([400, 401].includes(answer?.status)) refreshTray();
  if (form.isConnected) plan(form, AGAIN_MS);
}

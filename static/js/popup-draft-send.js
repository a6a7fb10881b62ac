// Brings a draft to the server, again and again until it has arrived; until then the browser keeps it.
const PAUSE_MS = 700;
const AGAIN_MS = 5_000;
const FIELDS = ["outcome", "note", "chip", "task_title"];
const user = document.getElementById("tray").dataset.user;
const token = JSON.parse(document.body.getAttribute("hx-headers:inherited"))["X-CSRFToken"];
const timers = new Map();

export const keyOf = (form) => `ramal-draft-${user}-${form.dataset.jsWrapup}`;

export function plan(form, pause = PAUSE_MS) {
  clearTimeout(timers.get(form));
  timers.set(form, setTimeout(send, pause, form));
}

export function keep(form) {
  const typed = new FormData(form);
  const draft = Object.fromEntries(FIELDS.map((name) => [name, typed.get(name) ?? ""]));
  localStorage.setItem(keyOf(form), JSON.stringify(draft));
  plan(form);
}

export function forget(form) {
  clearTimeout(timers.get(form));
  timers.delete(form);
  localStorage.removeItem(keyOf(form));
}

export async function send(form) {
  const key = keyOf(form);
  const kept = localStorage.getItem(key);
  if (!kept) return;
  const answer = await fetch(form.dataset.jsDraft, {
    method: "POST",
    body: new URLSearchParams(JSON.parse(kept)),
    headers: { "X-CSRFToken": token },
    keepalive: true,
  }).catch(() => null);
  if (!answer?.ok) {
    if (form.isConnected) plan(form, AGAIN_MS);
  } else if (localStorage.getItem(key) === kept) {
    localStorage.removeItem(key);
  }
}

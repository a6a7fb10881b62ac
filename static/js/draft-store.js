// What is typed and not saved yet, as the browser keeps it: for one user, for a day at most, and only
// until that user signs out or another one signs in. An ended session alone ends nothing.
const DAY_MS = 24 * 60 * 60 * 1_000;
const ALL = "ramal-";
const DRAFTS = "ramal-draft-";
// Of an earlier release.
const NAMES = "ramal-name-";

const { user } = document.body.dataset;
const mine = `${DRAFTS}${user}-`;
const channel = new BroadcastChannel("ramal-drafts");
let isOver = !user;

const keys = () => Object.keys(localStorage);

// Reads what stands in the storage; null when there is nothing, or it is too old.
function read(text) {
  try {
    const kept = JSON.parse(text);
    return Date.now() - kept.at < DAY_MS ? kept : null;
  } catch {
    return null;
  }
}

function sweep() {
  const isAnothers = (key) => Boolean(user) && !key.startsWith(mine);
  for (const key of keys()) {
    if (key.startsWith(NAMES)) localStorage.removeItem(key);
    if (!key.startsWith(DRAFTS)) continue;
    if (isAnothers(key) || !read(localStorage.getItem(key))) localStorage.removeItem(key);
  }
}

// Gives {content, at, id}.
export const find = (what) => (isOver ? null : read(localStorage.getItem(mine + what)));

export const list = (beginning) =>
  keys()
    .filter((key) => key.startsWith(mine + beginning))
    .map((key) => key.slice(mine.length));

export function keep(what, content) {
  if (isOver) return;
  const id = find(what)?.id ?? Date.now().toString(36) + Math.random().toString(36).slice(2);
  try {
    localStorage.setItem(mine + what, JSON.stringify({ id, at: Date.now(), content }));
  } catch {
    // A full storage must not stop anybody from typing.
  }
}

export const forget = (what) => localStorage.removeItem(mine + what);

export function forgetById(id) {
  for (const what of list("")) if (find(what)?.id === id) forget(what);
}

// Tells what another tab has kept.
export function onKept(hear) {
  addEventListener("storage", ({ key, newValue }) => {
    const kept = key?.startsWith(mine) && newValue ? read(newValue) : null;
    if (kept) hear(key.slice(mine.length), kept.content);
  });
}

// The user signs out: nothing stays of anything that the browser has kept for them.
export function end() {
  isOver = true;
  for (const storage of [localStorage, sessionStorage]) {
    for (const key of Object.keys(storage)) if (key.startsWith(ALL)) storage.removeItem(key);
  }
  channel.postMessage({ isSignedOut: true });
}

// Another one turns out to be signed in.
export function giveUp() {
  isOver = true;
  for (const what of list("")) forget(what);
}

document.addEventListener("sign-in:renewed", () => {
  isOver = false;
});
channel.addEventListener("message", ({ data }) => {
  // What is typed on in a page of an ended sign-in stays in that page alone.
  if (data.isSignedOut || data.user !== user) isOver = true;
});
if (user) channel.postMessage({ user });
sweep();
document.addEventListener("visibilitychange", sweep);

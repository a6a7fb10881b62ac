// The window of the phone in the browser. One window of a browser is the phone: it holds a lock. The other
// pages tell it whom to dial and hear its state over a channel (static/js/phone-link.js is their end).
import * as widget from "./phone-widget.js";

const LOOK_MS = 60_000;
const SECOND_MS = 1_000;
const { user, token, settings, keyUrl, blockedUrl, hereUrl } = document.body.dataset;
const { scripts, language, renewAfterMs } = JSON.parse(settings);
const name = `ramal-phone-${user}`;
const channel = new BroadcastChannel(name);
const phone = document.getElementById("phone");
const [who, time, why, last] = ["who", "time", "why", "last"].map((part) =>
  document.getElementById(`phone-${part}`),
);
const now = { state: "starting", number: "", name: "", since: 0 };
const blocked = new Set();
const { title } = document;
let startedAt = 0;
let giveUp = null;

const isBusy = () => ["outgoing", "incoming", "talking"].includes(now.state);

function tell() {
  // A window that only waits for its turn is not the phone.
  if (now.state !== "waiting") channel.postMessage({ kind: "state", state: now.state, number: now.number });
}

function show(change) {
  const before = now.state;
  Object.assign(now, change);
  if (now.state !== before) now.since = Date.now();
  if (!isBusy()) Object.assign(now, { number: "", name: "" });
  phone.dataset.state = now.state;
  who.textContent = [now.name, now.number].filter(Boolean).join(" · ");
  document.title = isBusy() ? `${now.number} · ${title}` : title;
  if (now.state !== "talking") press("mute", false);
  if (now.state !== before) tell();
}

function hear({ state, number, name: caller, ended }) {
  // The end of a call that was over already.
  if (ended && !isBusy()) return;
  if (ended) last.textContent = last.dataset[ended] ?? last.dataset.ended;
  // That the call goes on as it did is no news, and leaves what was said meanwhile.
  else if (state !== now.state) last.textContent = "";
  show(ended ? { state } : { state, number: number || now.number, name: caller || now.name });
}

const send = (url, fields = {}) =>
  fetch(url, { method: "POST", headers: { "X-CSRFToken": token }, body: new URLSearchParams(fields) });

// The key is in this function and in the widget, and nowhere else.
async function askForKey() {
  const answer = await send(keyUrl);
  if (answer.redirected || answer.status === 401) throw new Error("signed_out");
  const said = await answer.json();
  if (answer.ok) return said;
  why.textContent = said.says;
  throw new Error("failed");
}

async function askForMicrophone() {
  try {
    const stream = await navigator.mediaDevices.getUserMedia({ audio: true });
    for (const track of stream.getTracks()) track.stop();
  } catch (error) {
    throw new Error(error.name === "NotFoundError" ? "no_device" : "no_microphone");
  }
}

async function begin() {
  why.textContent = "";
  show({ state: "starting" });
  try {
    await askForMicrophone();
    const key = await askForKey();
    startedAt = Date.now();
    await widget.start({ scripts, language }, key, hear);
    show({ state: "ready" });
  } catch (error) {
    const known = ["no_device", "no_microphone", "no_script", "signed_out"];
    why.textContent = error.words ?? why.textContent;
    show({ state: known.includes(error.message) ? error.message : "failed" });
  }
}

// Held until this window is closed, or lends the phone to another.
function lead() {
  begin();
  return new Promise((resolve) => {
    giveUp = resolve;
  });
}

navigator.locks.request(name, { ifAvailable: true }, (lock) => {
  if (lock) return lead();
  show({ state: "waiting" });
  // When the other window is closed, this one takes over.
  navigator.locks.request(name, lead);
});

function press(key, isDown) {
  phone.querySelector(`[data-does=${key}]`).setAttribute("aria-pressed", String(isDown));
}

const does = {
  answer: () => widget.answer(),
  "hang-up": () => widget.hangUp(now.state),
  mute: (button) => {
    const isMuted = button.getAttribute("aria-pressed") !== "true";
    widget.mute(isMuted);
    press("mute", isMuted);
  },
  // What was loaded cannot be loaded once more.
  again: () => (startedAt ? location.reload() : begin()),
  "use-here": () => channel.postMessage({ kind: "lend" }),
};

phone.addEventListener("click", ({ target }) => {
  const button = target.closest("button");
  if (button?.dataset.does) does[button.dataset.does](button);
  if (button?.dataset.tone) widget.tone(button.dataset.tone);
});

function dial(number) {
  if (now.state !== "ready") {
    last.textContent = isBusy() ? last.dataset.declined : "";
    tell();
    return;
  }
  last.textContent = "";
  show({ state: "outgoing", number });
  const refused = widget.dial(number);
  if (typeof refused !== "string") return;
  show({ state: "ready" });
  why.textContent = refused;
}

channel.addEventListener("message", ({ data }) => {
  if (!giveUp) return;
  if (data.kind === "hello") tell();
  if (data.kind === "dial") dial(data.number);
  if (data.kind === "show") window.focus();
  if (data.kind === "lend") {
    if (isBusy()) last.textContent = last.dataset.declined;
    // Without its scripts it is another phone no more.
    else location.reload();
  }
});

// A key ends, a session too: the window is loaded again when nobody is on the phone.
setInterval(async () => {
  if (!giveUp || isBusy()) return;
  if (startedAt && Date.now() - startedAt > renewAfterMs) location.reload();
  const answer = await fetch(hereUrl, { headers: { "HX-Request": "true" } }).catch(() => null);
  if (!answer || isBusy()) return;
  const said = answer.ok ? await answer.json() : {};
  const isOurs = String(said.user) === user && said.state === "on";
  // Signed out, somebody else, switched off: the server knows what to show instead.
  if ((answer.ok || answer.status === 401) && !isOurs) location.reload();
}, LOOK_MS);

setInterval(() => {
  const seconds = now.state === "talking" ? Math.floor((Date.now() - now.since) / SECOND_MS) : -1;
  time.textContent =
    seconds < 0 ? "" : `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, "0")}`;
}, SECOND_MS);

addEventListener("beforeunload", (event) => {
  if (isBusy()) event.preventDefault();
});
addEventListener("pagehide", () => giveUp && channel.postMessage({ kind: "state", state: "closed" }));

document.addEventListener("securitypolicyviolation", ({ effectiveDirective, blockedURI }) => {
  // An address may hold the key: only its host is told.
  const host = URL.canParse(blockedURI) ? new URL(blockedURI).host : blockedURI;
  const seen = `${effectiveDirective} ${host}`;
  if (blocked.has(seen) || blocked.size > 9) return;
  blocked.add(seen);
  send(blockedUrl, { directive: effectiveDirective, host });
});

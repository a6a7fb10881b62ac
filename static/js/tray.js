// The tray of live calls. The server draws and orders it; this asks for it again whenever something
// has changed, puts the answer in place of what stands there, and says so by "tray:changed". What is
// typed stays, and so does the focus.
import * as store from "./draft-store.js";
import { isForUs } from "./live-sign-in.js";
import { token } from "./sign-in-over.js";

const PAUSES_MS = [500, 1_000, 2_000];
const AGAIN_MS = 5_000;
const PATIENCE_MS = 10_000;
const SENDING_MS = 1_000;
// The server's clock and ours do not tick at the same moment.
const MARGIN_MS = 300;
const [NAMES, DRAFTS] = ["name-", "call-"];
// What this tab remembers over a reload: the card it has opened, and the one that asks for a word.
const [OPEN, ASKS] = ["ramal-tray-open", "ramal-tray-asks"];
// A click there is none into the page.
const ELSEWHERE = "#tray, #toasts, dialog, [data-write-ups-open], #write-ups";

const [tray, list, said] = ["tray", "popups", "tray-said"].map((id) => document.getElementById(id));
const counter = document.getElementById("write-ups-counter");
let [turn, timer] = [0, 0];

const pause = (time) => new Promise((go) => setTimeout(go, time));
export const isSheet = () => matchMedia("(width < 768px)").matches;
const asking = () => list.querySelector(".call-card[data-state=ended]");
const hasName = (card) => [...card.querySelectorAll("[data-js-keep]")].some((field) => field.value);

function remember(key, value) {
  if (value) sessionStorage.setItem(key, value);
  else sessionStorage.removeItem(key);
}

function address() {
  const url = new URL(tray.dataset.trayUrl, location.href);
  // What another tab is writing counts as much.
  const opened = sessionStorage.getItem(OPEN) ?? store.list(DRAFTS)[0]?.slice(DRAFTS.length);
  const kept = new Set(store.list(NAMES).map((what) => what.slice(NAMES.length).split("-")[0]));
  if (opened) url.searchParams.set("open", opened);
  if (kept.size) url.searchParams.set("kept", [...kept].join());
  return url;
}

async function ask(url) {
  try {
    const signal = AbortSignal.timeout(PATIENCE_MS);
    const answer = await fetch(url, { headers: { "HX-Request": "true" }, signal });
    return isForUs(answer) ? { status: answer.status, text: await answer.text() } : { status: 401 };
  } catch {
    return { status: 0 };
  }
}

function count(waiting) {
  counter.dataset.writeUpsOpen = waiting;
  counter.hidden = waiting === "0";
  document.getElementById("write-ups-count").textContent = waiting;
}

async function place(text) {
  const focused = document.activeElement;
  const from = focused.closest("#popups [data-call]")?.dataset.call ?? "";
  const unfolded = [...list.querySelectorAll("details[id][open]")].map((part) => part.id);
  await htmx.swap({ text, target: list, swap: "innerMorph", sourceElement: list });
  for (const id of unfolded) document.getElementById(id)?.setAttribute("open", "");
  const {
    againIn,
    chosen,
    forgotten,
    said: words = "",
    waiting,
  } = document.getElementById("tray-now").dataset;
  count(waiting);
  if (!chosen) remember(OPEN, "");
  remember(ASKS, asking()?.dataset.call);
  for (const call of forgotten?.split(",") ?? []) forgetNames(call);
  if (said.textContent !== words) said.textContent = words;
  if (againIn) timer = setTimeout(refresh, Number(againIn) * 1_000 + MARGIN_MS);
  // Whose part of the tray had the focus and has gone.
  const lost = from && document.activeElement === document.body ? from : "";
  document.dispatchEvent(new CustomEvent("tray:changed", { detail: { lost } }));
  tray.dataset.loaded = "yes";
}

// Asks until an answer has come, for a ring must not be lost; a newer question takes an older's place.
export async function refresh() {
  const mine = ++turn;
  clearTimeout(timer);
  for (let tries = 0; ; tries += 1) {
    // A timer of a hidden tab takes a second, however short it is.
    await (tries ? pause(PAUSES_MS[tries - 1] ?? AGAIN_MS) : left);
    const url = address();
    const answer = mine === turn ? await ask(url) : null;
    if (!answer || mine !== turn || answer.status === 401) return;
    if (answer.status !== 200) continue;
    // What is being sent from a card takes it away itself, and says that it was saved.
    if (list.querySelector("form.htmx-request")) await pause(SENDING_MS);
    if (mine !== turn) return;
    // Who has begun to write in a card since would see it folded, and lose the focus with it.
    if (address().href !== url.href) return refresh();
    await place(answer.text);
    return;
  }
}

export function open(call) {
  remember(OPEN, call);
  return refresh();
}

export function forgetNames(call) {
  for (const what of store.list(`${NAMES}${call}-`)) store.forget(what);
}

// Lets a call that has ended wait in the counter; a page that is left does not break that off.
async function fold(call) {
  const url = tray.dataset.foldUrl.replace("/0/", `/${call}/`);
  const headers = { "HX-Request": "true", "X-CSRFToken": token() };
  const answer = await fetch(url, { method: "POST", headers, keepalive: true }).catch(() => null);
  if (answer && sessionStorage.getItem(ASKS) === call) remember(ASKS, "");
}

// Who has gone to another page has left the card that asked; a reload has not.
async function leave() {
  const call = sessionStorage.getItem(ASKS);
  if (call && performance.getEntriesByType("navigation")[0]?.type !== "reload") await fold(call);
}
const left = isSheet() ? null : leave();

list.addEventListener("input", ({ target }) => {
  const card = target.closest(".call-card");
  // Who writes a call up, or types a name, keeps the card while others ring.
  if (card && card.dataset.state !== "answered") remember(OPEN, card.dataset.call);
});
list.addEventListener("click", ({ target }) => {
  const row = target.closest("[data-js-open]");
  if (row) open(row.dataset.jsOpen);
});
document.addEventListener("click", ({ target }) => {
  const card = asking();
  if (!card || isSheet() || hasName(card) || !target.isConnected || target.closest(ELSEWHERE)) return;
  remember(OPEN, "");
  fold(card.dataset.call).then(refresh);
});
document.addEventListener("htmx:before:request", ({ detail: { ctx } }) => {
  // What is closed is no longer what this tab would like to be open.
  if (ctx.sourceElement.matches?.(".call-card-head form")) remember(OPEN, "");
});
document.addEventListener("htmx:finally:request", ({ detail: { ctx } }) => {
  const isOurs = ctx.request.method === "POST" && ctx.sourceElement?.closest?.("#tray-now, [data-js-wrapup]");
  if (isOurs && ctx.response?.status !== 422) refresh();
});

// The tray of cards. Each card is asked for from the server and put in place; what is typed stays.
import { arrange } from "./popup-fold.js";

const tray = document.getElementById("tray");
const list = document.getElementById("popups");
const asked = new Map();
let turn = 0;

const cardOf = (id) => document.getElementById(`call-${id}`);
const ask = (url) => fetch(url, { headers: { "HX-Request": "true" } }).catch(() => ({ status: 0 }));

async function place(id, text) {
  const card = cardOf(id);
  const target = card ?? list;
  await htmx.swap({ text, target, swap: card ? "outerMorph" : "afterbegin", sourceElement: target });
}

function remove(card) {
  if (!card) return;
  // Somebody was typing a name when the caller hung up: the name is not thrown away.
  const isTyped = [...card.querySelectorAll("[data-js-keep]")].some((field) => field.value);
  if (isTyped) card.dataset.state = "over";
  else card.remove();
}

export async function refreshCard(id) {
  const mine = ++turn;
  asked.set(String(id), mine);
  const answer = await ask(tray.dataset.popupUrl.replace("/0/", `/${id}/`));
  const text = answer.status === 200 ? await answer.text() : "";
  // A newer question about the same call is under way; its answer is the truer one.
  if (asked.get(String(id)) !== mine) return;
  if (text) await place(id, text);
  else if ([204, 404].includes(answer.status)) remove(cardOf(id));
  arrange();
}

export async function refreshTray() {
  const mine = ++turn;
  const answer = await ask(tray.dataset.trayUrl);
  if (answer.status !== 200) return answer.status;
  const page = new DOMParser().parseFromString(await answer.text(), "text/html");
  const isOlder = (id) => (asked.get(id) ?? 0) < mine;
  const fresh = [...page.querySelectorAll("[data-call-id]")];
  for (const card of fresh.reverse()) {
    if (isOlder(card.dataset.call)) await place(card.dataset.call, card.outerHTML);
  }
  for (const card of list.querySelectorAll("[data-call-id]")) {
    if (!page.getElementById(card.id) && isOlder(card.dataset.call)) remove(card);
  }
  for (const partial of page.querySelectorAll("hx-partial")) {
    await htmx.swap({ text: partial.outerHTML, target: list, swap: "none", sourceElement: list });
  }
  arrange();
  return answer.status;
}

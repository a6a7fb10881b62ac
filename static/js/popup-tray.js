// The tray of cards. Each card is asked for from the server and put in place; what is typed stays.
import { ask, insist } from "./popup-ask.js";
import { arrange } from "./popup-fold.js";

const AGAIN_MS = 5_000;
const [tray, list] = ["tray", "popups"].map((id) => document.getElementById(id));
// Which question about a call was the newest to be asked, and which about all to be answered.
const asked = new Map();
let [turn, answered, again] = [0, 0, 0];
const cardOf = (id) => document.getElementById(`call-${id}`);

async function place(id, text) {
  const target = cardOf(id) ?? list;
  await htmx.swap({ text, target, swap: target === list ? "afterbegin" : "outerMorph", sourceElement: target });
}

function remove(card) {
  // What is just being sent from a card takes it away itself, and says that it was saved.
  if (card?.querySelector(".htmx-request")) return void setTimeout(refreshCard, 1_000, card.dataset.call);
  // Somebody was typing a name when the caller hung up: the card stays for it.
  const isTyped = [...(card?.querySelectorAll("[data-js-keep]") ?? [])].some((field) => field.value);
  if (!isTyped) card?.remove();
  else if (card.dataset.state !== "over") {
    card.dataset.state = "over";
    refreshCard(card.dataset.call, "?kept=1");
  }
}

export async function refreshCard(id, query = "") {
  const mine = ++turn;
  asked.set(String(id), mine);
  const url = tray.dataset.popupUrl.replace("/0/popup", `/${id}/popup`);
  const answer = await insist(url + query, () => asked.get(String(id)) === mine);
  if (answer?.status === 0) refreshTray();
  else if (answer?.status === 200) await place(id, answer.text);
  else if ([204, 404].includes(answer?.status)) remove(cardOf(id));
  arrange();
  return answer?.status;
}

export async function refreshTray() {
  const mine = ++turn;
  clearTimeout(again);
  const { status, text } = await ask(tray.dataset.trayUrl);
  if (status !== 200 && status !== 401) again = setTimeout(refreshTray, AGAIN_MS);
  if (status !== 200 || mine < answered) return;
  answered = mine;
  const page = new DOMParser().parseFromString(text, "text/html");
  const fresh = [...page.querySelectorAll("[data-call-id]")];
  const known = [...list.querySelectorAll("[data-call-id]")];
  // What was asked later about one call is truer.
  const isNews = ({ dataset: { call } }) => (asked.get(call) ?? 0) < mine && asked.set(call, mine);
  for (const card of fresh.reverse().filter(isNews)) await place(card.dataset.call, card.outerHTML);
  for (const card of known) if (!page.getElementById(card.id) && isNews(card)) remove(card);
  for (const partial of page.querySelectorAll("hx-partial")) {
    await htmx.swap({ text: partial.outerHTML, target: list, swap: "none", sourceElement: list });
  }
  tray.dataset.loaded = "yes";
  arrange();
}

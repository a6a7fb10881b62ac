// The name that somebody types under "New lead" outlives a reload and a click on a link: it is kept by
// the browser until something was done about the call, or its card was closed. The card stays for it.
import * as store from "./draft-store.js";
import { refreshCard } from "./popup-tray.js";

const list = document.getElementById("popups");
const tray = document.getElementById("tray");
const NAMES = "name-";
const filled = new WeakSet();

const callOf = (what) => what.slice(NAMES.length).split("-")[0];
const whatOf = (field) => `${NAMES}${field.closest("[data-call]").dataset.call}-${field.name}`;
const kept = () => store.list(NAMES);

function forget(call) {
  for (const what of kept()) if (callOf(what) === call) store.forget(what);
}

function restore(field) {
  filled.add(field);
  const name = store.find(whatOf(field))?.content;
  if (!name || field.value) return;
  field.value = name;
  field.closest("details").open = true;
}

// The caller has hung up, and the page was left since.
async function bringBack() {
  for (const call of new Set(kept().map(callOf))) {
    if (document.getElementById(`call-${call}`)) continue;
    if ([204, 404].includes(await refreshCard(call, "?kept=1"))) forget(call);
  }
}

list.addEventListener("input", ({ target }) => {
  if (!target.matches("[data-js-keep]")) return;
  if (target.value) store.keep(whatOf(target), target.value);
  else store.forget(whatOf(target));
});
document.addEventListener("htmx:after:request", ({ detail: { ctx } }) => {
  if (ctx.request.method !== "POST" || !ctx.response.raw.ok) return;
  const card = ctx.sourceElement.closest?.("#popups [data-call]");
  if (card) forget(card.dataset.call);
});
new MutationObserver(() => {
  for (const field of list.querySelectorAll("[data-js-keep]")) if (!filled.has(field)) restore(field);
}).observe(list, { childList: true, subtree: true });
new MutationObserver((_records, observer) => {
  observer.disconnect();
  bringBack();
}).observe(tray, { attributeFilter: ["data-loaded"] });

// The name that somebody types under "New lead" outlives a reload and a click on a link: it is kept by
// the browser until something was done about the call, or its card was closed. The card stays for it.
import * as store from "./draft-store.js";
import { forgetNames } from "./tray.js";

const list = document.getElementById("popups");
const NAMES = "name-";
const filled = new WeakSet();

const whatOf = (field) => `${NAMES}${field.closest("[data-call]").dataset.call}-${field.name}`;

function restore(field) {
  filled.add(field);
  const name = store.find(whatOf(field))?.content;
  if (!name || field.value) return;
  field.value = name;
  field.closest("details").open = true;
}

list.addEventListener("input", ({ target }) => {
  if (!target.matches("[data-js-keep]")) return;
  if (target.value) store.keep(whatOf(target), target.value);
  else store.forget(whatOf(target));
});
document.addEventListener("htmx:after:request", ({ detail: { ctx } }) => {
  if (ctx.request.method !== "POST" || !ctx.response.raw.ok) return;
  const card = ctx.sourceElement.closest?.("#popups [data-call]");
  if (card) forgetNames(card.dataset.call);
});
for (const kind of ["tray:changed", "htmx:after:swap"]) {
  document.addEventListener(kind, () => {
    for (const field of list.querySelectorAll("[data-js-keep]")) if (!filled.has(field)) restore(field);
  });
}

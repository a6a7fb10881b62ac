// Which card the keys go to: the one with the focus, else the topmost that asks how it went. It shows
// that they do. A call that ends takes the focus to its card, unless the user is busy somewhere else.
const list = document.getElementById("popups");
const tray = document.getElementById("tray");
const FORM = "[data-js-wrapup]";
const WRITES = "input:not([type=radio], [type=checkbox]), textarea, select, [contenteditable], dialog[open] *";
const states = new Map();

export const isTyping = (element) => Boolean(element?.matches?.(WRITES));
export const shownCards = () => [...list.querySelectorAll(".call-card:not(.is-folded)")];

export function currentForm() {
  const own = document.activeElement.closest?.(`${FORM}, .call-card:has(${FORM})`);
  if (own) return own.matches(FORM) ? own : own.querySelector(FORM);
  return list.querySelector(`.call-card:not(.is-folded) ${FORM}`);
}

function isUntouched(card) {
  const form = card.querySelector(FORM);
  return !form || !(form.elements.note.value || form.querySelector("[name=outcome]:checked"));
}

function isFree() {
  const place = document.activeElement;
  if (place === document.body) return true;
  const card = place.closest(".call-card");
  return Boolean(card) && place.matches(".call-card, [name=outcome]") && isUntouched(card);
}

function mark() {
  const keyed = isTyping(document.activeElement) ? null : currentForm()?.closest(".call-card");
  for (const card of list.children) card.classList.toggle("has-keys", card === keyed);
}

function look() {
  for (const card of list.querySelectorAll(".call-card")) {
    const { call, state } = card.dataset;
    const hasEnded = state === "ended" && states.get(call) !== "ended";
    states.set(call, state);
    // What was there when the page came is not news, and a tab behind has nobody at its keys.
    if (hasEnded && tray.dataset.loaded && !document.hidden && isFree()) card.focus({ preventScroll: true });
  }
  mark();
}

new MutationObserver(look).observe(list, { childList: true });
new MutationObserver(look).observe(list, { subtree: true, attributeFilter: ["data-state", "class"] });
for (const kind of ["focusin", "focusout"]) document.addEventListener(kind, () => setTimeout(mark));
// A card that was exchanged by what one did on it: the keys stay with it.
document.addEventListener("htmx:after:swap", ({ detail: { ctx } }) => {
  const isLost = document.activeElement === document.body;
  const card = ctx.response && isLost && ctx.target?.id && document.getElementById(ctx.target.id);
  if (card && card.matches(".call-card")) card.focus();
});

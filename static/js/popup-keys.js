// Writing a call up by the keyboard: 1 to 9 choose the outcome, Enter saves, F2 leads from wherever one
// is to the first card, to the next ones, and back. Never while typing elsewhere.
import { currentForm, isTyping, shownCards } from "./popup-focus.js";

const list = document.getElementById("popups");
let left = null;

function reach() {
  const cards = shownCards();
  if (!cards.length) return false;
  const here = document.activeElement.closest?.("#popups .call-card");
  const next = cards[cards.indexOf(here) + 1];
  if (next) {
    next.focus();
    next.scrollIntoView({ block: "nearest" });
  } else if (!goBack()) document.activeElement.blur();
  return true;
}

function goBack() {
  const field = left?.isConnected ? left : null;
  field?.focus();
  return Boolean(field);
}

function save(event) {
  const form = event.target.form ?? event.target.querySelector("[data-js-wrapup]");
  if (!form) return;
  event.preventDefault();
  // A key that is held is one wish.
  if (!event.repeat) form.requestSubmit();
}

function choose(event) {
  const outcome = currentForm()?.querySelectorAll("[name=outcome]")[Number(event.key) - 1];
  if (!outcome) return;
  event.preventDefault();
  outcome.focus();
  outcome.click();
}

document.addEventListener("focusin", ({ target, relatedTarget }) => {
  if (!list.contains(target)) left = null;
  else if (relatedTarget && !list.contains(relatedTarget)) left = relatedTarget;
});
// What was written up takes its card away: one is back where one came from.
document.addEventListener("htmx:finally:request", ({ detail: { ctx: { sourceElement } } }) => {
  const isWrittenUp = sourceElement?.matches?.("[data-js-wrapup]") && !sourceElement.isConnected;
  if (isWrittenUp && document.activeElement === document.body) goBack();
});
document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || event.isComposing) return;
  if (event.key === "F2" && !event.shiftKey) {
    if (reach()) event.preventDefault();
  } else if (event.key === "Enter" && !event.shiftKey) {
    if (event.target.matches(".call-card, [data-js-wrapup] textarea")) save(event);
  } else if (/^[1-9]$/.test(event.key) && !event.repeat && !isTyping(event.target)) choose(event);
});

// "New lead" and "Add to existing": the field takes the very next key, so it is not left to the toggle
// event, which comes a moment after the click.
list.addEventListener("click", (event) => {
  const part = event.target.closest("summary")?.parentElement;
  if (!part || part.open) return;
  event.preventDefault();
  part.open = true;
  part.querySelector("input:not([type=hidden])").focus();
});

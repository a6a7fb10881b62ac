// Writing a call up by the keyboard: 1 to 9 choose the outcome, Enter saves, F2 leads from wherever one
// is to the first card, to the next ones, and back. Never while typing elsewhere.
import { currentForm, isTyping, shownCards } from "./popup-focus.js";

const list = document.getElementById("popups");
let left = null;

function reach() {
  const cards = shownCards();
  if (!cards.length) return false;
  const here = document.activeElement.closest?.("#popups .call-card");
  if (!here) left = document.activeElement;
  const next = cards[cards.indexOf(here) + 1];
  if (next) {
    next.focus();
    next.scrollIntoView({ block: "nearest" });
  } else if (left?.isConnected && left !== document.body) left.focus();
  else document.activeElement.blur();
  return true;
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

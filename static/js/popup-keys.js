// Writing a call up by the keyboard: 1 to 9 choose the outcome, Enter saves. Never while typing elsewhere.
const list = document.getElementById("popups");
const TYPING = "input:not([type=radio], [type=checkbox]), textarea, select, [contenteditable], dialog[open] *";

function currentForm() {
  const own = document.activeElement.closest?.("[data-js-wrapup]");
  return own ?? list.querySelector(".call-card:not(.is-folded) [data-js-wrapup]");
}

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || event.isComposing) return;
  if (event.key === "Enter" && !event.shiftKey && event.target.matches("[data-js-wrapup] textarea")) {
    event.preventDefault();
    event.target.form.requestSubmit();
    return;
  }
  if (!/^[1-9]$/.test(event.key) || event.target.matches?.(TYPING)) return;
  const outcome = currentForm()?.querySelectorAll("[name=outcome]")[Number(event.key) - 1];
  if (!outcome) return;
  event.preventDefault();
  outcome.focus();
  outcome.click();
});

// A form that has just come gets the focus, unless the user is busy somewhere else.
const seen = new WeakSet();
new MutationObserver(() => {
  for (const form of list.querySelectorAll("[data-js-wrapup]")) {
    if (seen.has(form)) continue;
    seen.add(form);
    if (document.activeElement === document.body) form.querySelector("[name=outcome]")?.focus();
  }
}).observe(list, { childList: true, subtree: true });

// "New lead" and "Add to existing": the field takes the very next key, so it is not left to the toggle
// event, which comes a moment after the click.
list.addEventListener("click", (event) => {
  const part = event.target.closest("summary")?.parentElement;
  if (!part || part.open) return;
  event.preventDefault();
  part.open = true;
  part.querySelector("input:not([type=hidden])").focus();
});

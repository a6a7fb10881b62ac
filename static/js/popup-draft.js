// What is typed about a call is kept in the browser at once and on the server a moment later, so that
// no reload, closed tab, new call or lost network loses it. The other tabs follow.
import { forget, keep, keyOf, plan, send } from "./popup-draft-send.js";

const filled = new WeakSet();
const forms = () => document.querySelectorAll("[data-js-draft]");

function fill(form, text) {
  for (const [name, value] of Object.entries(JSON.parse(text))) {
    const field = form.elements[name];
    if (field) field.value = value;
  }
}

function restore() {
  for (const form of forms()) {
    const kept = localStorage.getItem(keyOf(form));
    if (kept && !filled.has(form)) {
      fill(form, kept);
      plan(form);
    }
    filled.add(form);
  }
}

document.addEventListener("input", (event) => {
  const form = event.target.closest("[data-js-draft]");
  if (form) keep(form);
});
document.addEventListener("htmx:after:request", ({ detail }) => {
  const form = detail.ctx.sourceElement?.closest?.("[data-js-draft]");
  if (form && detail.ctx.response?.raw?.ok) forget(form);
});
addEventListener("storage", ({ key, newValue }) => {
  for (const form of forms()) {
    const isTypedIn = [form.elements.note, form.elements.task_title].includes(document.activeElement);
    if (newValue && key === keyOf(form) && !isTypedIn) fill(form, newValue);
  }
});
addEventListener("pagehide", () => forms().forEach(send));
new MutationObserver(restore).observe(document.body, { childList: true, subtree: true });
restore();

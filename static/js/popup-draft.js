// What is typed about a call is kept in the browser at once and on the server a moment later, so that
// no reload, closed tab, new call or lost network loses it. Other forms about the call, here and in the
// other tabs, follow.
import { find, onKept } from "./draft-store.js";
import { forget, keep, plan, send, whatOf, written } from "./popup-draft-send.js";

const filled = new Set();
const sent = new WeakMap();
const forms = () => [...document.querySelectorAll("[data-js-draft]")];
const twins = (form) => forms().filter((other) => other !== form && whatOf(other) === whatOf(form));

function fill(form, text) {
  const draft = JSON.parse(text);
  form.elements.note.value = draft.note;
  // A title that nobody has changed stays the one that this form proposes.
  if (draft.task_title !== draft.default_title) form.elements.task_title.value = draft.task_title;
  for (const radio of form.querySelectorAll("[type=radio]")) {
    if (radio.value === draft[radio.name]) radio.checked = true;
  }
  form.classList.add("is-edited");
}

function restore(form) {
  const twin = twins(form).find((other) => filled.has(other));
  const kept = twin?.matches(".is-edited") ? written(twin) : find(whatOf(form))?.content;
  filled.add(form);
  if (!kept) return;
  const asSaved = written(form);
  fill(form, kept);
  if (written(form) !== asSaved) plan(form);
  else forget(form);
}

document.addEventListener("input", ({ target }) => {
  const form = target.closest("[data-js-draft]");
  if (!form) return;
  form.classList.add("is-edited");
  keep(form);
  for (const twin of twins(form)) fill(twin, written(form));
});
for (const when of ["before", "after"]) {
  document.addEventListener(`htmx:${when}:request`, ({ detail: { ctx } }) => {
    const form = ctx.sourceElement?.closest?.("[data-js-draft]");
    if (!form) return;
    if (when === "before") sent.set(form, written(form));
    // What was typed since is in nobody's hands yet.
    else if (ctx.response.raw.ok && sent.get(form) === written(form)) forget(form);
  });
}
onKept((what, text) => {
  for (const form of forms()) {
    const isTypedIn = [form.elements.note, form.elements.task_title].includes(document.activeElement);
    if (what === whatOf(form) && !isTypedIn) fill(form, text);
  }
});
document.addEventListener("sign-out", ({ detail }) => detail.lastWork.push(...forms().map(send)));
addEventListener("pagehide", () => forms().forEach(send));
new MutationObserver(() => {
  for (const form of filled) if (!form.isConnected) filled.delete(form);
  forms().filter((form) => !filled.has(form)).forEach(restore);
}).observe(document.body, { childList: true, subtree: true });
forms().forEach(restore);

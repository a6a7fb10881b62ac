// Forms with data-js-unsaved keep what is typed in the browser until the server has taken it. Opened
// again, they hold it again, and a line above says so. The version that the form was filled from is kept
// with it, so that a record which others changed meanwhile is still noticed when it is saved.
import { addressOf } from "./addresses.js";
import { find, forget, forgetById, keep } from "./draft-store.js";

const FORM = "form[data-js-unsaved]";
// Passwords, keys and the tokens of the form itself are nobody's draft.
const CONTROLS = `:is(input, textarea, select)[name]:not(
  [type=hidden]:not([name=version], [name=base], [data-js-unsaved-part]), [type=password], [type=file],
  [type=submit], [type=button], [autocomplete*=password], [autocomplete=one-time-code], [data-js-secret])`;
const atFirst = new WeakMap();

const whatOf = (form) => {
  const { pathname, search } = new URL(form.getAttribute("action") || location.href, location.href);
  return `form-${pathname}${search}`;
};
const controlsOf = (form) => [...form.elements].filter((control) => control.matches(CONTROLS));
// What could be chosen then may be gone since.
const mayHold = ({ options }, value) => !options || [...options].some((option) => option.value === value);
const isTick = (control) => ["checkbox", "radio"].includes(control.type);

function valueIn(control, isDefault) {
  if (isTick(control)) {
    return (isDefault ? control.defaultChecked : control.checked) ? control.value : null;
  }
  if (control.type === "select-multiple" || control.type === "select-one") {
    const chosen = [...control.options].filter((o) => (isDefault ? o.defaultSelected : o.selected));
    if (!chosen.length && isDefault && control.type === "select-one") return control.options[0]?.value ?? "";
    return control.multiple ? chosen.map((option) => option.value) : (chosen.at(-1)?.value ?? "");
  }
  return isDefault ? control.defaultValue : control.value;
}

function written(form, isDefault = false) {
  const all = {};
  for (const control of controlsOf(form)) {
    const value = valueIn(control, isDefault);
    all[control.name] ??= [];
    if (value !== null) all[control.name].push(value);
  }
  return all;
}

function fill(form, all) {
  // Rows that come and go, and pickers, put themselves in order.
  form.dispatchEvent(new CustomEvent("unsaved:fill", { bubbles: true, detail: { names: Object.keys(all) } }));
  const turns = {};
  for (const control of controlsOf(form)) {
    const values = all[control.name];
    if (!values) continue;
    const turn = turns[control.name] ?? 0;
    turns[control.name] = turn + 1;
    if (isTick(control)) control.checked = values.includes(control.value);
    else if (control.multiple) for (const o of control.options) o.selected = values[turn]?.includes(o.value);
    else if (turn < values.length && mayHold(control, values[turn])) control.value = values[turn];
  }
  form.dispatchEvent(new CustomEvent("unsaved:filled", { bubbles: true }));
}

function clock(at, { locale, zone }) {
  const isToday = new Date(at).toDateString() === new Date().toDateString();
  const day = isToday ? {} : { day: "numeric", month: "short" };
  const shown = { ...day, hour: "2-digit", minute: "2-digit", timeZone: zone };
  return new Date(at).toLocaleString(locale, shown);
}

function tell(form, at) {
  const line = Object.assign(document.createElement("p"), { className: "unsaved" });
  const button = Object.assign(document.createElement("button"), {
    type: "button",
    className: "btn btn-link",
  });
  button.textContent = form.dataset.discard;
  line.setAttribute("role", "status");
  line.append(`${form.dataset.said.replace("#", clock(at, form.dataset))} – `, button);
  form.prepend(line);
  button.addEventListener("click", () => {
    forget(whatOf(form));
    fill(form, atFirst.get(form));
    line.remove();
    form.querySelector("input:not([type=hidden]), textarea, select")?.focus();
  });
}

function look(form) {
  if (atFirst.has(form)) return;
  atFirst.set(form, written(form, true));
  const kept = find(whatOf(form));
  // What was refused stands in its form as it was sent.
  if (!kept || form.dataset.jsUnsaved === "sent") return;
  if (JSON.stringify(kept.content) === JSON.stringify(atFirst.get(form))) return void forget(whatOf(form));
  fill(form, kept.content);
  tell(form, kept.at);
}

function note(form) {
  const now = written(form);
  const isAsShown = JSON.stringify(now) === JSON.stringify(atFirst.get(form));
  if (isAsShown && form.dataset.jsUnsaved !== "sent") forget(whatOf(form));
  else keep(whatOf(form), now);
}

const lookAtAll = () => document.querySelectorAll(FORM).forEach(look);

for (const kind of ["input", "change"]) {
  document.addEventListener(kind, ({ target }) => {
    const form = target.form ?? target.closest?.("form");
    if (form?.matches(FORM)) note(form);
  });
}
// The server says by this name that it has taken the draft (see crm_app.web.fragments).
document.addEventListener(
  "submit",
  ({ target }) => {
    if (!target.matches(FORM)) return;
    const kept = find(whatOf(target));
    target.querySelector("input[name=draft]")?.remove();
    if (!kept) return;
    const name = Object.assign(document.createElement("input"), {
      type: "hidden",
      name: "draft",
      value: kept.id,
    });
    target.append(name);
  },
  true,
);
document.addEventListener("htmx:after:request", ({ detail: { ctx } }) => {
  const form = ctx.sourceElement?.closest?.(FORM);
  // What a field asks for while one types saves nothing.
  if (
    form &&
    !ctx.sourceElement.matches("input, textarea") &&
    ctx.request.method === "POST" &&
    ctx.response.raw.ok
  )
    forget(whatOf(form));
});

const taken = /(?:^|; )ramal_saved=([a-z0-9]+)/.exec(document.cookie);
if (taken) {
  forgetById(taken[1]);
  // biome-ignore lint/suspicious/noDocumentCookie: without TLS there is no Cookie Store.
  document.cookie = `ramal_saved=; path=${addressOf("").pathname}; max-age=0`;
}
new MutationObserver(lookAtAll).observe(document.body, { childList: true, subtree: true });
lookAtAll();

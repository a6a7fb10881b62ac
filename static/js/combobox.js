// A field whose hits are walked by the arrows and chosen by Enter, Tab or a click; while they are open
// Enter sends no form. htmx fetches the hits into the field's hx-target; each is a role=option, and
// data-js-found-for says for which text they are.

// `take` gets the chosen option, `dress` makes options of what was fetched. A list that `drops` is shown
// only while one types.
export function combobox(field, { take, drops, dress = () => {} }) {
  const place = () => document.querySelector(field.getAttribute("hx-target"));
  const options = () => [...place().querySelectorAll("[role=option]")];
  const isFresh = () =>
    place().querySelector("[data-js-found-for]")?.dataset.jsFoundFor === field.value.trim();
  const isOpen = () => field.getAttribute("aria-expanded") === "true";
  const active = () => options().find((option) => option.id === field.getAttribute("aria-activedescendant"));
  let isEnterWaiting = false;

  function mark(option) {
    for (const other of options()) other.setAttribute("aria-selected", String(other === option));
    if (!option) return field.removeAttribute("aria-activedescendant");
    option.scrollIntoView({ block: "nearest" });
    return field.setAttribute("aria-activedescendant", option.id);
  }

  function show(isWanted) {
    const isShown = isWanted && options().length > 0;
    field.setAttribute("aria-expanded", String(isShown));
    if (drops) place().hidden = !isShown;
    mark(null);
  }

  function step(by) {
    if (!isOpen()) show(true);
    const all = options();
    const from = all.indexOf(active());
    mark(all[from < 0 && by < 0 ? all.length - 1 : (from + by + all.length) % all.length]);
  }

  function choose(option) {
    show(false);
    take(option);
  }

  // Nothing new is made by an Enter that nobody has aimed.
  function pick() {
    const option = active() ?? options().find((other) => !("new" in other.dataset));
    if (option) choose(option);
    else if (options().length) step(1);
  }

  function onEnter() {
    isEnterWaiting = !isFresh();
    if (isEnterWaiting) field.dispatchEvent(new Event("look"));
    else pick();
  }

  field.addEventListener("keydown", (event) => {
    if (event.isComposing || event.ctrlKey || event.metaKey || event.altKey) return;
    const hasHits = field.value.trim() && isFresh() && options().length > 0;
    if (event.key === "ArrowDown" && hasHits) step(1);
    else if (event.key === "ArrowUp" && hasHits) step(-1);
    else if (event.key === "Escape" && isOpen()) show(false);
    else if (event.key === "Enter" && field.value.trim() && (isOpen() || !isFresh())) onEnter();
    else {
      if (event.key === "Tab" && isOpen() && active()) choose(active());
      return;
    }
    event.preventDefault();
  });
  document.addEventListener("htmx:after:swap", ({ detail: { ctx } }) => {
    if (ctx.sourceElement !== field) return;
    dress();
    if (document.activeElement !== field) return;
    show(Boolean(field.value.trim()));
    if (isEnterWaiting && isFresh()) pick();
    isEnterWaiting = false;
  });
  // The same text typed again is not asked for again.
  for (const kind of ["input", "click"]) {
    field.addEventListener(kind, () => isOpen() || (isFresh() && field.value.trim() && show(true)));
  }
  field.addEventListener("focusout", ({ relatedTarget }) => place().contains(relatedTarget) || show(false));
  if (!drops) return;
  // The focus stays in the field, also on a touch.
  place().addEventListener("mousedown", (event) => event.preventDefault());
  place().addEventListener("click", ({ target }) => {
    const option = target.closest("[role=option]");
    if (option) choose(option);
  });
}

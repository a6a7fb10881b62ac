// The queue of call-backs, live and by keys. A row that changes is drawn again where it stands; the list is put
// in order only while neither the pointer nor the focus is in it, so that nothing moves under a hand.
// Keys: j and k choose a row, Enter takes it and calls, t takes, r releases, d finishes.
const LIST = "[data-js-callbacks]";
const ROW = ".callback";
const WRITES = "input, textarea, select, [contenteditable], dialog[open] *, [popover] *";
const SOON_MS = 250;
let isNews = false;
let timer = 0;

const lists = () => [...document.querySelectorAll(LIST)];
const rows = () => [...document.querySelectorAll(`${LIST} [data-callback-id]`)];

function isUsed(list) {
  if (list.contains(document.activeElement)) return true;
  return matchMedia("(hover: hover)").matches && list.matches(":hover");
}

function putInOrder() {
  clearTimeout(timer);
  timer = setTimeout(() => {
    if (!isNews || document.hidden) return;
    for (const list of lists()) {
      if (!list.matches("[hx-get]")) continue;
      if (isUsed(list)) {
        offer(list);
        continue;
      }
      isNews = false;
      htmx.trigger(list, "refresh");
    }
  }, SOON_MS);
}

function offer(list) {
  const button = list.querySelector("[data-js-callbacks-news]");
  if (button) button.hidden = !list.dataset.hasMore;
}

function change(id) {
  isNews = true;
  const row = id ? document.getElementById(`callback-${id}`) : null;
  if (row?.matches("[data-callback-id]")) htmx.trigger(row, "row");
  else if (id) for (const list of lists()) list.dataset.hasMore = "yes";
  // Something may have been missed: what is in use is drawn row by row.
  else if (lists().some(isUsed)) for (const each of rows()) htmx.trigger(each, "row");
  putInOrder();
}

function choose(by) {
  const all = rows();
  const here = all.indexOf(document.activeElement.closest?.(ROW));
  const next = all[here < 0 ? 0 : Math.min(Math.max(here + by, 0), all.length - 1)];
  next?.focus();
  return Boolean(next);
}

function press(action) {
  const row = document.activeElement.closest?.(`${LIST} [data-callback-id]`);
  const button = row?.querySelector(`[data-action="${action}"]`);
  button?.click();
  return Boolean(button);
}

const KEYS = {
  j: () => choose(1),
  k: () => choose(-1),
  t: () => press("take"),
  r: () => press("release"),
  d: () => press("done"),
};

document.addEventListener(
  "keydown",
  (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.isComposing || event.defaultPrevented) return;
    if (event.target.matches(WRITES) || event.target.closest("#tray, #write-ups")) return;
    const isOnRow = event.target.matches(ROW);
    const isDone = event.key === "Enter" ? isOnRow && press("take-and-call") : KEYS[event.key]?.();
    if (!isDone) return;
    event.preventDefault();
    event.stopPropagation();
  },
  true,
);
document.body.addEventListener("callbacks:changed", ({ detail }) => change(detail?.callbacks));
document.addEventListener("click", ({ target }) => {
  const list = target.closest?.("[data-js-callbacks-news]")?.closest(LIST);
  if (!list) return;
  isNews = false;
  htmx.trigger(list, "refresh", { isWanted: true });
});
// A hand may have come to the list since it was asked for.
document.addEventListener("htmx:before:swap", (event) => {
  const { sourceElement, sourceEvent } = event.detail.ctx;
  if (sourceEvent?.type !== "refresh" || !sourceElement.matches(LIST)) return;
  if (sourceEvent.detail.isWanted || !isUsed(sourceElement)) return;
  event.preventDefault();
  change();
});
// The row that was worked on keeps the focus, and what was loaded into it gets it. One that is only drawn
// again takes none.
document.addEventListener("htmx:finally:request", ({ detail: { ctx } }) => {
  const source = ctx.sourceElement;
  const row = source?.matches?.(ROW) ? null : source?.closest?.(ROW);
  const now = row ? document.getElementById(row.id) : null;
  if (!now) return;
  now.querySelector(".callback-more [autofocus]")?.focus();
  if (document.activeElement === document.body) now.focus({ preventScroll: true });
  if (source.matches(".call-form")) htmx.trigger(now, "row");
});
for (const kind of ["pointerover", "focusin", "focusout"])
  document.addEventListener(kind, () => isNews && putInOrder());
document.documentElement.addEventListener("pointerleave", () => isNews && putInOrder());
document.addEventListener("visibilitychange", () => isNews && putInOrder());

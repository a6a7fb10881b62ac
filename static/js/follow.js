// Boxes that list calls follow what happens. A box that the pointer or the focus is in, or that would push
// away what the pointer is on, waits until that is over and offers a button meanwhile.
const SOON_MS = 200;
const PAUSE_MS = 3_000;
const BOX = "[data-js-follows]";
const USED = "a, button, input, select, textarea, summary, label";
const news = new WeakMap();
let anchor = null;

const boxes = () => [...document.querySelectorAll(BOX)];
const newsOf = (box) => news.get(box) ?? news.set(box, { calls: new Set(), askedAt: -PAUSE_MS }).get(box);
const isSignedOut = () => ["out", "old"].includes(document.getElementById("tray")?.dataset.liveState);

function concerns({ dataset }, { call, log = call, contact }) {
  if (dataset.callList) return false;
  if (dataset.call) return !log || String(log) === dataset.call;
  return !dataset.contact || !contact || String(contact) === dataset.contact;
}

function isBelow(box, element) {
  if (!element || !(box.compareDocumentPosition(element) & Node.DOCUMENT_POSITION_FOLLOWING)) return false;
  const [mine, its] = [box.getBoundingClientRect(), element.getBoundingClientRect()];
  return !box.contains(element) && its.top >= mine.top && its.left < mine.right && its.right > mine.left;
}

function isBusy(box) {
  const focused = document.activeElement;
  if (box !== focused && box.contains(focused)) return true;
  const fields = box.querySelectorAll("input:not([type=hidden]), textarea");
  if ([...fields].some((field) => field.value !== field.defaultValue)) return true;
  if (!matchMedia("(hover: hover)").matches) return false;
  const hovered = [...document.querySelectorAll("main :hover")].at(-1);
  return box.contains(hovered ?? null) || isBelow(box, hovered?.closest(USED));
}

function offer(box, { calls }) {
  const button = box.querySelector("[data-js-news]");
  if (!button) return;
  const { one, many, changed } = button.dataset;
  const count = one ? [...calls].filter((id) => !document.getElementById(`row-of-call-${id}`)).length : 0;
  button.textContent = !count ? changed : count === 1 ? one : many.replace("#", count);
  button.hidden = false;
}

function ask(box, isForced = false) {
  const its = newsOf(box);
  clearTimeout(its.timer);
  its.timer = 0;
  if (!its.isNews || !box.isConnected || document.hidden || isSignedOut()) return;
  if (!isForced && isBusy(box)) return void offer(box, its);
  Object.assign(its, { askedAt: performance.now(), isNews: false, isForced, asked: new Set(its.calls) });
  htmx.trigger(box, "follow");
}

function look() {
  for (const box of boxes()) {
    const its = newsOf(box);
    if (!its.isNews || its.timer || document.hidden) continue;
    if (isBusy(box)) offer(box, its);
    else its.timer = setTimeout(ask, Math.max(SOON_MS, its.askedAt + PAUSE_MS - performance.now()), box);
  }
}

function again(box) {
  newsOf(box).isNews = true;
  look();
}

const boxOf = ({ sourceElement, sourceEvent }) => (sourceEvent?.type === "follow" ? sourceElement : null);

document.body.addEventListener("calls:changed", ({ detail }) => {
  for (const box of boxes().filter((one) => concerns(one, detail))) {
    const its = newsOf(box);
    its.isNews = true;
    if (detail.log ?? detail.call) its.calls.add(detail.log ?? detail.call);
  }
  look();
});
// A list of call-backs inside a box draws its rows itself; only a row that is not there yet is news.
document.body.addEventListener("callbacks:changed", ({ detail: { callbacks } }) => {
  if (callbacks && document.getElementById(`callback-${callbacks}`)) return;
  for (const box of boxes().filter((one) => one.querySelector("[data-js-callbacks]")))
    newsOf(box).isNews = true;
  look();
});
document.body.addEventListener("call-list:changed", ({ detail: { call_list: list } }) => {
  const isOfIt = ({ dataset: { callList } }) => callList && (!list || String(list) === callList);
  for (const box of boxes().filter(isOfIt)) newsOf(box).isNews = true;
  const which = list ? `="call-list-${list}"` : '^="call-list-"';
  for (const part of document.querySelectorAll(`[data-js-hears${which}]`)) htmx.trigger(part, "heard");
  look();
});
document.addEventListener("click", ({ target }) => {
  const box = target.closest?.("[data-js-news]")?.closest(BOX);
  if (!box) return;
  newsOf(box).isNews = true;
  ask(box, true);
});
document.addEventListener("htmx:before:swap", (event) => {
  const box = boxOf(event.detail.ctx);
  if (!box) return;
  const its = newsOf(box);
  if (!its.isForced && isBusy(box)) {
    event.preventDefault();
    return again(box);
  }
  for (const call of its.asked) its.calls.delete(call);
  // What one writes in below the box stays where it is on the screen.
  const focused = document.activeElement;
  anchor = isBelow(box, focused) ? { focused, top: focused.getBoundingClientRect().top } : null;
  if (box.contains(focused) && focused.matches("[data-js-news]")) box.focus({ preventScroll: true });
});
document.addEventListener("htmx:after:swap", ({ detail: { ctx } }) => {
  if (!boxOf(ctx) || !anchor) return;
  scrollBy({ top: anchor.focused.getBoundingClientRect().top - anchor.top, behavior: "instant" });
  anchor = null;
});
document.addEventListener("htmx:error", ({ detail: { ctx } }) => ctx && boxOf(ctx) && again(boxOf(ctx)));
for (const kind of ["pointerover", "focusin", "focusout"])
  document.addEventListener(kind, () => setTimeout(look));
document.documentElement.addEventListener("pointerleave", () => setTimeout(look));
document.addEventListener("visibilitychange", look);

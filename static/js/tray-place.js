// Where the tray stands: never over a field that has the focus, and on a narrow screen as a sheet that
// stops at a bar, at half of the screen, or at all of it.
import { isSheet } from "./tray.js";

const STOPS = ["bar", "half", "full"];
// So long the sheet shows who one talks with.
const TALK_SHOWN_MS = 5_000;
const GAP_PX = 8;
const FIELDS = "a, button, input, select, textarea, summary, [contenteditable]";

const tray = document.getElementById("tray");
const list = document.getElementById("popups");
let shown = "";
let timer = 0;

const openCard = () => list.querySelector(".call-card");
const isTypedIn = (card) =>
  card.contains(document.activeElement) && document.activeElement.matches("input, textarea");

function stopAt(stop) {
  tray.dataset.stop = stop;
}

// What is new lifts the sheet: who rings, or the call that can be written up.
function look() {
  const card = openCard();
  const ringing = [...list.querySelectorAll("[data-state=ringing]")].map(({ dataset }) => dataset.call);
  const now = [card?.dataset.call, card?.dataset.state, ...ringing].join();
  tray.toggleAttribute("data-has-card", Boolean(card));
  if (now === shown) return;
  shown = now;
  clearTimeout(timer);
  stopAt("half");
  if (card?.dataset.state !== "answered" || ringing.length) return;
  const talked = Number(card.querySelector("[data-js-elapsed]")?.dataset.jsElapsed ?? 0) * 1_000;
  timer = setTimeout(() => isTypedIn(card) || stopAt("bar"), Math.max(TALK_SHOWN_MS - talked, 0));
}

function clear() {
  const field = document.activeElement;
  // A click into the page gives the focus to all of it.
  if (!field.matches(FIELDS) || tray.contains(field) || field.closest("dialog, .top-bar, .side-bar")) return;
  const [box, over] = [field.getBoundingClientRect(), tray.getBoundingClientRect()];
  if (!over.height || box.right <= over.left || box.left >= over.right || box.bottom <= over.top) return;
  if (box.top >= over.bottom) return;
  scrollBy({ top: box.bottom - over.top + GAP_PX, behavior: "instant" });
}

tray.querySelector("[data-js-stop]").addEventListener("click", () => {
  stopAt(STOPS[(STOPS.indexOf(tray.dataset.stop) + 1) % STOPS.length]);
});
document.addEventListener("click", ({ target }) => {
  if (isSheet() && openCard() && target.isConnected && !target.closest("#tray, #toasts, dialog"))
    stopAt("bar");
});
document.addEventListener("tray:changed", look);
document.addEventListener("focusin", () => requestAnimationFrame(clear));
// The page's lower end can be scrolled out from under the tray (see popup.css).
new ResizeObserver(() => {
  document.documentElement.style.setProperty("--tray-height", `${tray.offsetHeight}px`);
  clear();
}).observe(tray);
addEventListener("resize", clear);

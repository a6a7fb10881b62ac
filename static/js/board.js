// The board follows what the stream says: several changes in a burst are one request, and one when the clock alone
// changes something (a call-back is due, somebody comes back, a day ends).
import "./board-age.js";

const SOON_MS = 250;
const PAUSE_MS = 1_500;
const AGAIN_MS = 5_000;
const LONGEST_MS = 2 ** 31 - 1;
const board = document.querySelector("[data-js-board]");
let timer = 0;
let clock = 0;
let askedAt = -PAUSE_MS;
let isNews = false;

function ask() {
  timer = 0;
  if (!isNews || document.hidden) return;
  isNews = false;
  askedAt = performance.now();
  htmx.trigger(board, "news");
}

function news() {
  isNews = true;
  if (!timer) timer = setTimeout(ask, Math.max(SOON_MS, askedAt + PAUSE_MS - performance.now()));
}

function follow() {
  clearTimeout(clock);
  const seconds = Number(board.querySelector("[data-js-next]").dataset.jsNext);
  clock = setTimeout(news, Math.min(seconds * 1000, LONGEST_MS));
}

for (const what of ["calls:changed", "callbacks:changed", "board:changed"])
  document.body.addEventListener(what, news);
document.addEventListener("visibilitychange", () => isNews && news());
document.addEventListener(
  "htmx:after:swap",
  ({ detail: { ctx } }) => ctx.sourceElement === board && follow(),
);
// What could not be drawn is news still; the server may only be away for a moment.
for (const kind of ["htmx:error", "htmx:response:error"])
  document.addEventListener(kind, ({ detail: { ctx } }) => {
    if (ctx?.sourceElement === board) setTimeout(news, AGAIN_MS);
  });
follow();

// The office TV: it follows the stream, says when nothing has been heard for a while, and comes back by itself.
import "./board-age.js";
import "./call-time.js";
import { openStream } from "./live-stream.js";

const SOON_MS = 250;
const PAUSE_MS = 2_000;
const AGAIN_MS = 5_000;
const STALE_MS = 10_000;
const LONGEST_MS = 2 ** 31 - 1;
const wall = document.getElementById("wall");
const banner = document.querySelector("[data-wall-stale]");
const sentence = document.querySelector("[data-js-stale]");
const words = new Intl.DateTimeFormat(document.documentElement.lang, {
  timeStyle: "medium",
  hourCycle: "h23",
});
let isUp = false;
let isDrawn = true;
// Until then all that is shown was true, and since when it may not be; 0 while it is.
let trueAt = Date.now();
let badSince = Date.now();
let askedAt = -PAUSE_MS;
let timer = 0;
let clock = 0;

function show() {
  const isGood = isUp && isDrawn;
  badSince = isGood ? 0 : badSince || Date.now();
  const isStale = badSince > 0 && Date.now() - badSince > STALE_MS;
  const time = words.format(trueAt);
  document.querySelector("[data-js-heard]").textContent = time;
  const said = sentence.dataset.since.replace("#", time);
  if (isStale && sentence.textContent !== said) sentence.textContent = said;
  banner.hidden = !isStale;
  document.body.classList.toggle("is-stale", isStale);
}

function news() {
  isDrawn = false;
  if (timer) return;
  timer = setTimeout(
    () => {
      timer = 0;
      askedAt = performance.now();
      htmx.trigger(wall, "news");
    },
    Math.max(SOON_MS, askedAt + PAUSE_MS - performance.now()),
  );
}

function follow() {
  const drawn = wall.querySelector("[data-js-next]").dataset;
  // A newer Ramal draws with newer styles and scripts.
  if (drawn.version !== wall.dataset.version) return location.reload();
  clearTimeout(clock);
  clock = setTimeout(news, Math.min(Number(drawn.jsNext) * 1000, LONGEST_MS));
}

openStream(wall.dataset.liveUrl, ({ kind }) => {
  const wasUp = isUp;
  isUp = kind !== "down";
  if (isUp && isDrawn) trueAt = Date.now();
  // What happened while nothing was heard was missed; and an address that was revoked says so when it is asked.
  if (isUp !== wasUp || kind === "message") news();
  show();
});
document.addEventListener("htmx:after:swap", ({ detail: { ctx } }) => {
  if (ctx.sourceElement !== wall) return;
  isDrawn = true;
  trueAt = Date.now();
  follow();
  show();
});
for (const kind of ["htmx:error", "htmx:response:error"])
  document.addEventListener(kind, ({ detail: { ctx } }) => {
    if (ctx?.response?.status === 410) location.reload();
    else setTimeout(news, AGAIN_MS);
  });
setInterval(show, 1_000);
follow();
show();

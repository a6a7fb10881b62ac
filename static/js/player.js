// Plays recordings: one at a time in the whole browser, at the speed and volume chosen last, on from where one
// was when the page's parts are swapped. Space plays and pauses, the arrows go ten seconds, comma and full stop
// change the speed, n plays the next of the list. Once three seconds were heard, the server is told; what is
// heard after winding back to where that began is heard once more.
import { token } from "./sign-in-over.js";

const PLAYER = ".player:has(audio)";
const WRITES = "input:not(.player-place), textarea, select, [contenteditable], dialog[open] *";
const PRESSED = "button, a, summary, [role=button]";
const STEP_S = 10;
const HEARD_FROM_S = 3;
const SPEED = "player.speed";
const VOLUME = "player.volume";
const tabs = "BroadcastChannel" in self ? new BroadcastChannel("recordings") : null;
const places = new Map();
const heard = new WeakMap();
let current = null;
let resumes = null;

const players = () => [...document.querySelectorAll(PLAYER)];
const playerOf = (element) => element?.closest?.(PLAYER) ?? null;
const audioOf = (player) => player.querySelector("audio");
const active = () => (current?.isConnected ? current : null);

function kept(name, otherwise) {
  try {
    const value = Number.parseFloat(localStorage.getItem(name));
    return Number.isFinite(value) ? value : otherwise;
  } catch {
    return otherwise;
  }
}

function keep(name, value) {
  try {
    localStorage.setItem(name, value);
  } catch {
    // Without storage it holds for this page.
  }
}

function clock(seconds) {
  const whole = Math.floor(seconds);
  const [hours, minutes, rest] = [Math.floor(whole / 3600), Math.floor(whole / 60) % 60, whole % 60];
  const two = (number) => String(number).padStart(2, "0");
  return hours ? `${hours}:${two(minutes)}:${two(rest)}` : `${minutes}:${two(rest)}`;
}

// The length that the server measured: of a file without an index the browser only guesses.
const lengthOf = (player) => Number(player.dataset.seconds) || audioOf(player).duration || 0;
const placeOf = (audio) => audio.currentTime || (audio.readyState ? 0 : (places.get(audio.src) ?? 0));

function draw(player) {
  const [audio, length] = [audioOf(player), lengthOf(player)];
  const at = Math.min(placeOf(audio), length);
  player.classList.toggle("is-playing", !audio.paused);
  const button = player.querySelector("[data-js-player=toggle]");
  button.setAttribute("aria-label", audio.paused ? button.dataset.play : button.dataset.pause);
  player.querySelector("[data-js-time]").textContent = clock(at);
  const place = player.querySelector(".player-place");
  place.value = at;
  place.setAttribute("aria-valuetext", `${clock(at)} / ${clock(length)}`);
  player.style.setProperty("--played", length ? at / length : 0);
  player.querySelector("[data-js-player=speed]").value = String(audio.playbackRate);
  player.querySelector("[data-js-player=volume]").value = audio.volume;
}

function setUp(player) {
  const audio = audioOf(player);
  audio.preservesPitch = true;
  if (!heard.has(audio)) {
    heard.set(audio, begin({}));
    audio.defaultPlaybackRate = audio.playbackRate = kept(SPEED, 1);
    audio.volume = Math.min(Math.max(kept(VOLUME, 1), 0), 1);
    if (places.get(audio.src)) audio.currentTime = places.get(audio.src);
    // Only the first of several in the dock.
    const isAsked = player === document.querySelector("#player-dock [data-js-plays]");
    if (isAsked || resumes === audio.src) start(player);
  }
  draw(player);
}

function start(player) {
  const audio = audioOf(player);
  current = player;
  if (audio.ended || placeOf(audio) >= lengthOf(player) - 0.05) audio.currentTime = 0;
  // A browser may want a click first.
  audio.play().catch(() => draw(player));
}

function toggle(player) {
  const audio = audioOf(player);
  if (audio.paused) start(player);
  else audio.pause();
}

function move(player, seconds) {
  const audio = audioOf(player);
  const to = Math.min(Math.max(placeOf(audio) + seconds, 0), lengthOf(player));
  go(player, to);
}

function go(player, to) {
  const audio = audioOf(player);
  current = player;
  audio.currentTime = to;
  places.set(audio.src, to);
  draw(player);
}

function hasten(player, way) {
  const choices = [...player.querySelector("[data-js-player=speed]").options].map(({ value }) =>
    Number(value),
  );
  const at = choices.indexOf(audioOf(player).playbackRate) + way;
  if (choices[at]) setSpeed(choices[at]);
}

function setSpeed(speed) {
  keep(SPEED, speed);
  for (const player of players()) audioOf(player).playbackRate = audioOf(player).defaultPlaybackRate = speed;
}

function setVolume(volume) {
  keep(VOLUME, volume);
  for (const player of players()) audioOf(player).volume = volume;
}

const begin = (its) => Object.assign(its, { seconds: 0, from: 0, last: null, isTold: false });

function count(player) {
  const [audio, its] = [audioOf(player), heard.get(audioOf(player))];
  const passed = its.last === null ? 0 : audio.currentTime - its.last;
  if (its.last === null && !its.isTold) its.from = audio.currentTime;
  // A jump is nothing that was heard.
  if (passed > 0 && passed < 2) its.seconds += passed;
  its.last = audio.currentTime;
  if (its.isTold || its.seconds < Math.min(HEARD_FROM_S, lengthOf(player) * 0.9)) return;
  its.isTold = true;
  const body = new URLSearchParams({ position: its.from });
  const headers = { "X-CSRFToken": token() };
  fetch(player.dataset.heard, { method: "POST", body, keepalive: true, headers })
    .catch(() => null)
    .then((answer) => {
      // Told again after three more seconds.
      if (!answer?.ok) Object.assign(its, { seconds: 0, isTold: false });
    });
}

const ACTS = {
  toggle,
  back: (player) => move(player, -STEP_S),
  on: (player) => move(player, STEP_S),
  close: (player) => {
    audioOf(player).pause();
    document.getElementById("player-dock").replaceChildren();
    current = null;
  },
};
const KEYS = {
  " ": toggle,
  ArrowLeft: ACTS.back,
  ArrowRight: ACTS.on,
  ",": (player) => hasten(player, -1),
  ".": (player) => hasten(player, 1),
  n: (player) => player.querySelector("[data-js-player=next]")?.click(),
};

document.addEventListener("click", ({ target }) => {
  const button = target.closest?.("[data-js-player]");
  if (button) ACTS[button.dataset.jsPlayer]?.(playerOf(button));
  const phrase = target.closest?.("[data-js-jump]");
  const player = phrase && playerOf(document.querySelector(`#${phrase.dataset.for} audio`));
  if (!player) return;
  go(player, Number(phrase.dataset.jsJump));
  start(player);
});
document.addEventListener("input", ({ target }) => {
  const player = playerOf(target);
  if (!player) return;
  if (target.matches(".player-place")) go(player, Number(target.value));
  if (target.matches("[data-js-player=volume]")) setVolume(Number(target.value));
});
document.addEventListener("change", ({ target }) => {
  if (!target.matches("[data-js-player=speed]")) return;
  setSpeed(Number(target.value));
  // The keys are the player's again.
  target.blur();
});
document.addEventListener("keydown", (event) => {
  const { target, key } = event;
  const player = playerOf(target) ?? active();
  if (!player || !KEYS[key] || event.ctrlKey || event.altKey || event.metaKey || event.defaultPrevented)
    return;
  if (target.matches?.(WRITES) || target.closest?.("[role=alertdialog], [role=menu]")) return;
  if (key === " " && target.closest?.(PRESSED)) return;
  event.preventDefault();
  KEYS[key](player);
});
// Events of media do not bubble.
const on = (kind, act) =>
  document.addEventListener(
    kind,
    ({ target }) => playerOf(target)?.contains(target) && act(playerOf(target), target),
    true,
  );
on("play", (player, audio) => {
  current = player;
  heard.get(audio).last = null;
  tabs?.postMessage("plays");
  for (const other of players()) if (other !== player) audioOf(other).pause();
  player.querySelector("[data-js-broken]").hidden = true;
  draw(player);
});
on("timeupdate", (player, audio) => {
  if (audio.readyState) places.set(audio.src, audio.currentTime);
  if (!audio.paused) count(player);
  draw(player);
});
on("pause", draw);
on("ratechange", draw);
on("volumechange", draw);
on("seeking", (_player, audio) => {
  const its = heard.get(audio);
  its.last = null;
  if (its.isTold && audio.currentTime <= its.from) begin(its);
});
on("ended", (player, audio) => {
  places.delete(audio.src);
  begin(heard.get(audio));
  draw(player);
});
on("error", (player) => {
  player.querySelector("[data-js-broken]").hidden = false;
  draw(player);
});
tabs?.addEventListener("message", () => {
  for (const player of players()) audioOf(player).pause();
});
document.addEventListener("htmx:before:swap", () => {
  const audio = active() && audioOf(active());
  resumes = audio && !audio.paused ? audio.src : null;
});
document.addEventListener("htmx:after:swap", () => {
  players().forEach(setUp);
  resumes = null;
});
players().forEach(setUp);

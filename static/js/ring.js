// A soft ring, once for the whole browser, and an honest sign when the browser does not let us ring.
const SWITCH = "ramal-ring-off";
const RINGING = "[data-state=ringing][data-direction=inbound]";
const lamp = document.getElementById("lamp");
const choice = lamp.querySelector("[data-js-ring-switch]");
const list = document.getElementById("popups");
let sound = "starting";
let trial = null;
let patience = 0;
let wasRinging = false;
let stop = null;

// Two soft tones, twice, every three seconds, for three minutes.
const ROUNDS = 60;
const PITCHES = [587, 740];
const SETTLE_MS = 250;
const MOMENT_MS = 200;
const PATIENCE_MS = 5_000;
const LEASE_MS = 3_000;
const RENEW_MS = 1_000;

// A context that may play begins to run within a moment, and on a busy computer after a while: it is kept until
// then. The others wait for a click or a key, which asks again.
function tryToPlay() {
  if (sound === "ready") return;
  trial ??= newTrial();
  const hasBeenActive = navigator.userActivation?.hasBeenActive ?? true;
  // Before that, a browser that lets us begins by itself; of the others it would be no use to ask.
  if (hasBeenActive) trial.resume().catch(() => {});
  clearTimeout(patience);
  patience = setTimeout(() => hasBegun() || settle("blocked"), hasBeenActive ? PATIENCE_MS : MOMENT_MS);
}

function newTrial() {
  const audio = new AudioContext();
  audio.addEventListener("statechange", hasBegun);
  return audio;
}

// Not every browser says that a context runs which has run from the start.
function hasBegun() {
  if (trial?.state !== "running") return false;
  trial.close();
  trial = null;
  settle("ready");
  return true;
}

function settle(state) {
  clearTimeout(patience);
  sound = state;
  look();
}

function play() {
  const audio = new AudioContext();
  const loudness = audio.createGain();
  loudness.connect(audio.destination);
  loudness.gain.value = 0;
  for (const pitch of PITCHES) {
    const tone = audio.createOscillator();
    tone.frequency.value = pitch;
    tone.connect(loudness);
    tone.start();
  }
  // All rounds are laid out now, because the timers of a hidden tab come late.
  for (let round = 0; round < ROUNDS; round += 1) {
    for (const beat of [0, 0.45]) {
      const at = audio.currentTime + round * 3 + beat;
      loudness.gain.setTargetAtTime(0.08, at, 0.03);
      loudness.gain.setTargetAtTime(0, at + 0.25, 0.12);
    }
  }
  return () => audio.close();
}

// Lets only one tab of the browser do something that all of them want to do; gives what ends it.
function onlyOneTab(name, begin) {
  let end = () => {};
  const over = new AbortController();

  const run = () =>
    new Promise((release) => {
      // The tab before us may have stopped because there is nothing to do any more.
      const start = setTimeout(() => {
        const stop = begin();
        end = () => {
          stop();
          release();
        };
      }, SETTLE_MS);
      end = () => {
        clearTimeout(start);
        release();
      };
    });

  if (navigator.locks) navigator.locks.request(name, { signal: over.signal }, run).catch(() => {});
  else lease(name, over.signal, run, () => end());
  return () => {
    over.abort();
    end();
  };
}

// Without a secure context there are no locks. The tab that does it says so every second; when nobody
// has for three seconds, or it has said that it leaves, another one takes over.
function lease(name, signal, run, end) {
  const me = String(Math.random());
  let isMine = false;

  const look = () => {
    if (signal.aborted) return;
    const [holder, until] = (localStorage.getItem(name) ?? " 0").split(" ");
    const isFree = !(Number(until) > Date.now());
    const wasMine = isMine;
    // Two tabs may have written at once: the one that was overwritten sees it here.
    isMine = holder === me && !isFree;
    if (isMine && !wasMine) run();
    if (wasMine && !isMine) end();
    if (isFree || isMine) localStorage.setItem(name, `${me} ${Date.now() + LEASE_MS}`);
  };

  look();
  setTimeout(look, SETTLE_MS);
  const timer = setInterval(look, RENEW_MS);
  addEventListener("storage", ({ key }) => key === name && look(), { signal });
  signal.addEventListener("abort", () => {
    clearInterval(timer);
    if (localStorage.getItem(name)?.startsWith(me)) localStorage.removeItem(name);
  });
}

const isMuted = () => localStorage.getItem(SWITCH) === "yes";

function look() {
  lamp.dataset.muted = isMuted() ? "yes" : "no";
  lamp.dataset.sound = isMuted() ? "ready" : sound;
  const isRinging = sound === "ready" && !isMuted() && Boolean(list.querySelector(RINGING));
  if (isRinging && !stop) stop = onlyOneTab("ramal-ring", play);
  else if (!isRinging) hush();
}

function hush() {
  stop?.();
  stop = null;
}

choice.addEventListener("change", () => {
  localStorage.setItem(SWITCH, choice.checked ? "no" : "yes");
  look();
});
addEventListener("storage", ({ key }) => {
  if (key !== SWITCH) return;
  choice.checked = !isMuted();
  look();
});
// Any click or key on the page is the permission that a browser waits for.
for (const kind of ["click", "keydown"]) addEventListener(kind, tryToPlay);
// A page that is left gives the ring to another tab.
addEventListener("pagehide", hush);
addEventListener("pageshow", (event) => event.persisted && look());
document.addEventListener("tray:changed", () => {
  const isRinging = Boolean(list.querySelector(RINGING));
  if (isRinging !== wasRinging) {
    look();
    tryToPlay();
  }
  wasRinging = isRinging;
});
choice.checked = !isMuted();
look();
tryToPlay();

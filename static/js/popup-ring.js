// A soft ring, once for the whole browser, and an honest sign when the browser does not let us ring.
import { onlyOneTab } from "./popup-once.js";
import { isLetPlay, play } from "./popup-sound.js";

const SWITCH = "ramal-ring-off";
const RINGING = "[data-state=ringing][data-direction=inbound]";
const lamp = document.getElementById("lamp");
const choice = lamp.querySelector("[data-js-ring-switch]");
const list = document.getElementById("popups");
let mayPlay = false;
let stop = null;

const isMuted = () => localStorage.getItem(SWITCH) === "yes";

async function look() {
  lamp.dataset.muted = isMuted() ? "yes" : "no";
  mayPlay ||= await isLetPlay();
  lamp.dataset.sound = mayPlay || isMuted() ? "ready" : "blocked";
  const isRinging = mayPlay && !isMuted() && Boolean(list.querySelector(RINGING));
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
for (const kind of ["click", "keydown"]) addEventListener(kind, () => !mayPlay && look());
// A page that is left gives the ring to another tab.
addEventListener("pagehide", hush);
addEventListener("pageshow", (event) => event.persisted && look());
new MutationObserver(look).observe(list, { childList: true });
new MutationObserver(look).observe(list, { subtree: true, attributeFilter: ["data-state"] });
choice.checked = !isMuted();
look();

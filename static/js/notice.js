// Who rings is in the title of the tab, and in a notice of the system when no tab is in front.
const RINGING = "[data-state=ringing][data-direction=inbound]";
const SETTLE_MS = 200;
// The switch of the ring (ring.js) silences notices, too.
const MUTED = "ramal-ring-off";
const list = document.getElementById("popups");
const button = document.querySelector("[data-js-notify]");
const tabs = new BroadcastChannel("ramal-seen");
const title = document.title;
const notices = new Map();
const seen = new Set();

function notify(card) {
  const id = card.dataset.callId;
  if (!document.hidden || seen.has(id) || notices.has(id) || !card.matches(RINGING) || !card.isConnected)
    return;
  const what = card.querySelector(".call-card-what").textContent.trim();
  const silent = localStorage.getItem(MUTED) === "yes";
  const notice = new Notification(card.dataset.name, { body: what, tag: id, silent });
  notices.set(id, notice);
  notice.addEventListener("click", () => {
    window.focus();
    notice.close();
    // What was typed on this page is kept as a draft.
    location.assign(card.dataset.page);
  });
}

function look() {
  const ringing = [...list.querySelectorAll(RINGING)];
  document.title = ringing.length ? `📞 ${ringing[0].dataset.name}` : title;
  const ids = new Set(ringing.map((card) => card.dataset.callId));
  for (const [id, notice] of notices) {
    if (!document.hidden || !ids.has(id)) {
      notice.close();
      notices.delete(id);
    }
  }
  for (const card of ringing) {
    const id = card.dataset.callId;
    if (document.hidden) {
      if (window.Notification?.permission === "granted") setTimeout(notify, SETTLE_MS, card);
      continue;
    }
    // A tab that is in front says so, and the hidden ones keep quiet. Once it is hidden, too, it tells.
    tabs.postMessage(id);
    seen.delete(id);
  }
}

function offer() {
  button.hidden = !window.isSecureContext || window.Notification?.permission !== "default";
}

tabs.addEventListener("message", ({ data }) => seen.add(data));
button.addEventListener("click", () => Notification.requestPermission().then(offer));
document.addEventListener("visibilitychange", look);
document.addEventListener("tray:changed", look);
offer();

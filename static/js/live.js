// Joins the parts of the live calls: the stream says what changed, the tray asks for it and shows it.
import { lamp } from "./live-lamp.js";
import { share } from "./live-share.js";
import { isOurs } from "./live-state.js";
import { refreshCard, refreshTray } from "./popup-tray.js";
import "./popup-keys.js";
import "./popup-draft.js";
import "./popup-keep.js";
import "./popup-ring.js";
import "./popup-notice.js";
import "./popup-time.js";

const tray = document.getElementById("tray");
// Boxes of the page that show calls (static/js/follow.js) hear it on the body, with the message's ids.
const callsChanged = (detail) => document.body.dispatchEvent(new CustomEvent("calls:changed", { detail }));
let wasUp = false;
const turn = lamp(() => {
  refreshTray();
  // The page has just come with what was true; later, something may have been missed.
  if (wasUp) callsChanged({});
  wasUp = true;
});

share(tray.dataset.user, tray.dataset.liveUrl, ({ kind, data }) => {
  turn(kind === "down" ? "down" : "up");
  if (data?.call) refreshCard(data.call);
  if (data?.call || data?.log) callsChanged(data);
  if (data?.dial && isOurs()) htmx.trigger("#dials", "dial");
});
refreshTray();
// Whoever comes back, from another tab, from sleep or from a dead line, sees what is true now.
addEventListener("pageshow", (event) => event.persisted && refreshTray());
addEventListener("online", refreshTray);
document.addEventListener("visibilitychange", () => document.hidden || refreshTray());
for (const kind of ["sign-in:lost", "sign-in:renewed"]) document.addEventListener(kind, refreshTray);
// A form that was refused may be older than the sign-in; the answer about the tray tells.
document.addEventListener("htmx:response:error", ({ detail: { ctx } }) => {
  if ([400, 401].includes(ctx.response.status)) refreshTray();
});

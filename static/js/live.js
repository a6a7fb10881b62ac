// Joins the parts of the live calls: the stream says what changed, the tray asks for it and shows it.
import { lamp } from "./live-lamp.js";
import { share } from "./live-share.js";
import { isOurs, isOut } from "./live-state.js";
import { refresh } from "./tray.js";
import "./tray-place.js";
import "./call-keys.js";
import "./call-drafts.js";
import "./call-names.js";
import "./call-time.js";
import "./ring.js";
import "./notice.js";
import { noticeOfMessage, remind } from "./reminders.js";

const tray = document.getElementById("tray");
// Boxes of the page that show calls (static/js/follow.js) hear it on the body, with the message's ids.
const callsChanged = (detail) => document.body.dispatchEvent(new CustomEvent("calls:changed", { detail }));
function hear(what) {
  for (const box of document.querySelectorAll(`[data-js-hears="${what}"]`)) htmx.trigger(box, "heard");
}
const callBacksChanged = (detail) =>
  document.body.dispatchEvent(new CustomEvent("callbacks:changed", { detail }));
const callListChanged = (detail) =>
  document.body.dispatchEvent(new CustomEvent("call-list:changed", { detail }));
const boardChanged = () => document.body.dispatchEvent(new CustomEvent("board:changed"));
// Who is here and whose phone is on concern the board alone; so does that something has changed for others.
const OF_BOARD = ["presence", "phones", "board"];
const LATE_MS = 1500;
let wasUp = false;
const turn = lamp(() => {
  refresh();
  // What happened since the page was drawn was missed; what every page has is asked for only if that was long ago.
  hear("history");
  hear("messages");
  if (wasUp || performance.now() > LATE_MS) {
    callsChanged({});
    hear("telephony");
    callBacksChanged({});
    callListChanged({});
    boardChanged();
  }
  wasUp = true;
});

const wake = share(tray.dataset.user, tray.dataset.liveUrl, ({ kind, data }) => {
  turn(["down", "out"].includes(kind) ? "down" : "up");
  // Who is signed out hears nothing; the first time, the answer about the tray says so.
  if (isOut()) return;
  if (kind === "out") refresh();
  if (data?.call) refresh();
  if (data?.call || data?.log) callsChanged(data);
  if (data?.callbacks) callBacksChanged(data);
  if (data?.call_list) callListChanged(data);
  if (data && OF_BOARD.some((what) => what in data)) boardChanged();
  if (data?.remind) remind(data.remind);
  if (data?.message) noticeOfMessage(data.message);
  if (data?.dial && isOurs()) htmx.trigger("#dials", "dial");
  for (const what of ["telephony", "history", "messages"]) if (data?.[what]) hear(what);
  const warnings = data?.health && document.getElementById("telephony-warnings");
  if (warnings) htmx.trigger(warnings, "health");
  if (data?.setup)
    for (const lamp of document.querySelectorAll("[data-js-hears]")) htmx.trigger(lamp, "heard");
});
refresh();
// Whoever comes back, from another tab, from sleep or from a dead line, sees what is true now.
addEventListener("pageshow", (event) => event.persisted && refresh());
addEventListener("online", refresh);
document.addEventListener("visibilitychange", () => document.hidden || refresh());
document.addEventListener("sign-in:lost", () => isOut() || refresh());
document.addEventListener("sign-in:renewed", refresh);
for (const kind of ["sign-in:back", "sign-in:renewed"]) document.addEventListener(kind, wake);
// A page that has been opened in another tab is somebody's who is signed in.
const pages = new BroadcastChannel("ramal-pages");
pages.addEventListener("message", () => isOut() && refresh());
pages.postMessage("opened");
// A form that was refused may be older than the sign-in; the answer about the tray tells.
document.addEventListener("htmx:response:error", ({ detail: { ctx } }) => {
  if (!isOut() && [400, 401].includes(ctx.response.status)) refresh();
});

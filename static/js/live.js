// Joins the parts of the live calls: the stream says what changed, the tray asks for it and shows it.
import { lamp } from "./live-lamp.js";
import { share } from "./live-share.js";
import { refreshCard, refreshTray } from "./popup-tray.js";
import "./popup-keys.js";
import "./popup-draft.js";
import "./popup-ring.js";
import "./popup-notice.js";
import "./popup-time.js";

const tray = document.getElementById("tray");
const turn = lamp(refreshTray);

share(tray.dataset.user, tray.dataset.liveUrl, ({ kind, data }) => {
  turn(kind === "down" ? "down" : "up");
  if (data?.call) refreshCard(data.call);
  if (data?.dial) htmx.trigger("#dials", "dial");
});
refreshTray();
addEventListener("pageshow", (event) => event.persisted && refreshTray());

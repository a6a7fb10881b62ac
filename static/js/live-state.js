// What the lamp and the tray show: first how the sign-in stands, then how the stream does.
const places = ["lamp", "tray"].map((id) => document.getElementById(id)).filter(Boolean);
const told = { stream: "starting", signIn: "" };

export const isOurs = () => told.signIn === "";
// Nobody is signed in: what the page asks would be refused.
export const isOut = () => told.signIn === "out";

export function say(what) {
  Object.assign(told, what);
  for (const place of places) place.dataset.liveState = told.signIn || told.stream;
}

// The shared worker that reads the stream where tabs have no locks; they hear it on the channel.
import { openStream } from "./live-stream.js";

const query = new URLSearchParams(self.location.search);
const channel = new BroadcastChannel(query.get("name"));
let last = { kind: "down" };

const hear = (message) => {
  if (message.kind !== "message") last = message;
  channel.postMessage(message);
};
const stream = openStream(query.get("url"), hear, { needsSignIn: true });
channel.addEventListener("message", ({ data }) => {
  if (data.kind === "hello") channel.postMessage(last);
  // Who opens a page is signed in.
  if (["hello", "wake"].includes(data.kind)) stream.wake();
});

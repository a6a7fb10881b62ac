// The shared worker that reads the stream where tabs have no locks; they hear it on the channel.
import { openStream } from "./live-stream.js";

const query = new URLSearchParams(self.location.search);
const channel = new BroadcastChannel(query.get("name"));
let last = { kind: "down" };

openStream(query.get("url"), (message) => {
  if (message.kind !== "message") last = message;
  channel.postMessage(message);
});
channel.addEventListener("message", ({ data }) => {
  if (data.kind === "hello") channel.postMessage(last);
});

// One stream for the whole browser: the tab that holds the lock reads it and tells the others.
// Without a secure context there are no locks; then a shared worker reads it, else each tab its own.
import { openStream } from "./live-stream.js";

const UNHEARD_MS = 30_000;

export function share(user, url, hear) {
  const name = `ramal-live-${user}`;
  if (navigator.locks) return leadOrFollow(name, url, hear);
  if (!window.SharedWorker) return openStream(url, hear);
  const channel = new BroadcastChannel(name);
  channel.addEventListener("message", ({ data }) => hear(data));
  const script = new URL("./live-worker.js", import.meta.url);
  script.search = new URLSearchParams({ name, url });
  const worker = new SharedWorker(script, { type: "module", name });
  worker.addEventListener("error", () => openStream(url, hear), { once: true });
  channel.postMessage({ kind: "hello" });
  return worker;
}

function leadOrFollow(name, url, hear) {
  const channel = new BroadcastChannel(name);
  let last = { kind: "down" };
  let stop = null;
  let heardAt = performance.now();
  let queue = new AbortController();

  const tell = (message) => {
    if (message.kind !== "message") last = message;
    hear(message);
    channel.postMessage(message);
  };
  const lead = () =>
    new Promise(() => {
      stop = openStream(url, tell);
    });
  const wait = () => {
    queue = new AbortController();
    navigator.locks.request(name, { signal: queue.signal }, lead).catch(lost);
  };
  const lost = () => {
    // Either another tab has taken over, or this one gave up waiting in order to take over.
    if (!stop) return;
    stop();
    stop = null;
    wait();
  };

  channel.addEventListener("message", ({ data }) => {
    heardAt = performance.now();
    if (data.kind !== "hello") hear(data);
    else if (stop) channel.postMessage(last);
  });
  // A leader that the system has put to sleep says nothing: the tab in front of the user takes over.
  setInterval(() => {
    if (stop || document.hidden || performance.now() - heardAt < UNHEARD_MS) return;
    heardAt = performance.now();
    queue.abort();
    navigator.locks.request(name, { steal: true }, lead).catch(lost);
  }, 5_000);
  wait();
  channel.postMessage({ kind: "hello" });
}

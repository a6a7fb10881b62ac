// One stream for the whole browser: the tab that holds the lock reads it and tells the others.
// Gives a function that wakes a stream which sleeps because nobody was signed in.
// Without a secure context there are no locks; then a shared worker reads it, else each tab its own.
import { openStream } from "./live-stream.js";

const UNHEARD_MS = 30_000;
const ASKS = ["hello", "wake"];
const PERSONAL = { needsSignIn: true };

export function share(user, url, hear) {
  const name = `ramal-live-${user}`;
  if (navigator.locks) return leadOrFollow(name, url, hear);
  if (!window.SharedWorker) return openStream(url, hear, PERSONAL).wake;
  const channel = new BroadcastChannel(name);
  channel.addEventListener("message", ({ data }) => ASKS.includes(data.kind) || hear(data));
  const script = new URL("./live-worker.js", import.meta.url);
  script.search = new URLSearchParams({ name, url });
  const worker = new SharedWorker(script, { type: "module", name });
  let own = null;
  worker.addEventListener(
    "error",
    () => {
      own = openStream(url, hear, PERSONAL);
    },
    { once: true },
  );
  channel.postMessage({ kind: "hello" });
  return () => (own ? own.wake() : channel.postMessage({ kind: "wake" }));
}

function leadOrFollow(name, url, hear) {
  const channel = new BroadcastChannel(name);
  let last = { kind: "down" };
  let stream = null;
  let isAsleep = false;
  let heardAt = performance.now();
  let queue = new AbortController();

  const tell = (message) => {
    if (message.kind !== "message") last = message;
    hear(message);
    channel.postMessage(message);
  };
  const lead = () =>
    new Promise(() => {
      stream = openStream(url, tell, PERSONAL);
    });
  const wait = () => {
    queue = new AbortController();
    navigator.locks.request(name, { signal: queue.signal }, lead).catch(lost);
  };
  const lost = () => {
    // Either another tab has taken over, or this one gave up waiting in order to take over.
    if (!stream) return;
    stream.stop();
    stream = null;
    wait();
  };

  channel.addEventListener("message", ({ data }) => {
    heardAt = performance.now();
    if (!ASKS.includes(data.kind)) {
      isAsleep = data.kind === "out";
      return hear(data);
    }
    if (!stream) return;
    if (data.kind === "hello") channel.postMessage(last);
    // Who opens a page is signed in.
    stream.wake();
  });
  // A leader that the system has put to sleep says nothing: the tab in front of the user takes over.
  setInterval(() => {
    if (stream || isAsleep || document.hidden || performance.now() - heardAt < UNHEARD_MS) return;
    heardAt = performance.now();
    queue.abort();
    navigator.locks.request(name, { steal: true }, lead).catch(lost);
  }, 5_000);
  wait();
  channel.postMessage({ kind: "hello" });
  return () => (stream ? stream.wake() : channel.postMessage({ kind: "wake" }));
}

// Keeps one event stream open and says what it hears: {kind: "up" | "down" | "out" | "message", data}. One that needs
// a sign-in is "out" when nobody is signed in any more; then it sleeps until it is woken.
import { addressOf } from "./addresses.js";

const SILENCE_MS = 35_000;
const REOPEN_MS = 4_000;

const hereUrl = addressOf("account/here");

async function isSignedOut() {
  const answer = await fetch(hereUrl, { headers: { "HX-Request": "true" } }).catch(() => null);
  return answer?.status === 401;
}

export function openStream(url, tell, { needsSignIn = false } = {}) {
  let source = null;
  let silence = 0;
  let again = 0;
  let isAsleep = false;
  let wasWoken = false;
  const over = new AbortController();

  function close() {
    clearTimeout(silence);
    clearTimeout(again);
    source?.close();
  }

  function reopen(wait) {
    tell({ kind: "down" });
    close();
    // Not all browsers at the same moment.
    again = setTimeout(open, wait * (0.7 + 0.6 * Math.random()));
  }

  function isAlive() {
    clearTimeout(silence);
    // A beat comes every 15 seconds; a connection that died without a word is noticed by that.
    silence = setTimeout(reopen, SILENCE_MS, 0);
    tell({ kind: "up" });
  }

  async function refused() {
    const mine = source;
    tell({ kind: "down" });
    close();
    wasWoken = false;
    const isOut = needsSignIn && (await isSignedOut());
    if (over.signal.aborted || mine !== source) return;
    // Somebody may have signed in since that was answered.
    isAsleep = isOut && !wasWoken;
    if (isAsleep) tell({ kind: "out" });
    else reopen(isOut ? 0 : REOPEN_MS);
  }

  function open() {
    isAsleep = false;
    // Whoever read before, something may have been missed since: "up" then makes all tabs look.
    tell({ kind: "down" });
    source = new EventSource(url);
    source.addEventListener("beat", isAlive);
    source.addEventListener("message", (event) => {
      isAlive();
      tell({ kind: "message", data: JSON.parse(event.data) });
    });
    source.addEventListener("error", () => {
      // The browser comes back by itself after a broken connection, and not after a refusal.
      if (source.readyState === EventSource.CLOSED) refused();
      else tell({ kind: "down" });
    });
  }

  open();
  addEventListener("online", () => reopen(0), { signal: over.signal });
  return {
    stop() {
      over.abort();
      close();
    },
    wake() {
      wasWoken = true;
      if (isAsleep) reopen(0);
    },
  };
}

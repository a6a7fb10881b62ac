// Keeps one event stream open and says what it hears: {kind: "up" | "down" | "message", data}.
const SILENCE_MS = 35_000;
const REOPEN_MS = 4_000;

export function openStream(url, tell) {
  let source = null;
  let silence = 0;
  let again = 0;
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

  function open() {
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
      if (source.readyState === EventSource.CLOSED) reopen(REOPEN_MS);
      else tell({ kind: "down" });
    });
  }

  open();
  addEventListener("online", () => reopen(0), { signal: over.signal });
  return () => {
    over.abort();
    close();
  };
}

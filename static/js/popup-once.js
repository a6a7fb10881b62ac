// Lets only one tab of the browser do something that all of them want to do; gives what ends it.
const SETTLE_MS = 250;
const LEASE_MS = 3_000;
const RENEW_MS = 1_000;

export function onlyOneTab(name, begin) {
  let end = () => {};
  const over = new AbortController();

  const run = () => new Promise((release) => {
    // The tab before us may have stopped because there is nothing to do any more.
    const start = setTimeout(() => { const stop = begin(); end = () => { stop(); release(); }; }, SETTLE_MS);
    end = () => { clearTimeout(start); release(); };
  });

  if (navigator.locks) navigator.locks.request(name, { signal: over.signal }, run).catch(() => {});
  else lease(name, over.signal, run, () => end());
  return () => {
    over.abort();
    end();
  };
}

// Without a secure context there are no locks. The tab that does it says so every second; when nobody
// has for three seconds, or it has said that it leaves, another one takes over.
function lease(name, signal, run, end) {
  const me = String(Math.random());
  let isMine = false;

  const look = () => {
    if (signal.aborted) return;
    const [holder, until] = (localStorage.getItem(name) ?? " 0").split(" ");
    const isFree = !(Number(until) > Date.now());
    const wasMine = isMine;
    // Two tabs may have written at once: the one that was overwritten sees it here.
    isMine = holder === me && !isFree;
    if (isMine && !wasMine) run();
    if (wasMine && !isMine) end();
    if (isFree || isMine) localStorage.setItem(name, `${me} ${Date.now() + LEASE_MS}`);
  };

  look();
  setTimeout(look, SETTLE_MS);
  const timer = setInterval(look, RENEW_MS);
  addEventListener("storage", ({ key }) => key === name && look(), { signal });
  signal.addEventListener("abort", () => {
    clearInterval(timer);
    if (localStorage.getItem(name)?.startsWith(me)) localStorage.removeItem(name);
  });
}

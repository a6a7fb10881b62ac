// Lets only one tab of the browser do something that all of them want to do; gives what ends it.
const SETTLE_MS = 250;
const LEASE_MS = 70_000;

export function onlyOneTab(name, begin) {
  let end = () => {};
  const over = new AbortController();

  const run = () => new Promise((release) => {
    // The tab before us may have stopped because there is nothing to do any more.
    const start = setTimeout(() => { const stop = begin(); end = () => { stop(); release(); }; }, SETTLE_MS);
    end = () => { clearTimeout(start); release(); };
  });

  if (navigator.locks) {
    navigator.locks.request(name, { signal: over.signal }, run).catch(() => {});
  } else if (Number(localStorage.getItem(name)) < Date.now()) {
    localStorage.setItem(name, String(Date.now() + LEASE_MS));
    run().then(() => localStorage.removeItem(name));
  }
  return () => {
    over.abort();
    end();
  };
}

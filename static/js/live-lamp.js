// Says whether live calls arrive. A short gap is nobody's business; after ten seconds the lamp tells.
const PATIENCE_MS = 10_000;
const BEAT_MS = 15_000;
const POLL_MS = 5_000;

const places = ["lamp", "tray"].map((id) => document.getElementById(id)).filter(Boolean);

export function lamp(refresh) {
  let isUp = false;
  let alarm = setTimeout(goDown, PATIENCE_MS);
  let poll = 0;

  function show(state) {
    for (const place of places) place.dataset.liveState = state;
  }

  async function look() {
    // While nothing arrives by itself, the tab asks.
    if ((await refresh()) === 401) show("out");
  }

  function goDown() {
    isUp = false;
    show("down");
    clearInterval(poll);
    poll = setInterval(look, POLL_MS);
    look();
  }

  function wait(time) {
    clearTimeout(alarm);
    alarm = setTimeout(goDown, time);
  }

  return (kind) => {
    if (kind === "down") {
      if (isUp) wait(PATIENCE_MS);
      isUp = false;
      return;
    }
    wait(BEAT_MS + PATIENCE_MS);
    if (isUp) return;
    isUp = true;
    clearInterval(poll);
    show("ok");
    // What happened while nothing arrived is on the server.
    refresh();
  };
}

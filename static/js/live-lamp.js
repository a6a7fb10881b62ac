// Says whether live calls arrive. A short gap is nobody's business; after ten seconds the lamp tells.
import { isOut, say } from "./live-state.js";

const PATIENCE_MS = 10_000;
const BEAT_MS = 15_000;
const POLL_MS = 5_000;
const SOON_MS = 500;

export function lamp(refresh) {
  let isUp = false;
  let alarm = setTimeout(goDown, PATIENCE_MS);
  let poll = 0;
  let soon = 0;
  const look = () => isOut() || refresh();

  function goDown() {
    isUp = false;
    say({ stream: "down" });
    clearInterval(poll);
    // While nothing arrives by itself, the tab asks.
    poll = setInterval(look, POLL_MS);
    look();
  }

  function wait(time) {
    clearTimeout(alarm);
    alarm = setTimeout(goDown, time);
  }

  // The browser knows before the silence does; what it says of being back, the stream proves.
  addEventListener("offline", () => {
    clearTimeout(alarm);
    goDown();
  });

  return (kind) => {
    if (kind === "down") {
      if (!isUp) return;
      isUp = false;
      wait(PATIENCE_MS);
      // Perhaps the stream has ended because nobody is signed in any more: that is told at once.
      soon = setTimeout(look, SOON_MS * (0.5 + Math.random()));
      return;
    }
    wait(BEAT_MS + PATIENCE_MS);
    if (isUp) return;
    isUp = true;
    clearTimeout(soon);
    clearInterval(poll);
    say({ stream: "ok" });
    // What happened while nothing arrived is on the server.
    refresh();
  };
}

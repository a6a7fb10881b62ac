// Signing out (a form with data-js-sign-out) leaves nothing of what was typed in this browser. What may
// still be brought to the server is brought there first.
import { end } from "./draft-store.js";

const PATIENCE_MS = 2_000;

document.addEventListener(
  "submit",
  async (event) => {
    const form = event.target;
    if (!form.matches("[data-js-sign-out]")) return;
    event.preventDefault();
    event.stopImmediatePropagation();
    const lastWork = [];
    document.dispatchEvent(new CustomEvent("sign-out", { detail: { lastWork } }));
    await Promise.race([
      Promise.allSettled(lastWork),
      new Promise((go) => {
        setTimeout(go, PATIENCE_MS);
      }),
    ]);
    end();
    form.submit();
  },
  true,
);

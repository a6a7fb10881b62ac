// A page belongs to one sign-in. When nobody is signed in any more, the clients' names leave the tray;
// when somebody is again, the page holds an old token and perhaps an old name, and is loaded anew.
import { isOurs, isOut, say } from "./live-state.js";
import { isByHand, leave, who } from "./sign-in-over.js";

const LOADED = "ramal-loaded-anew";
const SETTLE_MS = 10_000;
const tray = document.getElementById("tray");
let mine = tray.dataset.signIn;

function clear() {
  for (const id of ["popups", "dials"]) document.getElementById(id)?.replaceChildren();
  // The ring, the title and the notices know of a call by its card.
  document.dispatchEvent(new CustomEvent("tray:changed", { detail: { lost: "" } }));
}

// What is typed is kept by the browser, too; but nobody likes a page that changes below the hands.
function isTypedIn() {
  const fields = document.querySelectorAll(
    "main form[method=post]:not([data-js-draft]) :is(input, textarea)",
  );
  return [...fields].some(
    (field) => field.value !== field.defaultValue || field.checked !== field.defaultChecked,
  );
}

async function renew() {
  clear();
  if (tray.dataset.liveState === "old") return;
  say({ signIn: "old" });
  // A browser that keeps no session would load the page for ever.
  const wasJust = Date.now() - Number(sessionStorage.getItem(LOADED)) < SETTLE_MS;
  if (wasJust || isTypedIn()) return void ((await who()) === "other" && leave());
  sessionStorage.setItem(LOADED, String(Date.now()));
  location.reload();
}

// Somebody has signed in over the page.
document.addEventListener("sign-in:renewed", ({ detail }) => {
  mine = detail.mark;
  say({ signIn: "" });
});

// Looks at every answer of the server and tells whether it may be shown here.
export function isForUs(answer) {
  if (answer.status === 401) {
    clear();
    say({ signIn: "out" });
    return false;
  }
  const mark = answer.headers.get("X-Sign-In");
  if (!mark) return true;
  if (mark !== mine) renew();
  else if (!isOurs()) {
    say({ signIn: "" });
    document.dispatchEvent(new Event("sign-in:back"));
  }
  return mark === mine;
}

// A page that has lost its sign-in says so and asks for nothing more by itself.
document.addEventListener("htmx:config:request", (event) => {
  if (isOut() && !isByHand(event.detail.ctx)) event.preventDefault();
});

// Says when a part of the page could not be saved or fetched. An answer that is shown, a form with its
// errors or a page of the server's own, speaks for itself.
const region = document.getElementById("toasts");
const words = document.getElementById("failures");
// What the page asks by itself, again and again: the lamp of live calls tells about that.
const BY_ITSELF = new Set(["every", "dial", "follow", "row", "refresh", "callbacks:changed"]);
const LEAVES_FOR_MS = 5_000;
const shown = new WeakSet();
let isLeaving = false;

const failures = () => region.querySelectorAll("[data-failure]");

function kindOf({ request, sourceElement }) {
  if (request.method === "GET") return "read";
  // A request to call that was lost may have rung the phone already.
  if (sourceElement.matches(".call-form, form:has([name=number])")) return "call";
  return navigator.onLine ? "write" : "offline";
}

function clear() {
  for (const toast of failures()) toast.remove();
}

// Says that something was not written, not read, or that a call was not answered.
export function tell(kind) {
  clear();
  region.append(document.importNode(words.content.querySelector(`[data-failure=${kind}]`), true));
}

function tellOf(ctx) {
  if (isLeaving || BY_ITSELF.has(ctx.sourceEvent?.type) || ctx.sourceElement.matches("[data-js-estimate]"))
    return;
  tell(kindOf(ctx));
}

document.addEventListener("htmx:error", ({ detail }) => {
  if (detail.ctx?.request) tellOf(detail.ctx);
});
document.addEventListener("htmx:before:swap", ({ detail: { ctx, tasks } }) => {
  if (tasks.some((task) => task.target && task.swapSpec.style !== "none")) shown.add(ctx);
});
document.addEventListener("htmx:finally:request", ({ detail: { ctx } }) => {
  if (!ctx.response) return;
  if (ctx.response.status < 400) {
    if (ctx.request.method !== "GET") clear();
  } else if (!shown.has(ctx) && !ctx.hx.redirect && !ctx.response.headers.get("X-Proof-Wanted")) tellOf(ctx);
});
// A page that is left breaks off what is under way. (A file that is fetched looks like that, too.)
addEventListener("beforeunload", () => {
  isLeaving = true;
  setTimeout(() => {
    isLeaving = false;
  }, LEAVES_FOR_MS);
});

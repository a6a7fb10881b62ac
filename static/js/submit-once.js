// A form that is being sent is not sent again by a second click: the office would get two contacts.
const PATIENCE_MS = 10_000;
const sent = new WeakMap();

document.addEventListener("submit", (event) => {
  // What htmx or a question took over is not leaving the page.
  if (event.defaultPrevented || event.target.method !== "post") return;
  const now = performance.now();
  if (now - (sent.get(event.target) ?? -PATIENCE_MS) < PATIENCE_MS) event.preventDefault();
  else sent.set(event.target, now);
});
// Back brings the page as it was left, and then it may be sent again.
addEventListener("pageshow", () => {
  for (const form of document.forms) sent.delete(form);
});

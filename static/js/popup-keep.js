// The name that somebody types under "New lead" outlives a reload and a click on a link: it is kept by
// the browser until something was done about the call, or its card was closed.
const list = document.getElementById("popups");
const user = document.getElementById("tray").dataset.user;
const filled = new WeakSet();

const keyOf = (field) => `ramal-name-${user}-${field.closest("[data-call]").dataset.call}-${field.name}`;

function restore(field) {
  filled.add(field);
  const kept = localStorage.getItem(keyOf(field));
  if (!kept || field.value) return;
  field.value = kept;
  field.closest("details").open = true;
}

list.addEventListener("input", ({ target }) => {
  if (!target.matches("[data-js-keep]")) return;
  if (target.value) localStorage.setItem(keyOf(target), target.value);
  else localStorage.removeItem(keyOf(target));
});
document.addEventListener("htmx:after:request", ({ detail: { ctx } }) => {
  if (ctx.request.method !== "POST" || !ctx.response.raw.ok) return;
  const card = ctx.sourceElement.closest?.("#popups [data-call]");
  for (const field of card?.querySelectorAll("[data-js-keep]") ?? []) localStorage.removeItem(keyOf(field));
});
new MutationObserver(() => {
  for (const field of list.querySelectorAll("[data-js-keep]")) if (!filled.has(field)) restore(field);
}).observe(list, { childList: true, subtree: true });

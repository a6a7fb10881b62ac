// Rows of a form that come and go in the browser: data-js-rows holds a list, a template, an add button.
// Without this script the same buttons send the form, and the server gives it back changed.
let added = 100;

function addRow(group, index) {
  const list = group.querySelector("[data-js-rows-list]");
  const holder = document.createElement("div");
  added = Math.max(added, index);
  holder.innerHTML = group.querySelector("template").innerHTML.replaceAll("__index__", String(index));
  const row = holder.firstElementChild;
  list.append(row);
  return row;
}

function dropRow(row) {
  const group = row.closest("[data-js-rows]");
  const wasMain = row.querySelector("[name=main_phone]:checked");
  const neighbour = row.nextElementSibling ?? row.previousElementSibling;
  row.remove();
  if (wasMain) group.querySelector("[name=main_phone]")?.click();
  (neighbour?.querySelector("input") ?? group.querySelector("[data-js-rows-add]")).focus();
}

document.addEventListener("click", (event) => {
  const add = event.target.closest("[data-js-rows-add]");
  const drop = event.target.closest("[data-js-rows-drop]");
  if (!add && !drop) return;
  event.preventDefault();
  const group = (add ?? drop).closest("[data-js-rows]");
  if (add)
    addRow(group, added + 1)
      .querySelector("input")
      .focus();
  else dropRow(drop.closest("[data-js-row]"));
  group.dispatchEvent(new Event("input", { bubbles: true }));
});

// What was typed and not saved comes back (drafts.js) into the rows that there were then.
document.addEventListener("unsaved:fill", ({ target: form, detail: { names } }) => {
  for (const group of form.querySelectorAll("[data-js-rows]")) {
    const isOfGroup = (name) => name.startsWith(`${group.dataset.jsRows}-`);
    const wanted = new Set(names.filter(isOfGroup).map((name) => Number(name.split("-")[1])));
    for (const row of group.querySelectorAll("[data-js-row]")) {
      const index = Number(row.querySelector("input").name.split("-")[1]);
      if (!wanted.delete(index)) row.remove();
    }
    for (const index of wanted) addRow(group, index);
  }
});

// Rows of a form that come and go in the browser: data-js-rows holds a list, a template, an add button.
// Without this script the same buttons send the form, and the server gives it back changed.
let added = 100;

function addRow(group) {
  const list = group.querySelector("[data-js-rows-list]");
  const holder = document.createElement("div");
  added += 1;
  holder.innerHTML = group.querySelector("template").innerHTML.replaceAll("__index__", String(added));
  const row = holder.firstElementChild;
  list.append(row);
  row.querySelector("input").focus();
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
  if (add) addRow(add.closest("[data-js-rows]"));
  else dropRow(drop.closest("[data-js-row]"));
});

// Enter in a picker's search must not send the form around it: it goes to the first hit.
document.addEventListener("keydown", (event) => {
  const field = event.target.closest?.("[data-js-picker]");
  if (!field || !["Enter", "ArrowDown"].includes(event.key)) return;
  event.preventDefault();
  const first = document.getElementById(field.getAttribute("aria-controls")).querySelector("input");
  first?.focus();
  if (first && event.key === "Enter") first.checked = true;
});

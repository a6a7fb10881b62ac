// The search box: arrows walk its hits, Enter opens the chosen one or the first.
const box = document.querySelector("[data-js-search]");
const field = box?.querySelector("[role=combobox]");
const hits = box?.querySelector("[role=grid]");
let row = -1;
let column = 0;
let isEnterWaiting = false;

const rows = () => [...hits.querySelectorAll("[role=row]")];
const cells = (index) => [...rows()[index].querySelectorAll("[role=gridcell]")];

function choose(newRow, newColumn) {
  for (const cell of hits.querySelectorAll("[aria-selected]")) cell.removeAttribute("aria-selected");
  row = newRow;
  column = row < 0 ? 0 : Math.min(Math.max(newColumn, 0), cells(row).length - 1);
  field.removeAttribute("aria-activedescendant");
  if (row < 0) return;
  const cell = cells(row)[column];
  cell.setAttribute("aria-selected", "true");
  cell.scrollIntoView({ block: "nearest" });
  field.setAttribute("aria-activedescendant", cell.id);
}

function show(isOpen) {
  hits.hidden = !isOpen;
  field.ariaExpanded = String(isOpen);
  choose(-1, 0);
}

const open = () => cells(Math.max(row, 0))[column].querySelector("a, button").click();
const isFresh = () => hits.querySelector("[data-js-search-for]")?.dataset.jsSearchFor === field.value.trim();

function onKey(event) {
  const count = rows().length;
  if (["ArrowDown", "ArrowUp"].includes(event.key) && count) {
    if (hits.hidden) show(true);
    const step = event.key === "ArrowDown" ? row + 1 : Math.max(row, 0) + count - 1;
    choose(step % count, column);
  } else if (row >= 0 && event.key === "ArrowRight") choose(row, column + 1);
  else if (row >= 0 && event.key === "ArrowLeft") choose(row, column - 1);
  else if (event.key === "Escape" && !hits.hidden) show(false);
  else if (event.key === "Enter" && field.value.trim()) {
    isEnterWaiting = !isFresh();
    if (isEnterWaiting) field.dispatchEvent(new Event("look"));
    else open();
  } else return;
  event.preventDefault();
}

field?.addEventListener("keydown", onKey);
field?.addEventListener("focus", () => show(rows().length > 0 && isFresh()));
box?.addEventListener("focusout", (event) => box.contains(event.relatedTarget) || show(false));
document.addEventListener("htmx:after:swap", () => {
  if (!hits || document.activeElement !== field || !isFresh()) return;
  show(rows().length > 0);
  if (isEnterWaiting && rows().length) open();
  isEnterWaiting = false;
});

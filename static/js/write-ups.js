// What waits to be written up, by keys: Shift+F2 opens the panel, up and down select a call, a digit
// chooses how it went, Enter saves and goes on to the next one. Escape is the browser's.
const panel = document.getElementById("write-ups");
const WRITES = "input:not([type=radio]), textarea, select";
const ROW = "[data-write-up]";
const going = new WeakMap();

const isOpen = () => panel.matches(":popover-open");
const rowsBeside = (row) => [...row.closest("[data-js-write-ups]").querySelectorAll(ROW)];

function select(row) {
  if (!row) return false;
  row.open = true;
  row.querySelector("summary").focus();
  return true;
}

function move(row, by) {
  const rows = rowsBeside(row);
  return select(rows[rows.indexOf(row) + by]);
}

function choose(row, key) {
  const outcome = row.querySelectorAll("[name=outcome]")[Number(key) - 1];
  if (!outcome) return false;
  row.open = true;
  outcome.click();
  row.querySelector("summary").focus();
  return true;
}

function save(row, place) {
  const form = row.querySelector("form");
  if (place.matches("summary") && !form.querySelector("[name=outcome]:checked")) return false;
  form.requestSubmit();
  return true;
}

// The next key is the panel's already, also before its rows have come.
function toggle() {
  panel.togglePopover();
  if (isOpen()) panel.focus();
  return true;
}

function work({ key, shiftKey, repeat, target }, row) {
  if (key === "ArrowDown" || key === "ArrowUp")
    return target.matches("summary") && move(row, key === "ArrowDown" ? 1 : -1);
  if (repeat || shiftKey) return false;
  if (key === "Enter") return target.matches("summary, textarea, [type=radio]") && save(row, target);
  return /^[1-9]$/.test(key) && !target.matches(WRITES) && choose(row, key);
}

document.addEventListener(
  "keydown",
  (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.isComposing) return;
    const row = event.target.closest?.(ROW);
    const isOurs = event.key === "F2" && event.shiftKey ? toggle() : row && work(event, row);
    if (!isOurs) return;
    event.preventDefault();
    event.stopPropagation();
  },
  true,
);
panel.addEventListener("toggle", () => {
  if (!isOpen()) return;
  if (!panel.contains(document.activeElement)) panel.focus();
  htmx.trigger(panel, "write-ups");
});
document.body.addEventListener("calls:changed", () => isOpen() && htmx.trigger(panel, "write-ups"));
document.addEventListener("htmx:after:swap", ({ detail: { ctx } }) => {
  const isLost = [panel, document.body].includes(document.activeElement);
  if (ctx.sourceElement === panel && isOpen() && isLost) select(panel.querySelector(ROW)) || panel.focus();
});
document.addEventListener(
  "htmx:before:request",
  ({
    detail: {
      ctx: { sourceElement },
    },
  }) => {
    const row = sourceElement?.closest?.(ROW);
    const rows = row ? rowsBeside(row) : [];
    if (row) going.set(sourceElement, rows[rows.indexOf(row) + 1] ?? rows[rows.indexOf(row) - 1]);
  },
);
document.addEventListener(
  "htmx:finally:request",
  ({
    detail: {
      ctx: { sourceElement },
    },
  }) => {
    const isGone = going.has(sourceElement) && !sourceElement.isConnected;
    if (!isGone || document.activeElement !== document.body) return;
    if (!select(going.get(sourceElement)) && isOpen()) panel.focus();
  },
);

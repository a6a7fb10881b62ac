// The key pad writes into the field of its dialler: by mouse, by thumb, and by the keyboard while the focus is in it.
const PAD = "[data-js-pad]";
const KEY = /^[0-9+]$/;

const fieldOf = (pad) => document.getElementById(pad.dataset.jsPad)?.elements.number;

function write(pad, text) {
  const field = fieldOf(pad);
  if (!field) return;
  const [from, to] = [field.selectionStart ?? field.value.length, field.selectionEnd ?? field.value.length];
  field.setRangeText(text, from, to, "end");
  changed(pad, field);
}

function takeBack(pad) {
  const field = fieldOf(pad);
  if (!field) return;
  const [from, to] = [field.selectionStart, field.selectionEnd];
  field.setRangeText("", from === to ? Math.max(0, from - 1) : from, to, "end");
  changed(pad, field);
}

function changed(pad, field) {
  // The end of a long number is what one has just typed.
  field.scrollLeft = field.scrollWidth;
  pad.querySelector(".dial-pad-shown").textContent = field.value;
}

async function paste(pad) {
  const text = await navigator.clipboard.readText().catch(() => "");
  const field = fieldOf(pad);
  if (!text.trim() || !field) return;
  field.value = text.trim().slice(0, field.maxLength);
  changed(pad, field);
}

document.addEventListener("click", ({ target }) => {
  const pad = target.closest?.(PAD);
  if (!pad) return;
  const key = target.closest("[data-key]")?.dataset.key;
  if (key === "back") takeBack(pad);
  else if (key === "paste") paste(pad);
  else if (key) write(pad, key);
});

document.addEventListener("keydown", (event) => {
  const pad = event.target.closest?.(PAD);
  if (!pad || event.ctrlKey || event.metaKey || event.altKey) return;
  if (KEY.test(event.key)) write(pad, event.key);
  else if (event.key === "Backspace") takeBack(pad);
  else return;
  event.preventDefault();
});

document.addEventListener("paste", (event) => {
  const pad = event.target.closest?.(PAD);
  if (!pad) return;
  write(pad, event.clipboardData.getData("text").trim().slice(0, 80));
  event.preventDefault();
});

// A browser lets only pages behind TLS, or of this machine, read what was copied.
function prepare() {
  if (navigator.clipboard?.readText) return;
  for (const key of document.querySelectorAll(`${PAD} [data-key=paste]`)) key.hidden = true;
}

const box = document.getElementById("dial-pad");

function begin() {
  const pad = box.querySelector(PAD);
  if (!pad || !box.matches(":popover-open")) return;
  changed(pad, fieldOf(pad));
  if (!box.contains(document.activeElement)) pad.querySelector("[data-key]").focus();
}

// The pad of the top bar comes when it is opened for the first time, what is below it each time.
box?.addEventListener("toggle", ({ newState }) => {
  if (newState !== "open") return;
  begin();
  htmx.trigger(box, "show");
});
document.addEventListener("htmx:after:swap", ({ detail: { ctx } }) => {
  if (!box || ctx.sourceElement !== box) return;
  prepare();
  begin();
});
// What was dialled from the pad goes on in the tray.
document.addEventListener("htmx:after:request", ({ detail: { ctx } }) => {
  if (ctx.sourceElement?.id === "dialler-top" && ctx.response?.raw.ok) box.hidePopover();
});
prepare();

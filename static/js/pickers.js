// The picker of a contact or company in a form: a combobox, and what is chosen stands beside it as a
// chip. Without this script the same markup is a search with radio buttons (templates/contacts/_picker.html).
import { combobox } from "./combobox.js";

const PICKER = "[data-js-picker]";

function part(name, value) {
  const input = Object.assign(document.createElement("input"), { type: "hidden", name, value });
  input.dataset.jsUnsavedPart = "";
  return input;
}

const partsOf = (picker) => picker.querySelectorAll(".picker-chosen > input");

// Whom one has chosen can be called from the chip; in the list a click chooses, and dials nobody.
function drawNumber(chip, name, { number, shown } = {}) {
  const button = chip.querySelector("[data-call-number]");
  if (!number) return button?.remove();
  button.dataset.callNumber = button.value = number;
  button.textContent = shown;
  return button.setAttribute("aria-label", `${button.getAttribute("aria-label").trim()} ${name} ${shown}`);
}

function draw(picker) {
  const [id, name] = partsOf(picker);
  picker.querySelector(".picker-chip")?.remove();
  if (!id.value) return;
  const chip = document.importNode(picker.querySelector("template").content.firstElementChild, true);
  chip.querySelector("[data-name]").textContent = name.value;
  if (!id.value.startsWith("new:")) chip.querySelector("[data-new]").remove();
  drawNumber(chip, name.value, picker.numbers.get(id.value));
  const button = chip.querySelector(".btn-close");
  button.setAttribute("aria-label", `${button.getAttribute("aria-label")}: ${name.value}`);
  picker.querySelector(".picker-chosen").append(chip);
}

function put(picker, field, value, shown, number = {}) {
  const [id, name] = partsOf(picker);
  if (value) picker.numbers.set(value, number);
  [id.value, name.value] = [value, shown];
  field.value = "";
  draw(picker);
  field.focus();
  // So that it is kept like everything that is typed.
  field.dispatchEvent(new Event("change", { bubbles: true }));
}

// The hits come as radio buttons with labels.
function dress(list, name) {
  for (const label of list.querySelectorAll("label")) {
    const { value } = label.querySelector("input");
    const option = document.createElement("div");
    option.append(...label.querySelector(".form-check-label").childNodes);
    Object.assign(option.dataset, { ...label.dataset, value });
    Object.assign(option, {
      id: `${name}-option-${value.replaceAll(/\W/g, "-")}`,
      className: "picker-option",
    });
    option.setAttribute("role", "option");
    label.replaceWith(option);
  }
}

function enhance(picker) {
  const name = picker.dataset.jsPicker;
  const field = picker.querySelector("[type=search]");
  const list = picker.querySelector(".picker-found");
  const chosen = picker.querySelector(".picker-chosen");
  const checked = picker.querySelector(":checked");
  const shown = checked?.value ? checked.closest("label").dataset.name : "";
  const called = chosen.querySelector("[data-call-number]");
  const number = called && { number: called.dataset.callNumber, shown: called.textContent.trim() };
  // By id; what is restored from a draft has none, and its chip no button.
  picker.numbers = new Map(number ? [[checked.value, number]] : []);
  picker.classList.add("is-combobox");
  chosen.replaceChildren(part(name, checked?.value ?? ""), part(`${name}-name`, shown));
  chosen.id = `${name}-chosen`;
  list.replaceChildren();
  list.removeAttribute("aria-live");
  for (const [attribute, value] of Object.entries({
    role: "combobox",
    "aria-autocomplete": "list",
    "aria-haspopup": "listbox",
    "aria-expanded": "false",
    "aria-label": picker.dataset.label,
    "aria-controls": list.id,
    "aria-describedby": [chosen.id, picker.getAttribute("aria-describedby")].filter(Boolean).join(" "),
  }))
    field.setAttribute(attribute, value);
  list.setAttribute("role", "listbox");
  list.setAttribute("aria-label", picker.dataset.label);
  list.hidden = true;
  combobox(field, {
    drops: true,
    dress: () => dress(list, name),
    take: ({ dataset }) => put(picker, field, dataset.value, dataset.name, dataset),
  });
  chosen.addEventListener(
    "click",
    ({ target }) => target.closest(".btn-close") && put(picker, field, "", ""),
  );
  field.addEventListener("keydown", ({ key, isComposing }) => {
    if (key === "Backspace" && !isComposing && !field.value && partsOf(picker)[0].value)
      put(picker, field, "", "");
  });
  draw(picker);
}

function look() {
  document.querySelectorAll(`${PICKER}:not(.is-combobox)`).forEach(enhance);
}

document.addEventListener("unsaved:filled", ({ target }) => target.querySelectorAll(PICKER).forEach(draw));
new MutationObserver(look).observe(document.body, { childList: true, subtree: true });
look();

// "Who was it?": the hits are buttons that send what was chosen.
const who = document.querySelector("[data-js-chooser]");
if (who) combobox(who, { drops: false, take: (option) => option.click() });

// Writing a call up by the keyboard: 1 to 9 choose the outcome, + the time of the task, what else is typed
// goes into the note, Enter saves. While it rings, Enter opens who it is. F2 leads from wherever one is to
// the open card, and back. Never while typing elsewhere. The keys go to the card with the focus,
// else to the open one, which shows that they do. A call that ends takes the focus to its card, unless
// the user is busy somewhere else.
const list = document.getElementById("popups");
const tray = document.getElementById("tray");
const FORM = "[data-js-wrapup]";
const WRITES =
  "input:not([type=radio], [type=checkbox]), textarea, select, [contenteditable], dialog[open] *";
const states = new Map();
let left = null;

const isTyping = (element) => Boolean(element?.matches?.(WRITES));
const openCard = () => list.querySelector(".call-card");

function currentForm() {
  const own = document.activeElement.closest?.(`${FORM}, .call-card:has(${FORM})`) ?? openCard();
  return own?.matches(FORM) ? own : (own?.querySelector(FORM) ?? null);
}

function isUntouched(card) {
  const form = card.querySelector(FORM);
  return !form || !(form.elements.note.value || form.querySelector("[name=outcome]:checked"));
}

function isFree() {
  const place = document.activeElement;
  if (place === document.body) return true;
  const card = place.closest(".call-card, .call-row");
  return Boolean(card) && place.matches(".call-card, .call-row, [name=outcome]") && isUntouched(card);
}

function mark() {
  const keyed = isTyping(document.activeElement) ? null : currentForm()?.closest(".call-card");
  for (const card of list.querySelectorAll(".call-card")) card.classList.toggle("has-keys", card === keyed);
}

function goBack() {
  const field = left?.isConnected ? left : null;
  field?.focus();
  return Boolean(field);
}

function reach() {
  const card = openCard() ?? list.querySelector("[data-call-id]");
  if (!card) return false;
  if (!list.contains(document.activeElement)) card.focus();
  else if (!goBack()) document.activeElement.blur();
  return true;
}

function save(event) {
  const form = event.target.form ?? event.target.querySelector(FORM);
  if (!form) return;
  event.preventDefault();
  const card = form.closest(".call-card");
  // There is no outcome yet: what was typed is kept, and the card has the keys again.
  if (card?.dataset.state === "answered") card.focus();
  // A key that is held is pressed once.
  else if (!event.repeat) form.requestSubmit();
}

function choose(event) {
  const outcome = currentForm()?.querySelectorAll("[name=outcome]")[Number(event.key) - 1];
  if (!outcome) return;
  event.preventDefault();
  outcome.focus();
  outcome.click();
}

function look({ detail: { lost } }) {
  const card = openCard();
  const { call, state } = card?.dataset ?? {};
  const isNews = Boolean(card) && states.get(call) !== state;
  states.clear();
  for (const each of list.querySelectorAll("[data-call]")) states.set(each.dataset.call, each.dataset.state);
  // Of what was there when the page came nothing is news, and a tab behind has nobody at its keys.
  const isSeen = tray.dataset.loaded && !document.hidden;
  if (lost && lost === call) card.focus({ preventScroll: true });
  // The next call was answered, or is over already, while somebody wrote the last one up.
  else if (lost && (state === "answered" || (isNews && state === "ended")))
    card.focus({ preventScroll: true });
  else if (lost) goBack();
  else if (isNews && state === "ended" && isSeen && isFree()) card.focus({ preventScroll: true });
  mark();
}

// The page of who rings, or the field for a stranger's name.
function meet(event, card) {
  const place = card.querySelector(".call-card-name a, .call-card-add > .btn-primary");
  if (!place) return;
  event.preventDefault();
  if (!event.repeat) place.click();
}

// The next of the times that the task may be due; after the last one there is none again.
function chooseTime(event) {
  const chips = [...(currentForm()?.querySelectorAll("[name=chip]:not([value=day])") ?? [])];
  if (!chips.length) return;
  event.preventDefault();
  chips[(chips.findIndex((chip) => chip.checked) + 1) % chips.length].click();
}

// The field takes this very key, for it comes after the focus.
function type({ key, target }) {
  const isText = key === "Dead" || (key.length === 1 && !" /".includes(key));
  if (isText && target.matches(".call-card, #popups [name=outcome]")) currentForm()?.elements.note.focus();
}

document.addEventListener("tray:changed", look);
// What was written up takes its card away: one is back where one came from.
document.addEventListener(
  "htmx:finally:request",
  ({
    detail: {
      ctx: { sourceElement },
    },
  }) => {
    if (!sourceElement?.matches?.(FORM)) return;
    if (!sourceElement.isConnected) {
      if (document.activeElement === document.body) goBack();
      return;
    }
    // What is wrong stands below the form, with the name of its field.
    const problem = sourceElement.querySelector("[id$=-problems] [id$=-error]");
    document.getElementById(problem?.id.slice(0, -"-error".length))?.focus();
  },
);
for (const kind of ["focusin", "focusout"]) document.addEventListener(kind, () => setTimeout(mark));
document.addEventListener("focusin", ({ target, relatedTarget }) => {
  if (!list.contains(target)) left = null;
  else if (relatedTarget && !list.contains(relatedTarget)) left = relatedTarget;
});
document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || event.isComposing || event.defaultPrevented) return;
  if (event.key === "F2" && !event.shiftKey) {
    if (reach()) event.preventDefault();
  } else if (event.key === "Enter" && !event.shiftKey) {
    const card = event.target === document.body ? openCard() : event.target;
    if (card?.matches(".call-card[data-state=ringing]")) meet(event, card);
    else if (event.target.matches(`.call-card, ${FORM} textarea`)) save(event);
  } else if (isTyping(event.target)) return;
  else if (/^[1-9]$/.test(event.key)) event.repeat || choose(event);
  else if (event.key === "+") event.repeat || chooseTime(event);
  else type(event);
});

// "New lead" and "Add to existing": the field takes the very next key, so it is not left to the toggle
// event, which comes a moment after the click.
list.addEventListener("click", (event) => {
  const part = event.target.closest("summary")?.closest("details.call-card-add");
  if (!part || part.open) return;
  event.preventDefault();
  part.open = true;
  part.querySelector("input:not([type=hidden])").focus();
});

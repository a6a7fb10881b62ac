// The button that was clicked speaks for the call that it asks for: it turns while the PBX is asked, and says
// "Pick up…" while the own phone rings. What must be confirmed, or cannot be dialled, opens beside it.
import { dialByPhone, stateOfPhone } from "./phone-link.js";

const FORMS = ".call-form, .dialler";
const BUSY = new Set(["outgoing", "incoming", "talking"]);
const ask = document.getElementById("dial-ask");
const buttons = new WeakMap();
// Whose call the own phone rings for, and beside which button something was said last.
let ringing = null;
let anchor = null;
let place = {};

function mark(button, state) {
  if (!button) return;
  const said = button.querySelector(".dial-said") ?? button.appendChild(document.createElement("span"));
  said.className = "dial-said";
  said.textContent = ask.dataset[state] ?? "";
  button.dataset.dialling = state;
  button.setAttribute("aria-busy", "true");
}

function unmark(button) {
  button?.querySelector(".dial-said")?.remove();
  button?.removeAttribute("data-dialling");
  button?.removeAttribute("aria-busy");
}

// One phone rings for one call: as long as the tray has a row for it, the button says so, too.
function follow() {
  if (!ringing) return;
  if (document.querySelector("#dials [data-dial-open]")) return mark(ringing, "ringing");
  unmark(ringing);
  ringing = null;
}

// What is drawn again takes the button's mark away, or the button itself: then the one in its place is meant.
// Where there is none, the box stands in the middle.
function tie() {
  if (!anchor?.isConnected) anchor = standIn() ?? anchor;
  const isThere = Boolean(anchor?.isConnected && anchor.checkVisibility());
  if (isThere) anchor.dataset.dialAnchor = "";
  ask.toggleAttribute("data-adrift", !isThere);
}

function standIn() {
  const { id, number } = place;
  const all = document.getElementById(id)?.querySelectorAll("[data-call-number]") ?? [];
  return [...all].find((button) => button.dataset.callNumber === number);
}

function open(button) {
  anchor?.removeAttribute("data-dial-anchor");
  if (button !== anchor) place = { id: button.closest("[id]")?.id, number: button.dataset.callNumber };
  anchor = button;
  tie();
  ask.showPopover(anchor.isConnected ? { source: anchor } : {});
}

function sayBusy(button) {
  const says = Object.assign(document.createElement("p"), { id: "dial-ask-says", className: "m-0" });
  says.textContent = ask.dataset.phoneBusy;
  ask.replaceChildren(says);
  open(button);
}

const buttonOf = (form, submitter) =>
  ask.contains(form) ? anchor : (submitter ?? form.querySelector("[type=submit]"));

if (ask) {
  // A button whose call is under way asks for no second one.
  document.addEventListener(
    "submit",
    (event) => {
      if (!event.target.matches(FORMS)) return;
      const button = buttonOf(event.target, event.submitter);
      const isBusy = BUSY.has(stateOfPhone());
      if (!isBusy && !event.submitter?.dataset.dialling) return;
      event.preventDefault();
      event.stopImmediatePropagation();
      if (isBusy) sayBusy(button);
    },
    true,
  );
  // While its window is open and idle, the phone in the browser dials.
  document.addEventListener("htmx:config:request", ({ detail: { ctx } }) => {
    if (ctx.sourceElement.matches(FORMS) && stateOfPhone() === "ready") ctx.request.body.set("via", "phone");
  });
  document.addEventListener("htmx:before:request", ({ detail: { ctx } }) => {
    const form = ctx.sourceElement;
    if (!form.matches(FORMS)) return;
    const button = buttonOf(form, ctx.sourceEvent?.submitter);
    buttons.set(ctx, button);
    mark(button, "asking");
    ask.hidePopover();
  });
  document.addEventListener("htmx:finally:request", ({ detail: { ctx } }) => {
    const button = buttons.get(ctx);
    if (!button) return;
    unmark(button);
    const byPhone = ctx.response?.raw.headers.get("Phone-Dial");
    if (byPhone) dialByPhone(byPhone);
    if (ctx.response?.raw.ok) {
      ringing = button;
      button.form?.matches(".dialler") && button.form.reset();
    } else if (ctx.response && ask.childElementCount) open(button);
    follow();
  });
  document.addEventListener("htmx:after:swap", () => {
    follow();
    if (ask.matches(":popover-open")) tie();
  });
}

// Signs in over the page when the server finds that nobody is signed in any more: what is typed stays
// where it is, and what could not be done is done then. The form is that of the sign-in page itself, so
// its rules hold; an account that needs more than a password goes there.
import { addressOf } from "./addresses.js";
import { giveUp } from "./draft-store.js";
import { tell } from "./failures.js";

const PATIENCE_MS = 10_000;
// What the page asks by itself brings no box up: the lamp of live calls tells about that.
const BY_HAND = new Set(["", "click", "submit", "change", "input", "keydown", "look", "write-ups"]);
export const isByHand = ({ sourceEvent }) => BY_HAND.has(sourceEvent?.type ?? "");
const box = Object.assign(document.createElement("dialog"), {
  id: "sign-in-over",
  className: "confirm-dialog",
});
box.setAttribute("aria-labelledby", "sign-in-over-title");
const [hereUrl, signInUrl] = ["account/here", "login"].map(addressOf);
const { user, email } = document.body.dataset;
const waiting = new Set();
// Of nobody the server knows no language but the browser's.
const headers = { "Accept-Language": document.documentElement.lang };
let answer = null;

// Somebody else is signed in: nothing of the page is theirs.
export function leave() {
  giveUp();
  document.body.replaceChildren();
  location.reload();
}

async function ask() {
  try {
    const signal = AbortSignal.timeout(PATIENCE_MS);
    const reply = await fetch(hereUrl, { headers: { "HX-Request": "true" }, signal });
    if (reply.status === 401) return { state: "out" };
    if (!reply.ok) return { state: "unknown" };
    const here = await reply.json();
    return { ...here, state: String(here.user) === user ? "ours" : "other" };
  } catch {
    return { state: "unknown" };
  }
}

// Who is signed in: "ours" for the page's user, "other", "out", or "unknown" when nobody answered.
export const who = async () => (await ask()).state;

// Asks the same, and brings the page up to date when its user has signed in again.
async function look(isNew = false) {
  const { state, token, mark } = await ask();
  if (state !== "ours" || (mark === document.body.dataset.signIn && !isNew)) return state;
  document.body.dataset.signIn = mark;
  document.body.setAttribute("hx-headers:inherited", JSON.stringify({ "X-CSRFToken": token }));
  for (const field of document.querySelectorAll("input[name=csrf_token]")) field.value = token;
  document.dispatchEvent(new CustomEvent("sign-in:renewed", { detail: { mark } }));
  return state;
}

// The token with which the page may write now.
export const token = () => JSON.parse(document.body.getAttribute("hx-headers:inherited"))["X-CSRFToken"];

const parse = (html) => new DOMParser().parseFromString(html, "text/html");

function show(page) {
  const form = page.querySelector("main form:has([type=password])");
  if (!form) return false;
  // The page below may have fields of the same names.
  for (const element of form.querySelectorAll("[id]")) element.id = `over-${element.id}`;
  for (const name of ["for", "aria-describedby", "data-js-reveal"]) {
    for (const element of form.querySelectorAll(`[${name}]`)) {
      element.setAttribute(
        name,
        element
          .getAttribute(name)
          .trim()
          .split(/\s+/)
          .map((id) => `over-${id}`)
          .join(" "),
      );
    }
  }
  for (const field of form.querySelectorAll("[autofocus]")) field.removeAttribute("autofocus");
  form.querySelector("h1")?.remove();
  form.classList.remove("card", "card-md");
  form.elements.email.value ||= email;
  box.querySelector("[data-form]").replaceChildren(form);
  form.elements.password.focus();
  return true;
}

async function settle() {
  const state = await look(true);
  if (state === "other") leave();
  else if (state === "ours") box.close("in");
  else box.dataset.state = "more";
}

async function send(form) {
  const signal = AbortSignal.timeout(PATIENCE_MS);
  const body = new URLSearchParams(new FormData(form));
  const asked = { method: "POST", body, headers, redirect: "manual", signal };
  const reply = await fetch(form.action, asked).catch(() => null);
  box.dataset.state = reply ? "" : "silent";
  if (reply && (reply.type === "opaqueredirect" || !show(parse(await reply.text())))) await settle();
}

function fill({ content }) {
  box.replaceChildren(document.importNode(content, true));
  const { pathname, search } = location;
  box.querySelector("a").search = new URLSearchParams({ next: pathname + search });
  box.dataset.state = "";
  box.returnValue = "";
}

async function open(done) {
  const signal = AbortSignal.timeout(PATIENCE_MS);
  const reply = await fetch(signInUrl, { headers, signal }).catch(() => null);
  if (!reply?.ok) {
    tell("read");
    return done(false);
  }
  const page = parse(await reply.text());
  const template = page.getElementById("sign-in-over-box");
  if (!template) {
    // Another tab was quicker.
    const state = await look(true);
    if (state === "other") leave();
    return done(state === "ours");
  }
  fill(template);
  box.addEventListener("close", () => done(box.returnValue === "in"), { once: true });
  box.showModal();
  return show(page);
}

// Tells whether the page's user is signed in again.
export function signIn() {
  answer ??= new Promise(open).finally(() => {
    answer = null;
  });
  return answer;
}

function again(element, submitter, kind) {
  if (!element.isConnected) return;
  if (element.matches("form")) {
    element.dataset.confirmed = "yes";
    element.requestSubmit(submitter?.isConnected ? submitter : undefined);
    delete element.dataset.confirmed;
  } else if (kind === "click") element.click();
  else htmx.trigger(element, kind);
}

// What leaves the page by itself asks first; what htmx sends finds out.
async function check(form, submitter) {
  form.dataset.checking = "yes";
  let state = await look();
  if (state === "out" && (await signIn())) state = "ours";
  delete form.dataset.checking;
  if (state === "other") leave();
  else if (state === "unknown") tell("write");
  if (state !== "ours") return;
  form.dataset.checked = "yes";
  again(form, submitter);
  delete form.dataset.checked;
}

function onSubmit(event) {
  const form = event.target;
  const isPlain =
    form.getAttribute("method") === "post" && !form.hasAttribute("hx-post") && !form.closest("dialog");
  if (!isPlain || form.dataset.checked) return;
  event.preventDefault();
  event.stopImmediatePropagation();
  if (!form.dataset.checking) check(form, event.submitter);
}

async function onAnswer(event) {
  const { ctx } = event.detail;
  const path = new URL(ctx.hx.redirect ?? "", location.href).pathname;
  if (ctx.response.status !== 401 || path !== signInUrl.pathname) return;
  event.preventDefault();
  document.dispatchEvent(new Event("sign-in:lost"));
  const kind = ctx.sourceEvent?.type ?? "";
  // Two clicks are one wish.
  if (!isByHand(ctx) || waiting.has(ctx.sourceElement)) return;
  waiting.add(ctx.sourceElement);
  const isIn = await signIn();
  waiting.delete(ctx.sourceElement);
  if (isIn) again(ctx.sourceElement, ctx.request.submitter, kind);
}

if (user) {
  document.body.append(box);
  document.addEventListener("submit", onSubmit, true);
  document.addEventListener("htmx:before:response", onAnswer);
  document.addEventListener("click", (event) => {
    if (!event.target.closest("[data-js-sign-in]") || event.ctrlKey || event.metaKey || event.shiftKey)
      return;
    event.preventDefault();
    signIn();
  });
  box.addEventListener("submit", (event) => {
    if (event.target.method !== "post") return;
    event.preventDefault();
    event.stopPropagation();
    send(event.target);
  });
}

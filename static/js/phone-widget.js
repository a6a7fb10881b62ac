// The PBX maker's widget behind one face: start, dial, answer, hang up, mute, tones; and its states in our
// words. Its global names drift between versions, so each is looked for where it was last seen.
const PATIENCE_MS = 15_000;
const LOOK_MS = 100;
const WATCH_MS = 500;
const STATES = {
  outgoing: "outgoing",
  accepted: "outgoing",
  canceling: "outgoing",
  incoming: "incoming",
  confirmed: "talking",
};
const ENDS = new Set(["busy", "rejected", "canceled", "ended", "failed"]);

const api = () => window.zdrmWPhI?.apiWidget ?? window.zdrmWebPhone ?? window.zdrmWebrtcPhone;
const session = () => window.zdrmWebPhone?.webCallSession ?? api()?.webCallSession;

function until(isSo) {
  const { promise, resolve, reject } = Promise.withResolvers();
  const end = performance.now() + PATIENCE_MS;
  const look = () => {
    if (isSo()) resolve();
    else if (performance.now() > end) reject(new Error("no_script"));
    else setTimeout(look, LOOK_MS);
  };
  look();
  return promise;
}

// In their order: the second uses what the first defines.
async function load(scripts) {
  for (const src of scripts) {
    await new Promise((resolve, reject) => {
      const script = Object.assign(document.createElement("script"), { src });
      script.addEventListener("load", resolve);
      script.addEventListener("error", () => reject(new Error("no_script")));
      document.head.append(script);
    });
  }
}

function inOurWords(message, details = {}) {
  if (ENDS.has(message)) return { state: "ready", ended: message };
  const state = STATES[message];
  return state && { state, number: details.dst ?? details.caller ?? "", name: details.callername ?? "" };
}

// What stays in the field is dialled by the next press of the green button. The widget writes into it
// whenever it hears that it calls, also late, of a call that was hung up meanwhile.
function emptyField() {
  for (const field of document.querySelectorAll("#zdrm-webphone-phonenumber-input, .webphone-dialer-input")) {
    field.value = "";
    field.dispatchEvent(new Event("input", { bubbles: true }));
  }
}

// The widget builds its options itself and hands them to this constructor: here its words are overheard.
let isHeard = false;
// Who hangs up before the widget has taken the call in would be connected all the same.
let isUnwanted = false;
let refusal = "";

function overhear(hear) {
  const Original = window.zdrmWebrtcPhoneInterface;
  window.zdrmWebrtcPhoneInterface = function Overheard(options) {
    const { getStatusMessage, callbackEndCall, getSipsCallback } = options;
    options.getSipsCallback = (sips, code, words) => {
      getSipsCallback?.call(options, sips, code, words);
      if (sips?.disabled) refusal = words || String(code);
    };
    options.getStatusMessage = (message, details) => {
      getStatusMessage?.call(options, message, details);
      isHeard = true;
      const told = inOurWords(message, details ?? {});
      if (told) hear(told);
      if (told?.state === "ready") emptyField();
      if (isUnwanted && told?.state === "outgoing") api().cancel?.();
    };
    options.callbackEndCall = (end) => {
      callbackEndCall?.call(options, end);
      emptyField();
      hear({ state: "ready", ended: "ended" });
    };
    return Reflect.construct(Original, [options], Original);
  };
}

// A version that hands its words elsewhere still has them in a property.
function watch(hear) {
  let last = "";
  setInterval(() => {
    const now = api()?.callState ?? "";
    if (isHeard || now === last) return;
    last = now;
    const told = now ? inOurWords(now) : { state: "ready", ended: "ended" };
    if (told) hear(told);
  }, WATCH_MS);
}

// Fails with "no_script", or with "refused" and the PBX's words. It can be started once: a second time takes a reload.
export async function start({ scripts, language }, { key, login }, hear) {
  await load(scripts);
  await until(() => window.zadarmaWidgetFn && window.zdrmWebrtcPhoneInterface);
  overhear(hear);
  // Not "square": there the button that hangs up is hidden, and the other one dials once more.
  window.zadarmaWidgetFn(key, login, "rounded", language, true, { right: "10px", bottom: "5px" });
  await until(() => refusal || api()?.call);
  if (refusal) throw Object.assign(new Error("refused"), { words: refusal });
  watch(hear);
}

// With its plus, else the widget puts the account's country before it. Gives a text when it cannot dial.
export function dial(number) {
  isUnwanted = false;
  return api().call(number);
}

export const answer = () => api().answer();
export const mute = (isMuted) => api().micSwitch?.(isMuted ? "on" : "off");
export const tone = (key) => api().sendDTMF?.(key);

export function hangUp(state) {
  if (state === "talking") {
    session()?.terminate?.();
    api().finishCall?.();
  } else if (state === "incoming") {
    api().finishCall?.();
  } else {
    isUnwanted = true;
    api().cancel?.();
  }
  emptyField();
}

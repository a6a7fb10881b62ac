// Reminds of a call-back that is due, and says that a message came, by a notice of the system, once for the
// whole browser: a notice with the same tag takes the place of the one before. A click leads to the page.
const WAIT_MS = 1_000;
// Another tab may say it before this one hears of it; an hour later it is news again.
const SAID_FOR_MS = 10_000;
const tabs = new BroadcastChannel("ramal-reminded");
const said = new Map();

tabs.addEventListener("message", ({ data }) => said.set(data, Date.now()));
const isSaid = (tag) => Date.now() - (said.get(tag) ?? 0) < SAID_FOR_MS;

async function show(tag, address, page) {
  if (window.Notification?.permission !== "granted") return;
  // A tab that is in front says it, else one of the others does.
  if (document.hidden) await new Promise((go) => setTimeout(go, WAIT_MS * (1 + Math.random())));
  if (isSaid(tag)) return;
  tabs.postMessage(tag);
  const answer = await fetch(address);
  if (!answer.ok) return;
  const { title, text, state, url } = await answer.json();
  if (state === "done") return;
  const notice = new Notification(title, { body: text, tag });
  notice.addEventListener("click", () => {
    window.focus();
    notice.close();
    location.assign(page ?? url);
  });
}

export function remind(id) {
  const page = `${document.body.dataset.callbacks}/${id}`;
  show(`call-back-${id}`, `${page}/reminder`, page);
}

// A message also stands over the page that one looks at.
export function noticeOfMessage(id) {
  const { messages } = document.body.dataset;
  if (!messages) return;
  const address = `${messages}/${id}/notice`;
  show(`message-${id}`, address);
  if (!document.hidden) htmx.ajax("GET", address, { target: "#toasts", swap: "beforeend" });
}

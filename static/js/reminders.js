// Reminds of a call-back that is due by a notice of the system, once for the whole browser: a notice with the
// same tag takes the place of the one before. A click leads to the call-back.
const WAIT_MS = 1_000;
const tabs = new BroadcastChannel("ramal-reminded");
const seen = new Set();

tabs.addEventListener("message", ({ data }) => seen.add(data));

export async function remind(id) {
  if (window.Notification?.permission !== "granted") return;
  seen.delete(id);
  // A tab that is in front says it, else one of the others does.
  if (document.hidden) await new Promise((go) => setTimeout(go, WAIT_MS * (1 + Math.random())));
  if (seen.has(id)) return;
  tabs.postMessage(id);
  const page = `${document.body.dataset.callbacks}/${id}`;
  const answer = await fetch(`${page}/reminder`);
  if (!answer.ok) return;
  const { title, text, state } = await answer.json();
  if (state === "done") return;
  const notice = new Notification(title, { body: text, tag: `call-back-${id}` });
  notice.addEventListener("click", () => {
    window.focus();
    notice.close();
    location.assign(page);
  });
}

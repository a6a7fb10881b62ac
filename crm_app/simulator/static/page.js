"use strict";

// Buttons post in the background and the lists below follow the server;
// without this script the same forms load the page again.
const live = document.querySelector("[data-js-live]");

async function refresh() {
  const answer = await fetch("/live");
  const text = await answer.text();
  if (live.dataset.shown === text || live.contains(document.querySelector("button:active"))) return;
  const focused = document.activeElement?.ariaLabel;
  const fresh = new DOMParser().parseFromString(text, "text/html");
  live.replaceChildren(...fresh.body.childNodes);
  live.dataset.shown = text;
  if (focused) [...live.querySelectorAll("button")].find((key) => key.ariaLabel === focused)?.focus();
}

document.addEventListener("submit", async (event) => {
  event.preventDefault();
  const body = new URLSearchParams(new FormData(event.target, event.submitter));
  fetch(event.target.action, { method: "POST", body, redirect: "manual" }).finally(refresh);
});

async function follow() {
  try {
    await refresh();
    document.body.classList.remove("away");
  } catch {
    document.body.classList.add("away");
  }
  setTimeout(follow, 500);
}

follow();

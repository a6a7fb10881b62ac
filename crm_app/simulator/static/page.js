"use strict";

// Buttons post in the background and the lists below follow the server;
// without this script the same forms load the page again.
const parts = [...document.querySelectorAll("[data-js-live]")];

async function show(part) {
  const answer = await fetch(part.dataset.jsLive);
  const text = await answer.text();
  if (part.dataset.shown === text || part.contains(document.querySelector("button:active"))) return;
  const focused = part.contains(document.activeElement) && document.activeElement.ariaLabel;
  const fresh = new DOMParser().parseFromString(text, "text/html");
  part.replaceChildren(...fresh.body.childNodes);
  part.dataset.shown = text;
  if (focused) [...part.querySelectorAll("button")].find((key) => key.ariaLabel === focused)?.focus();
}

const refresh = () => Promise.all(parts.map(show));

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

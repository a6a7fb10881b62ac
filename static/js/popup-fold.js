// Shows at most three cards, first the one of the call that one is in; a button unfolds the rest.
const MOST = 3;
const ORDER = ["answered", "ringing", "ended", "over"];

const list = document.getElementById("popups");
const more = document.querySelector("[data-js-more]");
let isOpen = false;

function rank(card) {
  // Whoever is typing in a card keeps it.
  if (card.contains(document.activeElement)) return -1;
  return ORDER.indexOf(card.dataset.state);
}

export function arrange() {
  const cards = [...list.querySelectorAll("[data-call-id]")].sort((a, b) => rank(a) - rank(b));
  cards.forEach((card, index) => card.classList.toggle("is-folded", !isOpen && index >= MOST));
  const hidden = cards.length - MOST;
  more.hidden = hidden <= 0;
  more.textContent = isOpen ? more.dataset.fewer : more.dataset.more.replace("#", hidden);
  more.setAttribute("aria-expanded", String(isOpen));
}

more.addEventListener("click", () => {
  isOpen = !isOpen;
  arrange();
});

new MutationObserver(arrange).observe(list, { childList: true });

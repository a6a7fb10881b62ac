// Puts the cards in order, the call that one is in on top, and shows at most three; a button unfolds
// the rest.
const MOST = 3;
const ORDER = ["answered", "ringing", "ended", "over"];

const list = document.getElementById("popups");
const more = document.querySelector("[data-js-more]");
let isOpen = false;
let top = null;

function compare(one, other) {
  const parts = [one, other].map((card) => ORDER.indexOf(card.dataset.state));
  return parts[0] - parts[1] || other.dataset.started - one.dataset.started;
}

function move(card, next) {
  if (list.moveBefore) return list.moveBefore(card, next);
  // Older browsers take the focus from what is moved.
  const focused = card.contains(document.activeElement) ? document.activeElement : null;
  list.insertBefore(card, next);
  return focused?.focus();
}

function keepInSight(cards) {
  if (cards[0] === top) return;
  [top] = cards;
  const field = document.activeElement;
  // Nothing comes before a field that is typed in, not even the call that one is in.
  if (list.contains(field) && field.matches("input[type=text], input[type=search], textarea")) {
    field.scrollIntoView({ block: "nearest" });
  } else list.scrollTop = 0;
}

export function arrange() {
  const cards = [...list.querySelectorAll("[data-call-id]")].sort(compare);
  cards.reduceRight((next, card) => {
    if (card.nextElementSibling !== next) move(card, next);
    return card;
  }, null);
  // Whoever is typing in a card keeps it.
  const isFolded = (card, index) => !isOpen && index >= MOST && !card.contains(document.activeElement);
  cards.forEach((card, index) => card.classList.toggle("is-folded", isFolded(card, index)));
  const hidden = isOpen ? cards.length - MOST : cards.filter(isFolded).length;
  more.hidden = hidden <= 0;
  more.textContent = isOpen ? more.dataset.fewer : more.dataset.more.replace("#", hidden);
  more.setAttribute("aria-expanded", String(isOpen));
  keepInSight(cards);
}

more.addEventListener("click", () => {
  isOpen = !isOpen;
  arrange();
});

new MutationObserver(arrange).observe(list, { childList: true });

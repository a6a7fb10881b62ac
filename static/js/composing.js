// A key that belongs to an input method (Enter takes the Japanese word, arrows walk its list) is no key
// of ours: no handler of the page sees it. Safari ends the composition first, and says 229.
addEventListener(
  "keydown",
  (event) => {
    if (event.isComposing || event.keyCode === 229) event.stopImmediatePropagation();
  },
  true,
);

// Counts the talk time of a card on from the server's count, whatever the clock of this computer says.
const begun = new WeakMap();

function write(seconds) {
  const parts = [Math.floor(seconds / 60), seconds % 60];
  if (parts[0] >= 60) parts.splice(0, 1, Math.floor(parts[0] / 60), parts[0] % 60);
  return parts.map((part, index) => (index ? String(part).padStart(2, "0") : part)).join(":");
}

setInterval(() => {
  for (const place of document.querySelectorAll("[data-js-elapsed]")) {
    const told = place.dataset.jsElapsed;
    if (begun.get(place)?.told !== told) begun.set(place, { told, at: performance.now() });
    const passed = (performance.now() - begun.get(place).at) / 1000;
    place.textContent = write(Math.floor(Number(told) + passed));
  }
}, 1000);

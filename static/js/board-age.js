// Writes on how long something has lasted, from what the server counted: 40 s, 18 min, 2 h 5 min, 3 d 4 h.
const begun = new WeakMap();

function write(seconds) {
  const minutes = Math.floor(seconds / 60);
  const hours = Math.floor(minutes / 60);
  const days = Math.floor(hours / 24);
  if (days) return `${days} d ${hours % 24} h`;
  if (hours) return `${hours} h ${minutes % 60} min`;
  return minutes ? `${minutes} min` : `${seconds} s`;
}

setInterval(() => {
  for (const place of document.querySelectorAll("[data-js-age]")) {
    const told = place.dataset.jsAge;
    if (begun.get(place)?.told !== told) begun.set(place, { told, at: performance.now() });
    const text = write(Math.floor(Number(told) + (performance.now() - begun.get(place).at) / 1000));
    if (place.textContent !== text) place.textContent = text;
  }
}, 1000);

// A button with data-js-copy="#id" copies that element's text or value and says so.
document.addEventListener("click", async (event) => {
  const button = event.target.closest("[data-js-copy]");
  if (!button) return;
  const source = document.querySelector(button.dataset.jsCopy);
  const text = source.value ?? source.textContent.trim();
  try {
    await navigator.clipboard.writeText(text);
  } catch {
    // Without a secure context there is no clipboard: select the text, so that Ctrl-C works.
    source.select?.();
    return;
  }
  button.classList.add("btn-success");
  setTimeout(() => button.classList.remove("btn-success"), 1500);
});

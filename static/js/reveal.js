// A button with data-js-reveal="id" shows what is typed in that password field, or hides it again.
document.addEventListener("click", (event) => {
  const button = event.target.closest("[data-js-reveal]");
  if (!button) return;
  const field = document.getElementById(button.dataset.jsReveal);
  const shown = field.type === "password";
  field.type = shown ? "text" : "password";
  button.setAttribute("aria-pressed", String(shown));
  field.focus();
});

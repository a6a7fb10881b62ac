// Toasts leave after a while, unless the mouse or the focus is on them; data-js-close closes now.
const LIFETIME_MS = 8000;

function arm(toast) {
  if (toast.dataset.jsToast !== "goes" || toast.dataset.armed) return;
  toast.dataset.armed = "yes";
  const leave = () => {
    if (toast.matches(":hover, :focus-within")) setTimeout(leave, LIFETIME_MS);
    else toast.remove();
  };
  setTimeout(leave, LIFETIME_MS);
}

const region = document.getElementById("toasts");
const armAll = () => region.querySelectorAll("[data-js-toast]").forEach(arm);
new MutationObserver(armAll).observe(region, { childList: true });
armAll();

document.addEventListener("click", (event) => {
  const button = event.target.closest("[data-js-close]");
  if (button) button.closest(button.dataset.jsClose.replace("closest ", "")).remove();
});

// A select that acts when somebody has picked a value with the pointer. By keys each arrow would act on the way to
// the value that is wanted: there the button beside it acts.
const PICKED = "select[data-js-picked]";
let keyed = null;

function noteKey(event) {
  if (event.target.matches?.(PICKED)) keyed = event.target;
}

function forgetKey() {
  keyed = null;
}

document.addEventListener("pointerdown", forgetKey, true);
document.addEventListener("keydown", noteKey, true);
document.addEventListener("change", (event) => {
  const select = event.target;
  if (select.matches(PICKED) && select !== keyed) select.form.requestSubmit();
});

// The dialler of the top bar is emptied once its number was accepted; a refused one stays to be corrected.
document.addEventListener("htmx:after:request", (event) => {
  const { ctx } = event.detail;
  const form = ctx?.sourceElement;
  if (form?.matches?.("[data-js-dialler]") && ctx.response?.raw?.ok) form.reset();
});

// The first of the two scripts. It brings in a further one and does not wait for it.
(() => {
  const more = document.createElement("script");
  more.src = new URL("/webphone/js/widget-api.js", document.currentScript.src).href;
  document.head.append(more);
})();

// What somebody types before the scripts are there is searched for, too: the page comes with the focus in
// its field, and the hits come with the first letter that a script hears.
function look() {
  const field = document.activeElement;
  const isSearch = field.getAttribute("hx-trigger")?.split(", ").includes("look");
  if (isSearch && field.value.trim() && field.value !== field.defaultValue)
    field.dispatchEvent(new Event("look"));
}

// htmx listens a moment after the page has come.
addEventListener("load", () => setTimeout(look));

// When a page that opens at one of its parts (/contacts/7#notes) is complete, Chromium takes the focus from
// whoever has begun to type in it meanwhile. They keep it.
function stay({ target, relatedTarget }) {
  if (!relatedTarget) target.focus({ preventScroll: true });
}

if (location.hash) {
  addEventListener("focusout", stay);
  addEventListener("load", () => removeEventListener("focusout", stay));
}

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

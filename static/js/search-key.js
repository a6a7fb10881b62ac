// "/" goes to the search box from anywhere but a field that takes text.
const FIELDS = "input:not([type=radio], [type=checkbox]), textarea, select, [contenteditable]";

document.addEventListener("keydown", (event) => {
  const isTyping = event.target.closest?.(FIELDS);
  const field = document.querySelector("[data-js-search] [role=combobox]");
  if (event.key !== "/" || isTyping || event.ctrlKey || event.metaKey || event.altKey || !field) return;
  event.preventDefault();
  field.select();
});

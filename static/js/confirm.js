// A form with data-js-confirm="question" is sent only after the question box was answered with yes.
const dialog = document.getElementById("confirm");

document.addEventListener(
  "submit",
  (event) => {
    const form = event.target;
    const question = form.dataset.jsConfirm;
    if (!question || form.dataset.confirmed) return;
    event.preventDefault();
    event.stopImmediatePropagation();
    dialog.querySelector("#confirm-question").textContent = question;
    dialog.returnValue = "no";
    dialog.addEventListener(
      "close",
      () => {
        if (dialog.returnValue !== "yes") return;
        form.dataset.confirmed = "yes";
        form.requestSubmit(event.submitter);
        delete form.dataset.confirmed;
      },
      { once: true },
    );
    dialog.showModal();
  },
  true,
);

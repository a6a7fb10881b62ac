// A change that wants the password again (X-Proof-Wanted) was not made, and its form stays as it is:
// the question box asks, and then what was sent is sent once more.
const dialog = document.getElementById("proof");
const form = dialog?.querySelector("form");
const field = form?.querySelector("[name=proof_password]");
const words = form?.querySelector("[data-refusal]");
let again = null;

function refuse(text) {
  words.textContent = text;
  field.classList.toggle("is-invalid", Boolean(text));
  field.toggleAttribute("aria-invalid", Boolean(text));
}

function ask(ctx) {
  const { sourceElement, sourceEvent } = ctx;
  again = () => {
    if (sourceElement.matches("form")) sourceElement.requestSubmit(sourceEvent?.submitter ?? undefined);
    else
      sourceElement.dispatchEvent(
        new Event(sourceEvent?.type ?? "click", { bubbles: true, cancelable: true }),
      );
  };
  refuse("");
  form.reset();
  dialog.showModal();
  field.focus();
}

async function answer(event) {
  event.preventDefault();
  event.stopImmediatePropagation();
  let result = null;
  try {
    result = await fetch(form.action, {
      method: "POST",
      body: new FormData(form),
      headers: { "HX-Request": "true" },
    });
  } catch {
    refuse(form.dataset.lost);
    return;
  }
  if (result.status === 401) {
    location.reload();
  } else if (result.ok) {
    dialog.close();
    again();
  } else {
    refuse(result.status === 422 ? await result.text() : form.dataset.lost);
    field.select();
  }
}

if (dialog) {
  form.addEventListener("submit", answer, true);
  form.querySelector("[data-js-proof-cancel]").addEventListener("click", () => dialog.close());
  document.addEventListener("htmx:finally:request", ({ detail: { ctx } }) => {
    if (ctx.response?.headers.get("X-Proof-Wanted")) ask(ctx);
  });
}

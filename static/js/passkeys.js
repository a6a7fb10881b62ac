// A form with data-js-passkey="create" or "get" asks the server (data-options) what to sign, lets the
// browser make or use a passkey, and is sent with the answer in its field `credential`.
const toBytes = (text) =>
  Uint8Array.from(atob(text.replace(/-/g, "+").replace(/_/g, "/")), (sign) => sign.charCodeAt(0));
const toText = (buffer) =>
  btoa(String.fromCharCode(...new Uint8Array(buffer)))
    .replace(/\+/g, "-")
    .replace(/\//g, "_")
    .replace(/=+$/, "");
const PARTS = ["clientDataJSON", "attestationObject", "authenticatorData", "signature", "userHandle"];

function decode(options) {
  options.challenge = toBytes(options.challenge);
  if (options.user) options.user.id = toBytes(options.user.id);
  for (const list of [options.excludeCredentials, options.allowCredentials]) {
    for (const credential of list ?? []) credential.id = toBytes(credential.id);
  }
  return options;
}

function encode(credential) {
  const response = {};
  for (const part of PARTS) if (credential.response[part]) response[part] = toText(credential.response[part]);
  const { id, type } = credential;
  return JSON.stringify({ id, rawId: toText(credential.rawId), type, response, clientExtensionResults: {} });
}

async function ask(form) {
  const headers = { "X-CSRFToken": form.elements.csrf_token.value };
  const reply = await fetch(form.dataset.options, { method: "POST", headers });
  if (!reply.ok) throw new Error(String(reply.status));
  const publicKey = decode(await reply.json());
  const ways = navigator.credentials;
  return form.dataset.jsPasskey === "create" ? ways.create({ publicKey }) : ways.get({ publicKey });
}

async function onSubmit(event) {
  const form = event.target.closest("form[data-js-passkey]");
  if (!form) return;
  event.preventDefault();
  event.stopImmediatePropagation();
  const [button, words] = [form.querySelector("[type=submit]"), form.querySelector("[data-refusal]")];
  words.textContent = "";
  button.disabled = true;
  try {
    form.elements.credential.value = encode(await ask(form));
    form.submit();
  } catch {
    // Cancelled, timed out, or a passkey of this device is there already: browsers do not say which.
    words.textContent = form.dataset.refused;
    button.disabled = false;
  }
}

if (window.PublicKeyCredential) {
  for (const part of document.querySelectorAll("[data-js-passkeys]")) part.hidden = false;
  // On the window, to be before what looks at every form of the document.
  window.addEventListener("submit", onSubmit, true);
}

// The other pages' end of the phone in the browser (static/js/phone.js): the lamp in the top bar shows its
// state, and a click on a number goes to its window while that is open.
const lamp = document.getElementById("phone-lamp");
const name = `ramal-phone-${document.body.dataset.user}`;
const SIZE = "popup,width=420,height=640";
const channel = lamp && new BroadcastChannel(name);
let isFollowed = false;

export const stateOfPhone = () => lamp?.dataset.phoneState ?? "closed";

export const dialByPhone = (number) => channel.postMessage({ kind: "dial", number });

function show(state) {
  lamp.dataset.phoneState = state;
  const words =
    lamp.dataset[state.replace(/_(\w)/g, (_, letter) => letter.toUpperCase())] ?? lamp.dataset.closed;
  lamp.title = words;
  lamp.querySelector(".phone-lamp-words").textContent = words;
}

// A window that crashed says nothing: but then its lock is free.
function follow() {
  if (isFollowed || !navigator.locks) return;
  isFollowed = true;
  navigator.locks.request(name, { mode: "shared" }, () => {
    isFollowed = false;
    show("closed");
  });
}

if (lamp) {
  channel.addEventListener("message", ({ data }) => {
    if (data.kind !== "state") return;
    show(data.state);
    if (data.state !== "closed") follow();
  });
  channel.postMessage({ kind: "hello" });
  lamp.addEventListener("click", (event) => {
    event.preventDefault();
    // A window that is open must not be loaded again: that would end its call.
    if (stateOfPhone() === "closed") window.open(lamp.href, name, SIZE);
    else channel.postMessage({ kind: "show" });
  });
}

// The phone itself: a look of its own, and a controller under the names of the maker's. Like the maker's it
// cannot be started twice, dials a number without a plus inside the country, ends a ringing call by cancel()
// and a connected one only by its session, and in the shape "square" hides the button that hangs up.
(() => {
  const home = new URL("/", document.currentScript.src).href;
  const EVERY_MS = 300;
  const COUNTRY = "+351";

  function draw(options) {
    const box = document.createElement("div");
    box.className = "webphone";
    Object.assign(box.style, { position: "fixed", ...options.position });
    box.innerHTML =
      '<input class="webphone-dialer-input" aria-label="Number"><span class="webphone-button-container">' +
      '<button type="button" class="webphone-call">Call</button>' +
      '<button type="button" class="webphone-hangup">End</button></span><span class="webphone-error"></span>';
    box.querySelector(".webphone-hangup").hidden = options.form === "square";
    document.body.append(box);
    return box;
  }

  window.zdrmWebrtcPhoneInterface = function Phone(options) {
    const box = draw(options);
    const input = box.querySelector(".webphone-dialer-input");
    const who = { key: options.key, sip: options.sip };
    let call = null;

    const press = async (action, more = {}) => {
      const body = new URLSearchParams({ ...who, ...more });
      const answer = await fetch(`${home}webphone/${action}`, { method: "POST", body });
      if (answer.ok) follow(await answer.json());
    };

    const endings = { busy: "busy", cancel: "canceled", "no answer": "canceled" };

    function follow(now) {
      const before = call;
      if (now.state && (now.state !== before?.state || now.id !== before?.id)) {
        call = now;
        phone.callState = now.state;
        options.getStatusMessage(now.state, { dst: now.number, caller: now.number, callername: now.name });
      }
      if (now.state || !before) return;
      call = null;
      const ending = before.state === "incoming" ? "canceled" : endings[now.ended];
      phone.callState = ending ?? "";
      if (ending && before.state !== "confirmed") options.getStatusMessage(ending, {});
      else options.callbackEndCall({ type: before.state, duration: 0 });
    }

    const phone = {
      callState: "",
      call(number) {
        if (!/^\+?[0-9]{3,15}$/.test(number)) return "Wrong number";
        press("call", { number: number.startsWith("+") ? number : COUNTRY + number });
      },
      answer: () => press("answer"),
      // Refuses a call that rings; of one that is connected it only clears the look away.
      finishCall: () => call?.state === "incoming" && press("hangup"),
      cancel: () => call && call.state !== "confirmed" && press("hangup"),
      micSwitch: (isOn) => {
        box.dataset.muted = isOn;
      },
      sendDTMF: (key) => {
        box.dataset.tones = (box.dataset.tones ?? "") + key;
      },
      regToCall: () => {},
      regToCancel: () => {},
      unreg: () => press("unregister"),
      webCallSession: { terminate: () => call && press("hangup") },
    };

    box.querySelector(".webphone-call").addEventListener("click", () => {
      if (call?.state === "incoming") phone.answer();
      else if (input.value) phone.call(input.value);
    });
    box.querySelector(".webphone-hangup").addEventListener("click", () => press("hangup"));

    window.zdrmTraded = ({ status, message }) => {
      if (status !== "success") return options.getSipsCallback({ disabled: true }, 404, message);
      window.zdrmWebPhone = phone;
      window.zdrmWPhI = { apiWidget: phone, status: "wait" };
      press("register");
      setInterval(() => press("state"), EVERY_MS);
      // Who leaves the page hangs up.
      addEventListener("pagehide", () => {
        navigator.sendBeacon(`${home}webphone/unregister`, new URLSearchParams(who));
      });
    };
    const trade = document.createElement("script");
    trade.src = `${home}sys/webrtc/get_webphone_data.php?${new URLSearchParams({ ...who, type: options.type, callback: "zdrmTraded" })}`;
    document.head.append(trade);
  };
})();

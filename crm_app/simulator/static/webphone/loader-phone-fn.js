// The second of the two scripts: it builds the options and hands them to the first one's constructor.
window.zadarmaWidgetFn = (key, sip, shape, language, fixed, position) => {
  const options = {
    type: "site",
    key,
    sip,
    language,
    fixed,
    position,
    form: shape,
    getSipsCallback: (sips, code, text) => {
      if (sips.disabled) document.querySelector(".webphone-error").textContent = `${code}: ${text}`;
    },
    getStatusMessage: (message, details) => {
      document.querySelector(".webphone").dataset.status = message;
      if (message === "incoming" || message === "outgoing") {
        document.querySelector(".webphone-dialer-input").value = details.caller ?? details.dst;
      }
    },
    callbackGetPrice: () => {},
    callbackEndCall: () => {
      document.querySelector(".webphone").dataset.status = "";
    },
  };
  window.zdrmWebrtcPhone = new window.zdrmWebrtcPhoneInterface(options);
};

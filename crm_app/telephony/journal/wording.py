"""The words of the journal: kinds of facts, and what would follow from one."""

from typing import Any

from flask_babel import lazy_gettext as _l

from crm_app.calls.fold.facts import FactKind

KINDS: dict[str, Any] = {
    FactKind.STARTED: _l("Incoming call"),
    FactKind.RANG: _l("A phone rings"),
    FactKind.STOPPED_RINGING: _l("A phone stops ringing"),
    FactKind.ANSWERED: _l("Answered"),
    FactKind.ENDED: _l("Incoming call ended"),
    FactKind.OUTGOING_STARTED: _l("Outgoing call"),
    FactKind.OUTGOING_ENDED: _l("Outgoing call ended"),
    FactKind.MENU: _l("Keys pressed in a menu"),
    FactKind.RECORDED: _l("Recording ready"),
    FactKind.REFUSED: _l("Refused by us"),
    FactKind.DIALLED: _l("Call from Ramal"),
    FactKind.SWEPT: _l("Closed without an end"),
    FactKind.LISTED: _l("From the statistics"),
}
FOLLOWS: dict[str, Any] = {
    "call_back": _l("a call-back is made"),
    "no_call_back": _l("the call-back is withdrawn"),
    "talked": _l("open call-backs of this client are closed"),
    "recorded": _l("the recording is fetched"),
    "tried": _l("the try to reach this client is counted"),
    "new_client": _l("the caller is added as a client"),
}

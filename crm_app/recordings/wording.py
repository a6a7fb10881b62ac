"""The words for recordings: their states, why there is no sound, what both ends answered."""

from typing import Any

from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l

from crm_app import clock
from crm_app.recordings.models import Recording, State
from crm_app.web.display.formatting import clock_time, when

# Why a recording is not here yet, or never will be.
REASONS: dict[str, Any] = {
    "": _l("The PBX is preparing it."),
    "not_there": _l("The PBX does not have it yet."),
    "gone": _l("The PBX does not have it, or no longer."),
    "wrong_id": _l("The PBX gave a wrong number for it."),
    "refused": _l("The PBX refused to give it."),
    "bad_link": _l("The PBX named an address that is not its own."),
    "not_audio": _l("What the PBX gave is no sound."),
    "empty": _l("What the PBX gave has no sound in it."),
    "too_large": _l("It is too large."),
    "disk_full": _l("The disk is full."),
    "store": _l("The place where recordings are kept cannot be reached."),
    "busy": _l("The PBX takes no more requests at the moment."),
    "unreachable": _l("The PBX cannot be reached."),
    "not_connected": _l("The telephony is not connected."),
    "switched_off": _l("Copies of recordings are switched off."),
}
# What one end answered when a recording was deleted.
ANSWERS: dict[str, Any] = {
    "": _l("not answered yet"),
    "deleted": _l("deleted"),
    "nothing": _l("nothing was there"),
    "refused": _l("refused"),
    "store": _l("the place where recordings are kept cannot be reached"),
    "busy": _l("too many requests"),
    "unreachable": _l("cannot be reached"),
    "not_connected": _l("the telephony is not connected"),
    "wrong_id": _l("it gave no number by which it could be deleted"),
}
STATES: dict[str, Any] = {
    "ready": (_l("Ready"), "green"),
    "pending": (_l("On its way"), "azure"),
    "failed": (_l("Not available"), "red"),
    "deleted": (_l("Deleted"), "secondary"),
}
KINDS: dict[str, Any] = {"listened": _l("Listened"), "downloaded": _l("Downloaded")}
REACHES: dict[str, Any] = {
    "nobody": _l("No calls"),
    "own": _l("Calls in which they talked"),
    "team": _l("Calls of their team"),
    "all": _l("All calls"),
}
SPEECH: dict[str, Any] = {
    "pending": _l("What was said has not been recognised yet."),
    "failed": _l("The PBX could not recognise what was said."),
    "not_started": _l("Nobody has started the recognition, which the PBX charges for."),
    "none": _l("The PBX recognises nothing in this recording."),
}


def sentence(recording: Recording) -> str:
    """Say why a recording cannot be played; "" when it can."""
    why: str = str(REASONS.get(recording.reason, recording.reason))
    if recording.state == State.PENDING:
        # While others of its kind wait for the PBX, it is tried after them.
        if recording.next_try_at is None or recording.next_try_at <= clock.now():
            return why
        return why + " " + str(_("Next try at %(time)s.", time=clock_time(recording.next_try_at)))
    if recording.state == State.FAILED:
        return why
    if recording.state == State.DELETED:
        return _deleted(recording)
    return ""


def _deleted(recording: Recording) -> str:
    at = when(recording.deleted_at)
    if recording.deleted_by is not None:
        return str(_("%(name)s deleted it, %(time)s.", name=recording.deleted_by.name, time=at))
    return str(_("Its time was over: deleted %(time)s.", time=at))


def receipt(recording: Recording) -> str:
    """Say what both ends answered when a recording was deleted."""
    here = str(ANSWERS.get(recording.here_answer, recording.here_answer))
    there = str(ANSWERS.get(recording.pbx_answer, recording.pbx_answer))
    return str(_("Here: %(here)s. In the PBX: %(there)s.", here=here, there=there))

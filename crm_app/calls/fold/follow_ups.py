"""What follows from a call, decided from what it was before a fact and what it is with it.

A follow-up is written in the transaction of the fact and performed soon after. Facts that arrive
late can contradict a follow-up that was written before them, so the handler of one looks at the
call as it is then.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

from crm_app.calls.fold.facts import CallPhase, Direction
from crm_app.calls.fold.lifecycle import CallState

# The last is a talk whose end we never heard.
TALKED = ("talking", "answered", "unfinished")


class FollowUpKind(StrEnum):
    """What is to be done about a call."""

    # A client rang, nobody talked with them, and it is known who it was or from which number.
    CALL_BACK = "call_back"
    # It turned out that it is no such call, after it had looked like one: it was refused.
    NO_CALL_BACK = "no_call_back"
    # Somebody talks with a client, whichever side called.
    TALKED = "talked"
    # A colleague called a client, and it came to no talk.
    TRIED = "tried"
    # A caller talked with us or was missed, and no contact has the number.
    NEW_CLIENT = "new_client"
    # There is a recording of it: one that is named, or one of which only that is known.
    RECORDED = "recorded"


@dataclass(frozen=True, slots=True)
class FollowUp:
    """One thing to do about one call, once; `about` is one of several of its kind."""

    kind: FollowUpKind
    pbx_call_id: str
    about: str = ""

    @property
    def key(self) -> str:
        """Its name among all that is owed; of the call alone, so that two calls never wait."""
        return ":".join(filter(None, (self.kind, self.pbx_call_id, self.about)))

    @property
    def payload(self) -> dict[str, str]:
        """What its handler has to know."""
        about = {"about": self.about} if self.about else {}
        return {"call": self.pbx_call_id, **about}


def follow_ups(
    before: CallState | None, after: CallState, *, has_contact: bool = False
) -> list[FollowUp]:
    """What follows from a call now and did not before; `before` is None for a new call.

    `has_contact` is whether somebody is attached to it: a hidden caller is a client then, too. Of
    another number everything follows afresh.
    """
    known = _of(before, has_contact) if before is not None and _is_same(before, after) else []
    now = _of(after, has_contact)
    if before is not None and deserves_call_back(before, has_contact=has_contact) and not now:
        return [FollowUp(FollowUpKind.NO_CALL_BACK, after.pbx_call_id)]
    return [follow_up for follow_up in now if follow_up not in known]


def _is_same(before: CallState, after: CallState) -> bool:
    """Whether what followed before still does: for the same number, missed or not missed."""
    is_same_number = before.outside_number == after.outside_number
    return is_same_number and before.is_missed == after.is_missed


def recorded(before: CallState | None, after: CallState) -> list[FollowUp]:
    """Which recordings are known now and were not before; calls with colleagues have them, too."""
    known = set() if before is None else _recordings(before)
    return [
        FollowUp(FollowUpKind.RECORDED, after.pbx_call_id, name)
        for name in sorted(_recordings(after) - known)
    ]


def _recordings(call: CallState) -> set[str]:
    """Name the recordings of a call, with "" for those that there are or may be without a name.

    A colleague who gets a call from another has a file of their own, which its end does not name.
    """
    is_internal = call.direction is Direction.INTERNAL
    at_least = max(1, len(call.participants) - is_internal)
    has_more = call.is_recorded and len(call.recordings) < at_least
    return {*call.recordings, ""} if has_more else set(call.recordings)


def deserves_call_back(call: CallState, *, has_contact: bool = False) -> bool:
    """Whether a call of these days was missed, and it is known whom to call back."""
    return call.is_missed and _is_with_client(call, has_contact)


def _is_with_client(call: CallState, has_contact: bool) -> bool:
    if call.is_stale or call.is_history or call.is_nobodys:
        return False
    return has_contact or bool(call.outside_number)


def _of(call: CallState, has_contact: bool) -> list[FollowUp]:
    return [FollowUp(kind, call.pbx_call_id) for kind in _kinds(call, has_contact)]


def _kinds(call: CallState, has_contact: bool) -> Iterator[FollowUpKind]:
    if deserves_call_back(call, has_contact=has_contact):
        yield FollowUpKind.CALL_BACK
    elif not _is_with_client(call, has_contact) or call.is_own_leg:
        return
    elif call.status in TALKED:
        yield FollowUpKind.TALKED
    elif _is_vain_try(call):
        yield FollowUpKind.TRIED
    else:
        return
    if call.direction is Direction.INBOUND and call.outside_number and not has_contact:
        yield FollowUpKind.NEW_CLIENT


def _is_vain_try(call: CallState) -> bool:
    """Whether one of us called and it is over; the PBX verifies numbers without a colleague."""
    is_over = call.phase is CallPhase.ENDED
    return is_over and call.direction is Direction.OUTBOUND and bool(call.placed_by)

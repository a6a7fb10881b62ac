"""What speaks against a dial request before anything is written down or the PBX is asked."""

import contextlib
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, exists, or_, select

from crm_app import clock, phone_numbers
from crm_app.accounts.models import User
from crm_app.accounts.rights import Verb, allowed, find, sees_everything
from crm_app.callbacks import services as call_backs
from crm_app.callbacks.models import CallBack, CallBackEvent
from crm_app.calls.fold.facts import CallPhase, Direction
from crm_app.calls.models import Call
from crm_app.contacts.models import Contact, ContactPhone
from crm_app.contacts.numbers.caller import find_callers
from crm_app.errors import InvalidInputError, NotFoundError
from crm_app.extensions import db
from crm_app.phone_pairs import forms_of
from crm_app.telephony.dialling.models import PENDING_STATES, WAITS_FOR, DialRequest
from crm_app.telephony.dialling.services import NewDialRequest
from crm_app.telephony.models import TelephonySettings


@dataclass(frozen=True, slots=True)
class Reason:
    """Something to know before a client is called: who does what since when."""

    code: str
    who: str = ""
    since: datetime | None = None


def read_number(asked: NewDialRequest) -> str:
    """Return the number in E.164; raises InvalidInputError for what was typed wrongly."""
    try:
        number = phone_numbers.read_known(asked.number, asked.country, _reported(asked)).number
    except InvalidInputError as error:
        raise InvalidInputError(error.code, "number") from error
    # The PBX cannot connect the office with itself.
    is_own_line = db.session.scalar(select(exists().where(Call.did == number)))
    if is_own_line or number == asked.extension:
        raise InvalidInputError("number_own", "number")
    return number


def ask_first(asked: NewDialRequest, number: str) -> None:
    """Raise InvalidInputError for what the user must confirm.

    That is do_not_call, in_call, in_talk, in_dial, held, or confirm_dialling where every call is
    asked for twice.

    The error holds the `number`, and in `who` and `since` the colleague who talks with that client,
    on whichever of their numbers, who is calling them, or who has taken their call-back. `also` is
    what else there is to know: more such reasons.
    """
    if asked.is_confirmed:
        return
    callers = find_callers(db.session.connection(), number)
    user = db.session.get_one(User, asked.user_id)
    contact_id = callers[0].contact_id if len(callers) == 1 else asked.contact_id
    holds = _who_holds(user, number, contact_id)
    numbers = _numbers_of(number, contact_id)
    talks = _who_talks(user, numbers, contact_id) or _who_dials(user, numbers, contact_id)
    known = [reason for reason in (holds, talks) if reason is not None]
    if any(caller.do_not_call for caller in callers):
        raise InvalidInputError("do_not_call", "confirm", number=number, also=known)
    if known:
        asks = known.pop()
        raise InvalidInputError(
            asks.code, "confirm", number=number, who=asks.who, since=asks.since, also=known
        )
    if TelephonySettings.current().switches.is_on("confirm_dialling"):
        raise InvalidInputError("confirm_dialling", "confirm", number=number)


def take_call_back(asked: NewDialRequest) -> CallBackEvent | None:
    """Take the call-back that the call is for; of one that a colleague has, nothing changes.

    The user has been asked before. Gives the event; None for what was theirs before, or is not.
    """
    if asked.call_back_id is None:
        return None
    user = db.session.get_one(User, asked.user_id)
    with contextlib.suppress(NotFoundError):
        try:
            return call_backs.take_to_call(asked.call_back_id, user)
        except InvalidInputError as error:
            if error.code == "taken" and not asked.is_confirmed:
                # Somebody was quicker since we looked.
                raise _held(str(error.details["who"]), error.details["since"], asked) from error
    return None


def _numbers_of(number: str, contact_id: int | None) -> set[str]:
    """List all numbers of a client, one of which is to be called, as the PBX may write them."""
    theirs = select(ContactPhone.number).where(ContactPhone.contact_id == contact_id)
    found = {number, *(db.session.scalars(theirs) if contact_id is not None else ())}
    return set(forms_of(*found))


def _who_talks(user: User, numbers: set[str], contact_id: int | None) -> Reason | None:
    is_client: ColumnElement[bool] = Call.outside_number.in_(numbers)
    if contact_id is not None:
        is_client = or_(is_client, Call.contact_id == contact_id)
    # Who may not see a call must not hear of it in this way either.
    call = db.session.scalar(
        allowed(user, Call, Verb.VIEW)
        .where(
            Call.phase != CallPhase.ENDED,
            is_client,
            Call.is_own_leg.is_(False),
            # Who rings at ours and is not answered may be called.
            or_(Call.talking_user_id.is_not(None), Call.direction == Direction.OUTBOUND),
        )
        .order_by(Call.talking_user_id.is_(None), Call.id.desc())
        .limit(1)
    )
    if call is None:
        return None
    if call.talking_user_id is None:
        # The phone of who calls rings, or the client's does.
        return _by("in_dial", call.user_id, call.started_at, user)
    return _by("in_talk", call.talking_user_id, call.answered_at or call.started_at, user)


def _by(code: str, who_id: int | None, since: datetime, user: User) -> Reason:
    """Name the colleague who does something; where it is nobody else, there is just a call."""
    if who_id is None or who_id == user.id:
        return Reason("in_call")
    return Reason(code, db.session.get_one(User, who_id).name, since)


def _who_dials(user: User, numbers: set[str], contact_id: int | None) -> Reason | None:
    """Find the colleague whose phone rings for this client, before the PBX reports a call."""
    if not sees_everything(user) and find(Contact, contact_id, user, Verb.VIEW) is None:
        return None
    is_client: ColumnElement[bool] = DialRequest.number.in_(numbers)
    if contact_id is not None:
        is_client = or_(is_client, DialRequest.contact_id == contact_id)
    dial = db.session.scalar(
        select(DialRequest)
        .where(
            DialRequest.state.in_(PENDING_STATES),
            DialRequest.created_at > clock.now() - WAITS_FOR,
            is_client,
            DialRequest.user_id != user.id,
        )
        .order_by(DialRequest.id.desc())
        .limit(1)
    )
    return Reason("in_dial", dial.user.name, dial.created_at) if dial is not None else None


def _who_holds(user: User, number: str, contact_id: int | None) -> Reason | None:
    found = call_backs.open_for(contact_id, number)
    row = find(CallBack, found.id if found else None, user, Verb.VIEW)
    if row is None or row.taken_by is None or row.taken_by_id == user.id:
        return None
    return Reason("held", row.taken_by.name, row.taken_at)


def _held(who: str, since: object, asked: NewDialRequest) -> InvalidInputError:
    return InvalidInputError("held", "confirm", number=asked.number, who=who, since=since)


def _reported(asked: NewDialRequest) -> list[str]:
    """Return the number that a button holds if it came from the PBX or is stored with a contact."""
    number = asked.number.strip()[:40]
    is_known = or_(
        exists().where(Call.outside_number == number),
        exists().where(ContactPhone.number == number),
    )
    return [number] if number and db.session.scalar(select(is_known)) else []

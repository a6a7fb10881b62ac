"""What speaks against a dial request before anything is written down or the PBX is asked."""

import contextlib

from sqlalchemy import exists, or_, select

from crm_app import phone_numbers
from crm_app.accounts.models import User
from crm_app.accounts.rights import Verb, allowed, find
from crm_app.callbacks import services as call_backs
from crm_app.callbacks.models import CallBack
from crm_app.calls.fold.facts import CallPhase, Direction
from crm_app.calls.models import Call
from crm_app.contacts.models import ContactPhone
from crm_app.contacts.numbers.caller import find_callers
from crm_app.errors import InvalidInputError, NotFoundError
from crm_app.extensions import db
from crm_app.telephony.dialling.services import NewDialRequest
from crm_app.telephony.models import TelephonySettings


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

    That is do_not_call, in_call, in_talk, held, or confirm_dialling where every call is asked for
    twice.

    The error holds the `number`, and in `who` and `since` the colleague who talks with that client,
    on whichever of their numbers, or who has taken their call-back.
    """
    if asked.is_confirmed:
        return
    callers = find_callers(db.session.connection(), number)
    if any(caller.do_not_call for caller in callers):
        raise InvalidInputError("do_not_call", "confirm", number=number)
    user = db.session.get_one(User, asked.user_id)
    contact_id = callers[0].contact_id if len(callers) == 1 else asked.contact_id
    _ask_who_talks(user, number, contact_id)
    _ask_who_holds(user, number, contact_id)
    if TelephonySettings.current().switches.is_on("confirm_dialling"):
        raise InvalidInputError("confirm_dialling", "confirm", number=number)


def take_call_back(asked: NewDialRequest) -> None:
    """Take the call-back that the call is for; of one that a colleague has, nothing changes.

    The user has been asked before.
    """
    if asked.call_back_id is None:
        return
    user = db.session.get_one(User, asked.user_id)
    with contextlib.suppress(NotFoundError):
        try:
            call_backs.take(asked.call_back_id, user)
        except InvalidInputError as error:
            if error.code == "taken" and not asked.is_confirmed:
                # Somebody was quicker since we looked.
                raise _held(str(error.details["who"]), error.details["since"], asked) from error


def _ask_who_talks(user: User, number: str, contact_id: int | None) -> None:
    is_client = Call.outside_number == number
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
        return
    talks = call.talking_user_id
    if talks is None or talks == user.id:
        raise InvalidInputError("in_call", "confirm", number=number)
    who = db.session.get_one(User, talks).name
    since = call.answered_at or call.started_at
    raise InvalidInputError("in_talk", "confirm", number=number, who=who, since=since)


def _ask_who_holds(user: User, number: str, contact_id: int | None) -> None:
    found = call_backs.open_for(contact_id, number)
    row = find(CallBack, found.id if found else None, user, Verb.VIEW)
    if row is not None and row.taken_by is not None and row.taken_by_id != user.id:
        raise InvalidInputError(
            "held", "confirm", number=number, who=row.taken_by.name, since=row.taken_at
        )


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

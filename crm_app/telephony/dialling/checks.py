"""What speaks against a dial request before anything is written down or the PBX is asked."""

from sqlalchemy import exists, or_, select

from crm_app import phone_numbers
from crm_app.accounts.models import User
from crm_app.accounts.rights import Verb, allowed
from crm_app.calls.fold.facts import CallPhase, Direction
from crm_app.calls.models import Call
from crm_app.contacts.models import ContactPhone
from crm_app.contacts.numbers.caller import find_callers
from crm_app.errors import InvalidInputError
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

    That is do_not_call, in_call, in_talk, or confirm_dialling where every call is asked for twice.

    The error holds the `number`, and in `who` the colleague who talks with the client.
    """
    if asked.is_confirmed:
        return
    callers = find_callers(db.session.connection(), number)
    if any(caller.do_not_call for caller in callers):
        raise InvalidInputError("do_not_call", "confirm", number=number)
    user = db.session.get_one(User, asked.user_id)
    # Who may not see a call must not hear of it in this way either.
    call = db.session.scalar(
        allowed(user, Call, Verb.VIEW)
        .where(
            Call.phase != CallPhase.ENDED,
            Call.outside_number == number,
            Call.is_own_leg.is_(False),
            # Who rings at ours and is not answered may be called.
            or_(Call.talking_user_id.is_not(None), Call.direction == Direction.OUTBOUND),
        )
        .order_by(Call.talking_user_id.is_(None), Call.id.desc())
        .limit(1)
    )
    if call is None:
        if TelephonySettings.current().switches.is_on("confirm_dialling"):
            raise InvalidInputError("confirm_dialling", "confirm", number=number)
        return
    talks = call.talking_user_id
    if talks is None or talks == user.id:
        raise InvalidInputError("in_call", "confirm", number=number)
    who = db.session.get_one(User, talks).name
    raise InvalidInputError("in_talk", "confirm", number=number, who=who)


def _reported(asked: NewDialRequest) -> list[str]:
    """Return the number that a button holds if it came from the PBX or is stored with a contact."""
    number = asked.number.strip()[:40]
    is_known = or_(
        exists().where(Call.outside_number == number),
        exists().where(ContactPhone.number == number),
    )
    return [number] if number and db.session.scalar(select(is_known)) else []

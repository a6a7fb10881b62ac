"""A dial request from the click to the PBX's answer: a conversation in committed steps.

The API must never be asked inside a transaction, so this is no verb: it commits between its steps.
"""

from collections.abc import Callable

import structlog

from crm_app import clock
from crm_app.extensions import db
from crm_app.telephony import services as office
from crm_app.telephony.dialling import checks, services
from crm_app.telephony.dialling.models import DialState
from crm_app.telephony.dialling.services import NewDialRequest
from crm_app.telephony.models import TelephonySettings
from crm_app.telephony.zadarma.client import ZadarmaClient
from crm_app.telephony.zadarma.errors import ErrorCode, ZadarmaError

# A balance of a minute ago is good enough to say that there is no money.
_BALANCE_IS_NEWS_FOR_SECONDS = 60
log = structlog.get_logger(__name__)


def place(asked: NewDialRequest, client: ZadarmaClient | None) -> int:
    """Connect a user with a number; returns the id of the dial request, whatever its result.

    Nothing is dialled twice: the same request, made again while the first is open, is the first.
    What was typed wrongly, must be confirmed, or comes while the phone rings for another request
    is none: InvalidInputError says why.
    """
    number = checks.read_number(asked)
    if not asked.extension:
        return _refuse(asked, number, "no_extension")
    if client is None:
        return _refuse(asked, number, "not_connected")
    checks.ask_first(asked, number)
    return _place(asked, number, client)


def place_test(user_id: int, extension: str, number: str, client: ZadarmaClient | None) -> int:
    """Connect a user with a service of the PBX, as a test; returns the id of the dial request.

    Raises InvalidInputError (already_ringing) while the phone rings for another request.
    """
    asked = NewDialRequest(user_id, extension, number, country="", is_confirmed=True)
    if not extension:
        return _refuse(asked, number, "no_extension")
    if client is None:
        return _refuse(asked, number, "not_connected")
    return _place(asked, number, client)


def _place(asked: NewDialRequest, number: str, client: ZadarmaClient) -> int:
    # What an earlier request had taken is free again before this one takes it.
    services.expire(asked.user_id)
    taken = checks.take_call_back(asked)
    dial_id, is_new = services.reserve(asked, number, taken)
    db.session.commit()
    if is_new and asked.is_in_browser:
        # Its window dials; the calls that it makes come like those of any phone.
        services.settle(dial_id, DialState.ACCEPTED, "")
        db.session.commit()
    elif is_new:
        state, code = _ask(client, asked.extension, number, lambda: _begin(dial_id))
        services.settle(dial_id, state, code)
        db.session.commit()
    return dial_id


def _refuse(asked: NewDialRequest, number: str, code: str) -> int:
    dial_id = services.refuse(asked, number, code)
    db.session.commit()
    return dial_id


def _begin(dial_id: int) -> bool:
    is_open = services.begin(dial_id)
    db.session.commit()
    return is_open


def _ask(
    client: ZadarmaClient, extension: str, number: str, begin: Callable[[], bool]
) -> tuple[DialState, str]:
    try:
        if not client.extension_status(extension):
            return DialState.FAILED, "extension_offline"
        if not _has_money(client):
            return DialState.FAILED, ErrorCode.NO_MONEY
    except ZadarmaError as error:
        log.warning("dial check failed", code=error.code, answer=error.message)
        unknown = error.code in {ErrorCode.WRONG_REQUEST, ErrorCode.NOT_FOUND}
        return DialState.FAILED, "extension_unknown" if unknown else error.code
    if not begin():
        return DialState.FAILED, ErrorCode.TIMED_OUT
    try:
        client.request_callback(extension, number)
    except ZadarmaError as error:
        log.warning("dial failed", code=error.code, answer=error.message)
        if error.may_have_happened:
            return DialState.UNCERTAIN, error.code
        return DialState.FAILED, error.code
    return DialState.ACCEPTED, ""


def _has_money(client: ZadarmaClient) -> bool:
    settings = TelephonySettings.current()
    cents, known_at = settings.balance_cents, settings.balance_at
    db.session.rollback()
    age = (clock.now() - known_at).total_seconds() if known_at else None
    if cents is None or age is None or age > _BALANCE_IS_NEWS_FOR_SECONDS:
        balance = client.balance()
        office.keep(office.Probe(balance=balance))
        db.session.commit()
        cents = balance.amount_minor
    return cents > 0

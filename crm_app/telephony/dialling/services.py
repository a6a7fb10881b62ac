"""Click-to-call: a wish is written down, checked, and asked of the PBX once, whatever happens."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import structlog
from limits import RateLimitItemPerHour, RateLimitItemPerMinute
from sqlalchemy import delete, exists, or_, select, update
from sqlalchemy.exc import IntegrityError

from crm_app import clock, phone_numbers
from crm_app.accounts.models import User
from crm_app.accounts.rights import Verb, allowed
from crm_app.calls.fold.facts import CallPhase
from crm_app.calls.models import Call
from crm_app.contacts.models import Contact, ContactPhone
from crm_app.contacts.numbers.caller import find_callers
from crm_app.counting import Counter
from crm_app.errors import InvalidInputError
from crm_app.extensions import db
from crm_app.live.screen_updates import screen_updates
from crm_app.telephony import services
from crm_app.telephony.dialling.matching import BELONGS_FOR
from crm_app.telephony.dialling.models import PENDING_STATES, WAITS_FOR, DialRequest, DialState
from crm_app.telephony.models import TelephonySettings
from crm_app.telephony.zadarma.client import ZadarmaClient
from crm_app.telephony.zadarma.errors import ErrorCode, ZadarmaError

# A balance of a minute ago is good enough to say that there is no money.
_BALANCE_IS_NEWS_FOR_SECONDS = 60
PER_MINUTE = RateLimitItemPerMinute(10, 1, "dial")
PER_HOUR = RateLimitItemPerHour(60, 1, "dial")
_UNASKED = ("no_extension", "not_connected", "do_not_call", "in_call")
_MOST_REFUSALS = 20
log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Order:
    """What a user asks for; nothing in it is bound to a session, for the API is asked outside one.

    `number` is in any writing; contact and lead are ones that the user may see; `confirmed` says
    that what speaks against calling (a do-not-call mark, a call that goes on) was overruled.
    """

    user_id: int
    extension: str
    number: str
    country: str
    contact_id: int | None = None
    lead_id: int | None = None
    confirmed: bool = False


def seconds_to_wait(user_id: int, counter: Counter) -> int:
    """Count a click and tell how long its user must wait, 0 when not at all.

    Before anything else: one user's clicks must not use up what the PBX takes from the office.
    Call it outside a database transaction: it may use the network.
    """
    key = str(user_id)
    for limit in (PER_MINUTE, PER_HOUR):
        # What the minute refuses does not use the hour up.
        if not counter.hit(limit, key):
            return max(1, round(counter.free_at(limit, key) - clock.now().timestamp()))
    return 0


def place(order: Order, client: ZadarmaClient | None) -> int:
    """Connect a user with a number and give the id of the wish, whatever came of it. Commits.

    The same wish, made again while the first is open, is the first one: nothing is dialled twice.
    """
    number, refusal = _checked(order, client)
    if refusal or client is None:
        return _refused(order, number, refusal)
    dial_id, is_new = _reserve(order, number)
    if dial_id is None:
        return _refused(order, number, "in_call")
    if is_new:
        state, code = _ask(client, order.extension, number, lambda: _begin(dial_id))
        _settle(dial_id, state, code)
    return dial_id


def close(dial_id: int, user_id: int) -> None:
    """Put the card of a wish away; the wish itself lives on. Commits."""
    db.session.execute(
        update(DialRequest)
        .where(DialRequest.id == dial_id, DialRequest.user_id == user_id)
        .values(closed_at=clock.now())
    )
    db.session.commit()


def names_of(cards: Iterable[DialRequest], user: User) -> dict[int, str]:
    """Name whom each wish is to reach, where one contact that the user sees is meant or found."""
    names = {}
    for card in cards:
        callers = find_callers(db.session.connection(), card.number)
        seen = allowed(user, Contact, Verb.VIEW).with_only_columns(Contact.id)
        seen = seen.where(Contact.id.in_([caller.contact_id for caller in callers]))
        visible = set(db.session.scalars(seen)) if callers else set()
        found = [caller for caller in callers if caller.contact_id in visible]
        meant = [caller for caller in found if caller.contact_id == card.contact_id] or found
        if len(meant) == 1:
            names[card.id] = meant[0].name
    return names


def expire() -> int:
    """Give up wishes of which nothing was heard, and count them; the caller commits."""
    done = db.session.execute(
        update(DialRequest)
        .where(
            DialRequest.state.in_(PENDING_STATES),
            DialRequest.created_at < clock.now() - WAITS_FOR,
        )
        .values(state=DialState.EXPIRED, pending_key=None, settled_at=clock.now())
    )
    return int(done.rowcount)  # type: ignore[attr-defined]


def _checked(order: Order, client: ZadarmaClient | None) -> tuple[str, str]:
    """Give the number in E.164 and the reason, if any, why it cannot be dialled."""
    if not order.extension:
        return order.number, "no_extension"
    if client is None:
        return order.number, "not_connected"
    try:
        number = phone_numbers.read_known(order.number, order.country, _reported(order)).number
    except InvalidInputError as error:
        return order.number, error.code
    callers = find_callers(db.session.connection(), number)
    if any(caller.do_not_call for caller in callers) and not order.confirmed:
        return number, "do_not_call"
    return number, ""


def _reported(order: Order) -> list[str]:
    """Give the number that a button holds if the PBX told it, or it is stored with a contact."""
    number = order.number.strip()[:40]
    is_known = or_(
        exists().where(Call.outside_number == number),
        exists().where(ContactPhone.number == number),
    )
    return [number] if number and db.session.scalar(select(is_known)) else []


def _refused(order: Order, number: str, code: str) -> int:
    _clear_cards(order.user_id, number)
    _forget_refusals(order.user_id)
    request = DialRequest(
        user_id=order.user_id,
        extension=order.extension,
        number=number.strip().replace("\0", "")[:20],
        lead_id=order.lead_id,
        contact_id=order.contact_id,
        state=DialState.FAILED,
        error_code=code,
        settled_at=clock.now(),
    )
    db.session.add(request)
    db.session.commit()
    return request.id


def _forget_refusals(user_id: int) -> None:
    """Keep only a user's newest wishes for which nothing was asked of the PBX."""
    code = DialRequest.error_code
    is_unasked = code.in_(_UNASKED) | code.startswith("number_", autoescape=True)
    unasked = (DialRequest.user_id == user_id, is_unasked)
    newest = select(DialRequest.id).where(*unasked).order_by(DialRequest.id.desc())
    old = db.session.scalars(newest.offset(_MOST_REFUSALS - 1).limit(_MOST_REFUSALS)).all()
    if old:
        db.session.execute(delete(DialRequest).where(DialRequest.id.in_(old)))


def _reserve(order: Order, number: str) -> tuple[int | None, bool]:
    """Write the wish down before anything is asked; a second click finds the first.

    Gives None when a call has come of the first that goes on, unless calling again is confirmed.
    """
    key = f"{order.user_id}:{number}"
    _free(key, is_confirmed=order.confirmed)
    _clear_cards(order.user_id, number)
    request = DialRequest(
        user_id=order.user_id,
        extension=order.extension,
        number=number,
        lead_id=order.lead_id,
        contact_id=order.contact_id,
        state=DialState.REQUESTED,
        pending_key=key,
    )
    try:
        with db.session.begin_nested():
            db.session.add(request)
    except IntegrityError:
        return _first(key), False
    dial_id = request.id
    db.session.commit()
    screen_updates.enqueue([order.user_id], {"dial": dial_id})
    return dial_id, True


def _free(key: str, *, is_confirmed: bool) -> None:
    """Let a number be dialled again of which nothing came for too long, or whose call is over."""
    is_old = DialRequest.created_at < clock.now() - WAITS_FOR
    is_over = exists().where(
        Call.pbx_call_id == DialRequest.pbx_call_id, Call.phase == CallPhase.ENDED
    )
    is_connected = DialRequest.state == DialState.CONNECTED
    may_end = is_connected if is_confirmed else is_connected & is_over
    db.session.execute(
        update(DialRequest)
        .where(DialRequest.pending_key == key, (~is_connected & is_old) | may_end)
        .values(pending_key=None)
        .execution_options(synchronize_session=False)
    )


def _first(key: str) -> int | None:
    """Find the wish that is open already, None when a call has come of it. Commits."""
    first = db.session.execute(
        # Its card may have been put away: who clicks again wants to see how far it has come.
        update(DialRequest)
        .where(DialRequest.pending_key == key)
        .values(closed_at=None)
        .returning(DialRequest.id, DialRequest.state)
    ).one()
    db.session.commit()
    return None if first.state == DialState.CONNECTED else first.id


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


def _begin(dial_id: int) -> bool:
    """Let the time for a call to come begin now; False when the wish was given up meanwhile.

    The checks may take longer than anybody waits, and who has clicked again is not called twice.
    """
    begun = db.session.execute(
        update(DialRequest)
        .where(
            DialRequest.id == dial_id,
            DialRequest.state == DialState.REQUESTED,
            DialRequest.pending_key.is_not(None),
        )
        .values(created_at=clock.now())
    )
    db.session.commit()
    return bool(begun.rowcount)  # type: ignore[attr-defined]


def _has_money(client: ZadarmaClient) -> bool:
    settings = TelephonySettings.current()
    cents, known_at = settings.balance_cents, settings.balance_at
    # The API must not be asked while a transaction is open.
    db.session.rollback()
    age = (clock.now() - known_at).total_seconds() if known_at else None
    if cents is None or age is None or age > _BALANCE_IS_NEWS_FOR_SECONDS:
        balance = client.balance()
        services.keep(services.Probe(balance=balance))
        cents = balance.amount_minor
    return cents > 0


def _settle(dial_id: int, state: DialState, code: str) -> None:
    values: dict[str, object] = {"state": state, "error_code": code, "settled_at": clock.now()}
    # An event may have come before the API answered: then the wish has gone on already.
    before = {DialState.REQUESTED}
    if state is DialState.FAILED:
        values["pending_key"] = None
        # Nothing was dialled, so nobody needs to be asked whether a phone has rung.
        before.add(DialState.EXPIRED)
    db.session.execute(
        update(DialRequest)
        .where(DialRequest.id == dial_id, DialRequest.state.in_(before))
        .values(**values)
    )
    db.session.commit()


def _clear_cards(user_id: int, number: str) -> None:
    """Take away the cards of earlier tries with this number: the new one tells what is true now."""
    db.session.execute(
        update(DialRequest)
        .where(
            DialRequest.user_id == user_id,
            DialRequest.number == number[:20],
            DialRequest.closed_at.is_(None),
            DialRequest.pending_key.is_(None),
            DialRequest.created_at > clock.now() - BELONGS_FOR,
        )
        .values(closed_at=clock.now())
    )

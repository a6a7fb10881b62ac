"""Dial requests: written down, matched to at most one call, refused, given up. No verb commits."""

from collections.abc import Iterable
from dataclasses import dataclass

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
from crm_app.live.screen_updates import after_commit
from crm_app.telephony.dialling.matching import BELONGS_FOR
from crm_app.telephony.dialling.models import PENDING_STATES, WAITS_FOR, DialRequest, DialState

PER_MINUTE = RateLimitItemPerMinute(10, 1, "dial")
PER_HOUR = RateLimitItemPerHour(60, 1, "dial")
_UNASKED = ("no_extension", "not_connected", "do_not_call", "in_call")
_MOST_REFUSALS = 20


@dataclass(frozen=True, slots=True)
class NewDialRequest:
    """What a user asks for, bound to no session, because the API is asked outside of one.

    `number` is in any format; contact and lead are ones that the user may see; `is_confirmed`
    overrules what speaks against calling (a do-not-call mark, a call in progress).
    """

    user_id: int
    extension: str
    number: str
    country: str
    contact_id: int | None = None
    lead_id: int | None = None
    is_confirmed: bool = False


def seconds_to_wait(user_id: int, counter: Counter) -> int:
    """Count a dial request and give the seconds that its user must wait, 0 for none.

    One user must not use up what the PBX allows the office. Call it outside a transaction: it may
    use the network.
    """
    key = str(user_id)
    for limit in (PER_MINUTE, PER_HOUR):
        # What the minute refuses does not count for the hour.
        if not counter.hit(limit, key):
            return max(1, round(counter.free_at(limit, key) - clock.now().timestamp()))
    return 0


def close(dial_id: int, user_id: int) -> None:
    """Close the card of a dial request; the request itself stays."""
    db.session.execute(
        update(DialRequest)
        .where(DialRequest.id == dial_id, DialRequest.user_id == user_id)
        .values(closed_at=clock.now())
    )


def names_of(cards: Iterable[DialRequest], user: User) -> dict[int, str]:
    """Name whom each dial request calls, if that is one contact that the user may see."""
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
    """Expire the dial requests that led to no call in time; returns how many."""
    done = db.session.execute(
        update(DialRequest)
        .where(
            DialRequest.state.in_(PENDING_STATES),
            DialRequest.created_at < clock.now() - WAITS_FOR,
        )
        .values(state=DialState.EXPIRED, pending_key=None, settled_at=clock.now())
    )
    return int(done.rowcount)  # type: ignore[attr-defined]


def check(asked: NewDialRequest, *, is_connected: bool) -> tuple[str, str]:
    """Return the number in E.164, and the code of why it cannot be dialled, "" if it can."""
    if not asked.extension:
        return asked.number, "no_extension"
    if not is_connected:
        return asked.number, "not_connected"
    try:
        number = phone_numbers.read_known(asked.number, asked.country, _reported(asked)).number
    except InvalidInputError as error:
        return asked.number, error.code
    callers = find_callers(db.session.connection(), number)
    if any(caller.do_not_call for caller in callers) and not asked.is_confirmed:
        return number, "do_not_call"
    return number, ""


def _reported(asked: NewDialRequest) -> list[str]:
    """Return the number that a button holds if it came from the PBX or is stored with a contact."""
    number = asked.number.strip()[:40]
    is_known = or_(
        exists().where(Call.outside_number == number),
        exists().where(ContactPhone.number == number),
    )
    return [number] if number and db.session.scalar(select(is_known)) else []


def refuse(asked: NewDialRequest, number: str, code: str) -> int:
    """Write down a request that is not dialled, so that its card says why."""
    _clear_cards(asked.user_id, number)
    _forget_refusals(asked.user_id)
    row = DialRequest(
        user_id=asked.user_id,
        extension=asked.extension,
        number=number.strip().replace("\0", "")[:20],
        lead_id=asked.lead_id,
        contact_id=asked.contact_id,
        state=DialState.FAILED,
        error_code=code,
        settled_at=clock.now(),
    )
    db.session.add(row)
    db.session.flush()
    return row.id


def _forget_refusals(user_id: int) -> None:
    """Keep only the newest of a user's requests that the PBX was never asked for."""
    code = DialRequest.error_code
    is_unasked = code.in_(_UNASKED) | code.startswith("number_", autoescape=True)
    unasked = (DialRequest.user_id == user_id, is_unasked)
    newest = select(DialRequest.id).where(*unasked).order_by(DialRequest.id.desc())
    old = db.session.scalars(newest.offset(_MOST_REFUSALS - 1).limit(_MOST_REFUSALS)).all()
    if old:
        db.session.execute(delete(DialRequest).where(DialRequest.id.in_(old)))


def reserve(asked: NewDialRequest, number: str) -> tuple[int | None, bool]:
    """Write a request down before the PBX is asked; gives its id, and whether it is new.

    The same one, made again while the first is open, is the first one. Gives None when the first
    one led to a call that is still going on, unless calling again is confirmed.
    """
    key = f"{asked.user_id}:{number}"
    _free(key, is_confirmed=asked.is_confirmed)
    _clear_cards(asked.user_id, number)
    row = DialRequest(
        user_id=asked.user_id,
        extension=asked.extension,
        number=number,
        lead_id=asked.lead_id,
        contact_id=asked.contact_id,
        state=DialState.REQUESTED,
        pending_key=key,
    )
    try:
        with db.session.begin_nested():
            db.session.add(row)
    except IntegrityError:
        return _first(key), False
    after_commit([asked.user_id], {"dial": row.id})
    return row.id, True


def _free(key: str, *, is_confirmed: bool) -> None:
    """Let a number be dialled again when no call came for too long, or its call is over."""
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
    """Find the request that is open already, None when it led to a call."""
    first = db.session.execute(
        # Its card may be closed: a user who clicks again wants to see its state.
        update(DialRequest)
        .where(DialRequest.pending_key == key)
        .values(closed_at=None)
        .returning(DialRequest.id, DialRequest.state)
    ).one()
    return None if first.state == DialState.CONNECTED else first.id


def begin(dial_id: int) -> bool:
    """Start the time in which a call may come; False when the request was given up by now.

    The checks may take longer than users wait, and one who clicked again must not be called twice.
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
    return bool(begun.rowcount)  # type: ignore[attr-defined]


def settle(dial_id: int, state: DialState, code: str) -> None:
    """Write down what the PBX answered, unless an event has come first."""
    values: dict[str, object] = {"state": state, "error_code": code, "settled_at": clock.now()}
    # An event that came before the API's answer has moved the request on already.
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


def _clear_cards(user_id: int, number: str) -> None:
    """Close the cards of earlier tries with this number: the new one shows the state."""
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

"""Dial requests: written down, matched to at most one call, refused, given up. No verb commits."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from limits import RateLimitItemPerHour, RateLimitItemPerMinute
from sqlalchemy import (
    Select,
    Update,
    and_,
    case,
    delete,
    exists,
    insert,
    or_,
    select,
    update,
)
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import contains_eager

from crm_app import clock
from crm_app.accounts.models import User
from crm_app.accounts.rights import Verb, allowed
from crm_app.callbacks import services as call_backs
from crm_app.callbacks.models import CallBackEvent, EventKind
from crm_app.calls.fold.facts import Direction
from crm_app.calls.models import Call, CallLeg
from crm_app.contacts.models import Contact
from crm_app.contacts.numbers.caller import find_callers
from crm_app.counting import Counter
from crm_app.errors import InvalidInputError
from crm_app.extensions import db
from crm_app.live.screen_updates import after_commit
from crm_app.telephony.dialling.models import (
    FAILED_STATES,
    GIVEN_UP,
    GIVEN_UP_IN_BROWSER,
    PENDING_STATES,
    WAITS_FOR,
    DialRequest,
    DialState,
)

PER_MINUTE = RateLimitItemPerMinute(10, 1, "dial")
PER_HOUR = RateLimitItemPerHour(60, 1, "dial")
_UNASKED = ("no_extension", "not_connected")
_MOST_REFUSALS = 20
_MOST_LISTED = 5
# What came to nothing longer ago has given back what it took.
_GIVES_BACK_FOR = timedelta(hours=1)
# Of what was called last; a number is often called again.
_MOST_RECENT, _LOOKED_AT = 8, 40


@dataclass(frozen=True, slots=True)
class NewDialRequest:
    """What a user asks for, bound to no session, because the API is asked outside of one.

    `number` is in any format; contact and lead are ones that the user may see; `is_confirmed`
    overrules what speaks against calling (a do-not-call mark, a call in progress); with
    `is_in_browser` the user's phone is a window of the browser that dials by itself. The call-back
    is taken when the call is asked for.
    """

    user_id: int
    extension: str
    number: str
    country: str
    contact_id: int | None = None
    lead_id: int | None = None
    call_back_id: int | None = None
    is_confirmed: bool = False
    is_in_browser: bool = False


@dataclass(frozen=True, slots=True)
class Called:
    """A number that a user called, when they did last, and whose it is if the user sees that."""

    number: str
    at: datetime
    name: str


def seconds_to_wait(user_id: int, counter: Counter) -> int:
    """Count a dial request and give the seconds that its user must wait, 0 for none.

    One user must not use up what the PBX allows the office. Call it outside a transaction: it may
    use the network.
    """
    return counter.seconds_to_wait((PER_MINUTE, PER_HOUR), str(user_id))


def close(dial_id: int, user_id: int) -> None:
    """Put away the row of a dial request; the request itself stays."""
    db.session.execute(
        update(DialRequest)
        .where(DialRequest.id == dial_id, DialRequest.user_id == user_id)
        .values(closed_at=clock.now())
    )


def clear_failed(user_id: int) -> None:
    """Put all failures of a user away."""
    db.session.execute(
        update(DialRequest)
        .where(
            DialRequest.user_id == user_id,
            DialRequest.state.in_(FAILED_STATES),
            DialRequest.closed_at.is_(None),
        )
        .values(closed_at=clock.now())
    )


def shown_to(user_id: int, since: datetime) -> DialRequest | None:
    """Find the dial request that a screen shows which was opened then.

    A failure is shown until the user's next call begins, of either direction.
    """
    dial = db.session.scalar(DialRequest.newest_of(user_id))
    if dial is None or not dial.is_shown(since):
        return None
    if dial.is_pending:
        return dial
    next_call = select(
        exists().where(CallLeg.user_id == user_id, CallLeg.started_at > dial.failed_at)
    )
    return None if db.session.scalar(next_call) else dial


def failed_since(user_id: int, moment: datetime) -> Sequence[DialRequest]:
    """List the newest of a user's dial requests that came to nothing, until they are put away."""
    failed = select(DialRequest).where(
        DialRequest.user_id == user_id,
        DialRequest.state.in_(FAILED_STATES),
        DialRequest.closed_at.is_(None),
        DialRequest.created_at >= moment,
    )
    newest = failed.order_by(DialRequest.created_at.desc(), DialRequest.id.desc())
    return db.session.scalars(newest.limit(_MOST_LISTED)).all()


def names_of(dials: Iterable[DialRequest], user: User) -> dict[int, str]:
    """Name whom each dial request calls, if that is one contact that the user may see."""
    names = {dial.id: name_of(dial.number, dial.contact_id, user) for dial in dials}
    return {dial_id: name for dial_id, name in names.items() if name}


def name_of(number: str, contact_id: int | None, user: User) -> str:
    """Name whom a number calls, if that is one contact that the user may see; else ""."""
    callers = find_callers(db.session.connection(), number)
    seen = allowed(user, Contact, Verb.VIEW).with_only_columns(Contact.id)
    seen = seen.where(Contact.id.in_([caller.contact_id for caller in callers]))
    visible = set(db.session.scalars(seen)) if callers else set()
    found = [caller for caller in callers if caller.contact_id in visible]
    meant = [caller for caller in found if caller.contact_id == contact_id] or found
    return meant[0].name if len(meant) == 1 else ""


def called_last(user: User) -> list[Called]:
    """List the numbers that a user called last, from here or by the keys of a phone, newest first.

    A number is listed once.
    """
    asked = select(DialRequest.number, DialRequest.created_at).where(DialRequest.user_id == user.id)
    made = select(Call.outside_number, Call.started_at).where(
        Call.user_id == user.id,
        Call.direction == Direction.OUTBOUND,
        Call.is_own_leg.is_(False),
        Call.outside_number != "",
    )
    found: dict[str, datetime] = {}
    for statement, at in ((asked, DialRequest.created_at), (made, Call.started_at)):
        for number, moment in db.session.execute(statement.order_by(at.desc()).limit(_LOOKED_AT)):
            found[number] = max(moment, found.get(number, moment))
    newest = sorted(found.items(), key=lambda one: one[1], reverse=True)[:_MOST_RECENT]
    return [Called(number, at, name_of(number, None, user)) for number, at in newest]


def expire(user_id: int | None = None) -> int:
    """Expire the dial requests, of one user or of all, that led to no call in time; counts them.

    What was taken for them is given back.
    """
    given_up = _give_up()
    if user_id is not None:
        given_up = given_up.where(DialRequest.user_id == user_id)
    done = db.session.execute(given_up)
    _give_back(user_id)
    return int(done.rowcount)  # type: ignore[attr-defined]


def _give_back(user_id: int | None) -> None:
    """Release the call-backs that were taken for requests of which nothing came.

    Not while the user's own phone rings: who picks up late is calling.
    """
    nothing_came = or_(
        DialRequest.state == DialState.FAILED,
        and_(DialRequest.state == DialState.EXPIRED, DialRequest.pbx_call_id == ""),
    )
    found = (
        select(DialRequest)
        .join(DialRequest.call_back_event)
        .where(
            DialRequest.state.in_(FAILED_STATES),
            DialRequest.created_at > clock.now() - _GIVES_BACK_FOR,
            CallBackEvent.kind == EventKind.TAKEN,
            nothing_came,
        )
        .options(contains_eager(DialRequest.call_back_event))
    )
    if user_id is not None:
        found = found.where(DialRequest.user_id == user_id)
    for dial in db.session.scalars(found.execution_options(populate_existing=True)).all():
        taken = dial.call_back_event
        dial.call_back_event = call_backs.give_back(taken) if taken is not None else None
        after_commit([dial.user_id], {"dial": dial.id})


def _give_up() -> Update:
    return (
        update(DialRequest)
        .where(
            DialRequest.state.in_(PENDING_STATES),
            DialRequest.created_at < clock.now() - WAITS_FOR,
        )
        .values(
            state=DialState.EXPIRED,
            error_code=case(
                (DialRequest.is_in_browser, GIVEN_UP_IN_BROWSER),
                *((DialRequest.state == state, code) for state, code in GIVEN_UP.items()),
            ),
            pending_key=None,
            settled_at=clock.now(),
        )
        .execution_options(synchronize_session=False)
    )


def refuse(asked: NewDialRequest, number: str, code: str) -> int:
    """Write down a request for which the PBX cannot be asked, and give its id.

    The same one, made again, is written under the same id.
    """
    _forget_refusals(asked.user_id)
    key = _failed_key(asked.user_id, number)
    values = _values(asked, number) | {
        "state": DialState.FAILED,
        "error_code": code,
        "pending_key": key,
        "settled_at": clock.now(),
    }
    dial_id = _write(key, values)
    # Another click at the same moment was first.
    return dial_id if dial_id is not None else db.session.scalars(_with_key(key)).one().id


def _forget_refusals(user_id: int) -> None:
    """Keep only the newest of a user's requests that the PBX was never asked for."""
    unasked = (DialRequest.user_id == user_id, DialRequest.error_code.in_(_UNASKED))
    newest = select(DialRequest.id).where(*unasked).order_by(DialRequest.id.desc())
    old = db.session.scalars(newest.offset(_MOST_REFUSALS - 1).limit(_MOST_REFUSALS)).all()
    if old:
        db.session.execute(delete(DialRequest).where(DialRequest.id.in_(old)))


def reserve(
    asked: NewDialRequest, number: str, taken: CallBackEvent | None = None
) -> tuple[int, bool]:
    """Write a request down before the PBX is asked; gives its id, and whether it is new.

    `taken` is how a call-back was taken for it. What has led to no call should be expired before.
    A user's phone is rung for one request at a time. The same one, made again while it is open, is
    the first; for another number InvalidInputError says "already_ringing" and for which `number`.
    """
    key = _open_key(asked.user_id)
    values = _values(asked, number) | {
        "state": DialState.REQUESTED,
        "error_code": "",
        "pending_key": key,
        "settled_at": None,
        "call_back_event_id": taken.id if taken is not None else None,
    }
    failed_key = _failed_key(asked.user_id, number)
    dial_id = _write(failed_key, values)
    if dial_id is None and db.session.scalar(_with_key(key)) is None:
        # What was open has just been settled.
        dial_id = _write(failed_key, values)
    if dial_id is None:
        first = db.session.scalars(_with_key(key)).one()
        if first.number != number:
            raise InvalidInputError("already_ringing", "number", number=first.number)
        # Its row may be closed: a user who clicks again wants to see its state.
        first.closed_at = None
        first.call_back_event = taken or first.call_back_event
        return first.id, False
    after_commit([asked.user_id], {"dial": dial_id})
    return dial_id, True


def _open_key(user_id: int) -> str:
    return str(user_id)


def _failed_key(user_id: int, number: str) -> str:
    return f"failed:{user_id}:{number}"


def _values(asked: NewDialRequest, number: str) -> dict[str, object]:
    return {
        "user_id": asked.user_id,
        "extension": asked.extension,
        "number": number,
        "lead_id": asked.lead_id,
        "contact_id": asked.contact_id,
        "is_in_browser": asked.is_in_browser,
        "created_at": clock.now(),
        "closed_at": None,
        "call_back_event_id": None,
    }


def _write(failed_key: str, values: dict[str, object]) -> int | None:
    """Write a request in the place of the failed one with that key, else as a new row.

    Gives its id, None when somebody else's `pending_key` is the same.
    """
    again = update(DialRequest).where(DialRequest.pending_key == failed_key).values(**values)
    try:
        with db.session.begin_nested():
            dial_id = db.session.scalar(again.returning(DialRequest.id))
            if dial_id is None:
                new = insert(DialRequest).values(**values)
                dial_id = db.session.scalar(new.returning(DialRequest.id))
    except IntegrityError:
        return None
    return dial_id


def _with_key(key: str) -> Select[DialRequest]:
    return select(DialRequest).where(DialRequest.pending_key == key)


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
    dial = db.session.get_one(DialRequest, dial_id, populate_existing=True)
    key = _failed_key(dial.user_id, dial.number)
    values: dict[str, object] = {"state": state, "error_code": code, "settled_at": clock.now()}
    # An event that came before the API's answer has moved the request on already.
    before = {DialState.REQUESTED}
    if state is DialState.FAILED:
        # The next try is written in its place.
        values["pending_key"] = key
        # Nothing was dialled, so nobody needs to be asked whether a phone has rung.
        before.add(DialState.EXPIRED)
        db.session.execute(
            update(DialRequest)
            .where(DialRequest.pending_key == key)
            .values(pending_key=None, closed_at=clock.now())
        )
    db.session.execute(
        update(DialRequest)
        .where(DialRequest.id == dial_id, DialRequest.state.in_(before))
        .values(**values)
    )
    if state is DialState.FAILED:
        _give_back(dial.user_id)
    after_commit([dial.user_id], {"dial": dial_id})

"""What the phones do now, read from where the pop-ups are read: the projection of the log."""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from sqlalchemy import Select, select
from sqlalchemy.orm import joinedload, selectinload

from crm_app.accounts import rights
from crm_app.accounts.models import User
from crm_app.accounts.rights import Verb
from crm_app.calls.fold.facts import CallPhase, Direction
from crm_app.calls.fold.legs import LegState
from crm_app.calls.models import Call, CallLeg
from crm_app.calls.naming import named
from crm_app.calls.popups.card_state import forgotten_at
from crm_app.contacts.models import Contact
from crm_app.extensions import db

Doing = Literal["talking", "ringing", "calling"]
_ORDER: tuple[Doing, ...] = ("talking", "ringing", "calling")


@dataclass(frozen=True, slots=True)
class Client:
    """Whom a call is with, as far as the reader may know it.

    `is_masked` is for readers who may not see the call: for them there is neither contact nor
    number. `colleagues` are those at the other phones of a call between colleagues.
    """

    call: Call
    is_masked: bool = False
    contact: Contact | None = None
    colleagues: tuple[str, ...] = ()

    @property
    def number(self) -> str:
        """The number, "" where it is hidden or the reader may not see it."""
        return "" if self.is_masked else self.call.outside_number

    @property
    def is_colleague(self) -> bool:
        """Whether the other side is one of us."""
        return self.call.direction == Direction.INTERNAL


@dataclass(frozen=True, slots=True)
class Part:
    """What one phone does in one call, and since when; `user` is who had it when the call came."""

    doing: Doing
    since: datetime
    client: Client
    extension: str
    user: User | None = None

    @property
    def place(self) -> tuple[int, datetime]:
        """Give talks before rings, and what began first before what came later."""
        return _ORDER.index(self.doing), self.since


@dataclass(frozen=True, slots=True)
class Waiting:
    """A client whose call nobody has taken yet; at `rings` phones, by the names of their owners."""

    client: Client
    since: datetime
    rings: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Phones:
    """All calls that go on: the parts of colleagues by id, of other phones, and who waits.

    `until` is when the first of them will be taken for over if nothing more is heard of it.
    """

    parts: dict[int, list[Part]]
    others: dict[str, list[Part]]
    waiting: list[Waiting]
    until: datetime | None


def read(viewer: User | None, now: datetime) -> Phones:
    """Read what the phones do, in at most three statements; without a viewer all is masked."""
    calls = [call for call in db.session.scalars(_live()) if now <= forgotten_at(call)]
    seen = _seen(calls, viewer)
    parts: dict[int, list[Part]] = defaultdict(list)
    others: dict[str, list[Part]] = defaultdict(list)
    waiting = []
    for call in sorted(calls, key=lambda call: (call.started_at, call.id)):
        client = _client(call, viewer, is_seen=call.id in seen)
        for part in _parts(call, client):
            # A colleague who was disabled is not among the people, and may still be talking.
            if part.user is None or not part.user.active:
                others[part.extension].append(part)
            else:
                parts[part.user.id].append(part)
        if call.direction == Direction.INBOUND and call.phase == CallPhase.RINGING:
            waiting.append(Waiting(client, call.started_at, _ringing_at(call)))
    for each in (*parts.values(), *others.values()):
        each.sort(key=lambda part: part.place)
    until = min((forgotten_at(call) for call in calls), default=None)
    return Phones(dict(parts), dict(others), waiting, until)


def _live() -> "Select[Call]":
    return Call.live().options(
        joinedload(Call.contact).load_only(
            Contact.name, Contact.kind, Contact.responsible_id, Contact.deleted_at
        ),
        joinedload(Call.user),
        selectinload(Call.legs).joinedload(CallLeg.user),
    )


def _seen(calls: list[Call], viewer: User | None) -> set[int]:
    """Give the ids of those calls that the viewer may see."""
    if viewer is None:
        return set()
    ids = [call.id for call in calls]
    if not ids or rights.sees_everything(viewer):
        return set(ids)
    may = select(Call.id).where(Call.id.in_(ids), rights.scope(viewer, Call, Verb.VIEW))
    return set(db.session.scalars(may))


def _client(call: Call, viewer: User | None, *, is_seen: bool) -> Client:
    if call.direction == Direction.INTERNAL:
        names = {leg.user.name for leg in call.legs if leg.user} | {_name(call.user)}
        return Client(call, colleagues=tuple(sorted(names - {""})))
    if viewer is None or not is_seen:
        return Client(call, is_masked=True)
    return Client(call, contact=named(call, viewer))


def _parts(call: Call, client: Client) -> Iterator[Part]:
    """Say what each phone does: one that placed a call is calling until somebody answers."""
    has_placed = set()
    for leg in call.legs:
        doing = _doing(call, leg)
        if doing is None:
            continue
        since = (leg.came_at if doing != "calling" else None) or call.started_at
        if doing == "talking":
            # The phone of who placed the call is picked up before the other side is.
            since = max(filter(None, (leg.answered_at, call.answered_at)), default=since)
        has_placed.add(leg.extension)
        yield Part(doing, since, client, leg.extension, leg.user)
    placed_by = call.placed_by_extension
    if placed_by and placed_by not in has_placed and call.phase == CallPhase.RINGING:
        yield Part("calling", call.started_at, client, placed_by, call.user)


def _doing(call: Call, leg: CallLeg) -> Doing | None:
    if leg.state not in {LegState.RINGING, LegState.TALKING}:
        return None
    is_placing = call.is_own_leg or leg.extension == call.placed_by_extension
    if is_placing and call.phase == CallPhase.RINGING:
        return "calling"
    return "talking" if leg.state == LegState.TALKING else "ringing"


def _ringing_at(call: Call) -> tuple[str, ...]:
    ringing: Iterable[CallLeg] = (leg for leg in call.legs if leg.state == LegState.RINGING)
    return tuple(sorted({_name(leg.user) or leg.extension for leg in ringing}))


def _name(user: User | None) -> str:
    return user.name if user else ""

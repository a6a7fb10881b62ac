"""Who may do what with which record; the only place that decides it.

A model says whose a record is (`Owned`); the office's settings say what agents may reach.
"""

from collections.abc import Iterable, Iterator
from datetime import datetime
from enum import Enum, StrEnum
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar

from sqlalchemy import ColumnElement, Select, and_, false, or_, select, true
from sqlalchemy.orm import InstrumentedAttribute, Mapped
from sqlalchemy.orm.interfaces import ORMOption

from crm_app import clock
from crm_app.accounts.models import OfficeSettings, User
from crm_app.accounts.models import Reach as Reach
from crm_app.errors import NotFoundError
from crm_app.extensions import db
from crm_app.journal.models import JournalEntry


class Verb(StrEnum):
    """What somebody wants to do with a record."""

    VIEW = "view"
    EDIT = "edit"
    DELETE = "delete"
    EXPORT = "export"
    LISTEN = "listen"
    # To read how much somebody worked.
    REPORT = "report"


class Place(Enum):
    """Where the records are looked for."""

    OUTSIDE_BIN = "outside bin"
    BIN = "bin"
    ANYWHERE = "anywhere"


# What restricted agents may do; everybody else reaches all records.
_RESTRICTED = dict.fromkeys(Verb, Reach.OWN)


class Owned:
    """A model whose records are somebody's.

    With `IS_LENT`, who stands in for somebody away reaches theirs, too.
    """

    IS_LENT: ClassVar[bool] = False
    if TYPE_CHECKING:
        __tablename__: Any
        id: Mapped[int]

    @classmethod
    def owned_by(cls, user_id: int) -> ColumnElement[bool]:
        """Say that a record is this user's own."""
        raise NotImplementedError

    @classmethod
    def talked_by(cls, user_ids: "Select[int] | list[int]") -> ColumnElement[bool] | None:
        """Say that one of these users talks in it; None for what cannot be heard."""
        return None


class OwnedByColumns(Owned):
    """A model whose records are those of the users that some of its columns name."""

    OWNERS: ClassVar[tuple[str, ...]] = ("responsible_id",)
    if TYPE_CHECKING:
        deleted_at: Mapped[datetime | None]

    @classmethod
    def owned_by(cls, user_id: int) -> ColumnElement[bool]:
        """Say that a record is this user's own."""
        return or_(*[getattr(cls, name) == user_id for name in cls.OWNERS])

    def is_owned_by(self, user_id: int) -> bool:
        """Answer the same for one record that is at hand."""
        return user_id in {getattr(self, name) for name in self.OWNERS}


M = TypeVar("M", bound=Owned)


def reach(user: User, verb: Verb) -> Reach:
    """Whose records a user may use a verb on."""
    if verb is Verb.LISTEN:
        return OfficeSettings.current().heard_by(user.role)
    if verb is Verb.REPORT:
        return Reach.ALL if user.is_manager else Reach.OWN
    if user.is_manager or not OfficeSettings.current().restricts_agents:
        return Reach.ALL
    return _RESTRICTED[verb]


def sees_everything(user: User) -> bool:
    """Whether there is no record that a user may not see."""
    return reach(user, Verb.VIEW) is Reach.ALL


def scope(
    user: User, model: type[Owned], verb: Verb, place: Place = Place.OUTSIDE_BIN
) -> ColumnElement[bool]:
    """The condition that holds for the records on which a user may use a verb.

    Users who reach only their own records find in the bin those that were theirs or that they
    deleted.
    """
    own = _within_reach(user, model, verb)
    deleted_at: InstrumentedAttribute[Any] | None = getattr(model, "deleted_at", None)
    if deleted_at is None:
        # Calls have no bin.
        return own
    if place is Place.OUTSIDE_BIN:
        return and_(deleted_at.is_(None), own)
    is_binned = deleted_at.is_not(None)
    if reach(user, verb) is Reach.OWN:
        did_it = JournalEntry.last_by(user.id, model.__tablename__, model.id, "deleted")
        own = or_(own, and_(is_binned, did_it))
    return and_(is_binned, own) if place is Place.BIN else own


def _within_reach(user: User, model: type[Owned], verb: Verb) -> ColumnElement[bool]:
    how_far = reach(user, verb)
    if how_far is Reach.ALL:
        return true()
    if how_far is Reach.NOBODY:
        return false()
    if verb is not Verb.LISTEN:
        return or_(*map(model.owned_by, _owners(user, model)))
    is_team = how_far is Reach.TEAM and user.team
    whose = select(User.id).where(User.team == user.team) if is_team else [user.id]
    talked = model.talked_by(whose)
    return model.owned_by(user.id) if talked is None else talked


def _owners(user: User, model: type[Owned]) -> Iterator[int]:
    """Name those whose own records a user reaches who does not reach all."""
    yield user.id
    if model.IS_LENT:
        now = clock.now()
        yield from (one.id for one in user.deputy_of if one.active and one.is_away(now))


def allowed(
    user: User, model: type[M], verb: Verb, place: Place = Place.OUTSIDE_BIN
) -> "Select[M]":
    """Select the records on which a user may use a verb."""
    return select(model).where(scope(user, model, verb, place))


def find(
    model: type[M],
    record_id: int | None,
    user: User,
    verb: Verb,
    *,
    place: Place = Place.OUTSIDE_BIN,
    options: Iterable[ORMOption] = (),
) -> M | None:
    """Fetch a record if there is one and the user may use the verb on it."""
    if record_id is None:
        return None
    statement = allowed(user, model, verb, place).where(model.id == record_id)
    return db.session.scalar(statement.options(*options))


def fetch(
    model: type[M],
    record_id: int | None,
    user: User,
    verb: Verb,
    *,
    place: Place = Place.OUTSIDE_BIN,
    options: Iterable[ORMOption] = (),
) -> M:
    """Fetch a record on which a user may use a verb.

    Raises NotFoundError in both cases, so as not to reveal that the record exists.
    """
    found = find(model, record_id, user, verb, place=place, options=options)
    if found is None:
        raise NotFoundError
    return found


def reaches(user: User, record: OwnedByColumns, verb: Verb) -> bool:
    """Whether a user may use a verb on a record, in the bin or not."""
    if reach(user, verb) is Reach.ALL:
        return True
    return any(map(record.is_owned_by, _owners(user, type(record))))


def may_open(user: User, record: OwnedByColumns) -> bool:
    """Whether a record has a page that this user sees, as `scope` selects."""
    return record.deleted_at is None and reaches(user, record, Verb.VIEW)

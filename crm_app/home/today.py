"""What a user has to do today, in as few queries as possible."""

from dataclasses import dataclass

from sqlalchemy import Select, exists, func, select
from sqlalchemy.orm import joinedload, load_only

from crm_app.accounts.models import User
from crm_app.accounts.presence.services import deputised_by
from crm_app.accounts.rights import Verb, allowed
from crm_app.calls.models import Call, CallFact
from crm_app.contacts.models import Contact
from crm_app.extensions import db
from crm_app.leads.models import Lead, LeadStage, StageKind
from crm_app.local_time import LocalTime
from crm_app.tasks.listing import due_by_tonight, names
from crm_app.tasks.models import Task

SHOWN_TASKS = 20
SHOWN_LEADS = 8
SHOWN_WRITE_UPS = 10
SHOWN_CALLS = 5
SHOWN_MISSED = 10


@dataclass(frozen=True, slots=True)
class Steps:
    """What a new office still has to do."""

    is_connected: bool
    has_colleagues: bool
    has_contacts: bool

    @property
    def are_done(self) -> bool:
        """Whether nothing is left to do."""
        return self.is_connected and self.has_colleagues and self.has_contacts


def tasks_due(user: User, local: LocalTime) -> list[Task]:
    """List the user's overdue tasks and those of today, one more than is shown.

    Those of whom the user stands in for are among them, as far as the user may see them.
    """
    whose = [user.id, *(other.id for other in deputised_by(user, local.now))]
    statement = (
        allowed(user, Task, Verb.VIEW)
        .where(Task.assignee_id.in_(whose), due_by_tonight(local))
        .order_by(Task.due_at, Task.id)
        .limit(SHOWN_TASKS + 1)
    )
    return list(db.session.scalars(statement.options(*names())))


def open_leads(user: User) -> list[Lead]:
    """List the open leads the user is responsible for, the last changed first."""
    statement = (
        allowed(user, Lead, Verb.VIEW)
        .join(Lead.stage)
        .where(Lead.responsible_id == user.id, LeadStage.kind == StageKind.OPEN)
        .options(joinedload(Lead.stage), joinedload(Lead.contact).load_only(Contact.name))
        .order_by(Lead.updated_at.desc(), Lead.id.desc())
        .limit(SHOWN_LEADS)
    )
    return list(db.session.scalars(statement))


def my_calls(user: User) -> list[Call]:
    """List the last calls in which the user talked, or which they placed."""
    return _calls(allowed(user, Call, Verb.VIEW).where(Call.user_id == user.id))


def steps() -> Steps:
    """Look what a new office has done already."""
    # Stored keys prove nothing: the office is connected when the PBX was heard.
    connected = exists().where(CallFact.raw != "")
    users = select(func.count()).select_from(User).where(User.active).scalar_subquery()
    row = db.session.execute(select(connected, users > 1, exists(select(Contact.id)))).one()
    return Steps(*(bool(value) for value in row))


def _calls(statement: Select[Call]) -> list[Call]:
    shown = (
        statement.where(Call.is_own_leg.is_(False))
        .options(
            load_only(
                Call.direction, Call.status, Call.outside_number, Call.outside_name, Call.started_at
            ),
            joinedload(Call.contact).load_only(Contact.name),
        )
        .order_by(Call.started_at.desc(), Call.id.desc())
        .limit(SHOWN_CALLS)
    )
    return list(db.session.scalars(shown))

"""The next tasks that write-ups have made: they are with whom their calls were with."""

from sqlalchemy import ColumnElement, select

from crm_app.accounts.models import User
from crm_app.calls.models import Call, CallWrapup
from crm_app.extensions import db
from crm_app.tasks import services as tasks
from crm_app.tasks.fields import TaskDraft
from crm_app.tasks.models import Task


def let_follow(
    which: ColumnElement[bool], before_id: int | None, contact_id: int | None, by: User | None
) -> None:
    """Let the next tasks of some calls go along from one contact to another (None: nobody).

    Those that somebody has given to a third one stay.
    """
    came_of = (
        select(CallWrapup.task_id)
        .join(Call, Call.id == CallWrapup.call_id)
        .where(which, CallWrapup.task_id.is_not(None))
    )
    theirs = select(Task).where(
        Task.id.in_(came_of),
        Task.contact_id.is_not_distinct_from(before_id),
        Task.deleted_at.is_(None),
    )
    for task in db.session.scalars(theirs.order_by(Task.id)).all():
        tasks.update_task(task, TaskDraft(contact_id=contact_id), by)

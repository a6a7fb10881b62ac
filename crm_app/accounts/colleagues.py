"""Whose records a list can be narrowed to, and who hears what concerns everybody."""

from typing import NamedTuple

from flask_babel import gettext as _
from sqlalchemy import select

from crm_app.accounts.models import OfficeSettings, User
from crm_app.extensions import db
from crm_app.live.messages import OFFICE


class Colleague(NamedTuple):
    """A choice of a filter: the user and the name shown."""

    id: int
    name: str


def colleagues() -> list[Colleague]:
    """List those who can sign in, then disabled users, because their records must be found too.

    The names of the latter say so.
    """
    people = select(User.id, User.name, User.active).order_by(User.active.desc(), User.name)
    return [
        Colleague(user_id, name if active else _("%(name)s (disabled)", name=name))
        for user_id, name, active in db.session.execute(people)
    ]


def everybody() -> list[int]:
    """Give whom a message is sent that concerns all: the office's channel, which all hear.

    Where agents see only their own they do not hear it, and each gets the message.
    """
    if not OfficeSettings.current().restricts_agents:
        return [OFFICE]
    users = db.session.scalars(select(User.id).where(User.active))
    return [OFFICE, *users]

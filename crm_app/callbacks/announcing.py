"""Whose screens show a call-back: they hear {"callbacks": id} when it has changed."""

from collections.abc import Iterable

from sqlalchemy import select

from crm_app.accounts.models import OfficeSettings, User
from crm_app.callbacks.models import CallBack
from crm_app.extensions import db
from crm_app.live.messages import OFFICE
from crm_app.live.screen_updates import after_commit


def announce(row: CallBack) -> None:
    """Let all screens that may show a call-back read it again once this is committed."""
    after_commit(_everybody(), {"callbacks": row.id})


def _everybody() -> list[int]:
    """Give who may see the pool: the office's channel, or each user where agents are restricted."""
    if not OfficeSettings.current().restricts_agents:
        return [OFFICE]
    agents = db.session.scalars(select(User.id).where(User.active))
    return [OFFICE, *agents]


def remind(row: CallBack, users: Iterable[int]) -> None:
    """Let the browsers of some users remind them of a call-back once this is committed."""
    after_commit(users, {"remind": row.id})

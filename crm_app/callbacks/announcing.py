"""Whose screens show a call-back: they hear {"callbacks": id} when it has changed."""

from collections.abc import Iterable

from crm_app.accounts.colleagues import everybody
from crm_app.callbacks.models import CallBack
from crm_app.live.screen_updates import after_commit


def announce(row: CallBack) -> None:
    """Let all screens that may show a call-back read it again once this is committed."""
    after_commit(everybody(), {"callbacks": row.id})


def remind(row: CallBack, users: Iterable[int]) -> None:
    """Let the browsers of some users remind them of a call-back once this is committed."""
    after_commit(users, {"remind": row.id})

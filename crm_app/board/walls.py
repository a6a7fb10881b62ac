"""Addresses for the office TV: made, found by their token, revoked. No verb here commits."""

import secrets
from collections.abc import Sequence

from sqlalchemy import select
from sqlalchemy.orm import joinedload

from crm_app import clock
from crm_app.accounts import links
from crm_app.accounts.models import User
from crm_app.board.models import NAME_LENGTH, BoardWall
from crm_app.errors import InvalidInputError
from crm_app.extensions import db
from crm_app.live.messages import PREFIX
from crm_app.live.screen_updates import when_committed
from crm_app.live.services import close_channel
from crm_app.security import events
from crm_app.security.events import Kind


def make(name: str, by: User) -> BoardWall:
    """Make an address; it opens nothing before `new_token` has given it a token.

    Raises InvalidInputError on `name`: name_empty, too_long (limit).
    """
    if not name:
        raise InvalidInputError("name_empty", "name")
    if len(name) > NAME_LENGTH:
        raise InvalidInputError("too_long", "name", limit=NAME_LENGTH)
    wall = BoardWall(name=name, created_by_id=by.id, token_hash=links.hash_of(_token()))
    db.session.add(wall)
    db.session.flush()
    events.done(Kind.WALL_MADE, by=by.id, detail=_detail(wall))
    return wall


def new_token(wall: BoardWall) -> str:
    """Give an address a token, which is known now and never again; an older one ends."""
    token = _token()
    wall.token_hash = links.hash_of(token)
    db.session.flush()
    return token


def find(token: str) -> BoardWall:
    """Fetch the address that a token opens; raises InvalidInputError (link_unknown)."""
    wall = db.session.scalar(
        select(BoardWall).where(
            BoardWall.token_hash == links.hash_of(token), BoardWall.revoked_at.is_(None)
        )
    )
    if wall is None:
        raise InvalidInputError("link_unknown")
    return wall


def revoke(wall: BoardWall, by: User) -> None:
    """End an address, and the screens that show it once this is committed; twice is once."""
    if wall.revoked_at is not None:
        return
    wall.revoked_at, wall.revoked_by_id = clock.now(), by.id
    db.session.flush()
    events.done(Kind.WALL_REVOKED, by=by.id, detail=_detail(wall))
    channel = channel_of(wall)
    when_committed(lambda: close_channel(channel))


def everything() -> Sequence[BoardWall]:
    """List the addresses, those in use first, the newest first."""
    people = (joinedload(BoardWall.created_by), joinedload(BoardWall.revoked_by))
    order = (BoardWall.revoked_at.is_not(None), BoardWall.id.desc())
    return db.session.scalars(select(BoardWall).options(*people).order_by(*order)).all()


def channel_of(wall: BoardWall) -> str:
    """Name the channel by which the streams of an address are ended."""
    return f"{PREFIX}wall-{wall.id}"


def _token() -> str:
    return secrets.token_urlsafe(32)


def _detail(wall: BoardWall) -> str:
    return f"#{wall.id}"

"""One-time links: made, checked and used up; the database keeps only the hash of a token."""

import hashlib
import secrets
from datetime import timedelta

from sqlalchemy import select, update

from crm_app import clock
from crm_app.accounts.models import AccountLink, LinkPurpose, User
from crm_app.errors import InvalidInputError
from crm_app.extensions import db
from crm_app.security import events
from crm_app.security.events import Kind

LIFETIMES = {
    LinkPurpose.SET_UP: timedelta(days=7),
    LinkPurpose.INVITATION: timedelta(days=7),
    LinkPurpose.RESET: timedelta(days=1),
}


def make(purpose: LinkPurpose, user: User | None = None) -> str:
    """Make a link's token and end the older links of the same purpose and user."""
    token = secrets.token_urlsafe(32)
    revoke(user, purpose)
    db.session.add(
        AccountLink(
            token_hash=hash_of(token),
            purpose=purpose,
            user_id=user.id if user else None,
            expires_at=clock.now() + LIFETIMES[purpose],
        )
    )
    db.session.flush()
    events.done(Kind.LINK_MADE, about=user.id if user else None, detail=purpose)
    return token


def find(token: str, purpose: LinkPurpose) -> AccountLink:
    """Fetch the link that a token opens.

    Raises InvalidInputError: link_unknown, link_used or link_expired.
    """
    link = db.session.scalar(
        select(AccountLink).where(
            AccountLink.token_hash == hash_of(token), AccountLink.purpose == purpose
        )
    )
    if link is None:
        raise InvalidInputError("link_unknown")
    if link.used_at is not None:
        raise InvalidInputError("link_used")
    if link.expires_at <= clock.now():
        raise InvalidInputError("link_expired")
    return link


def use(token: str, purpose: LinkPurpose) -> AccountLink:
    """Fetch a link and use it up; of two people who use it at once, one is refused.

    Raises InvalidInputError: link_unknown, link_used or link_expired.
    """
    link = find(token, purpose)
    used = db.session.scalars(
        update(AccountLink)
        .where(AccountLink.id == link.id, AccountLink.used_at.is_(None))
        .values(used_at=clock.now())
        .returning(AccountLink.id)
    ).all()
    if not used:
        raise InvalidInputError("link_used")
    events.done(Kind.LINK_USED, by=link.user_id, about=link.user_id, detail=purpose)
    return link


def revoke(user: User | None, *purposes: LinkPurpose) -> None:
    """End the unused links of a user (None: those of the first set-up), of all or some purposes."""
    db.session.execute(
        update(AccountLink)
        .where(
            AccountLink.user_id == (user.id if user else None),
            AccountLink.used_at.is_(None),
            AccountLink.purpose.in_(purposes or tuple(LinkPurpose)),
        )
        .values(used_at=clock.now())
    )


def path(purpose: LinkPurpose, token: str) -> str:
    """Return the path of the page that the link opens."""
    return f"/{purpose}/{token}"


def hash_of(token: str) -> str:
    """Return what the database keeps of a token."""
    return hashlib.sha256(token.encode()).hexdigest()

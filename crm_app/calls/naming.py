"""Whose name may be read from a call: the number alone must not open anybody's record."""

from collections.abc import Iterable

from crm_app.accounts import rights
from crm_app.accounts.models import User
from crm_app.accounts.rights import Verb
from crm_app.calls.fold.facts import Direction
from crm_app.calls.models import Call
from crm_app.contacts.models import Contact


def may_name(call: Call, contact: Contact, user: User) -> bool:
    """Whether a user who sees a call also reads which contact it was with.

    The user whose phone rings learns who calls, even of a colleague's client. But anybody can
    dial any number: the name behind it is only for those who see the contact anyway.
    """
    is_dialled = call.direction == Direction.OUTBOUND
    return not is_dialled or rights.reaches(user, contact, Verb.VIEW)


def named(call: Call, user: User) -> Contact | None:
    """Return the contact of a call as a user may read it, None when there is none to be named."""
    contact = call.contact
    return contact if contact is not None and may_name(call, contact, user) else None


def only_named(call: Call, contacts: Iterable[Contact], user: User) -> list[Contact]:
    """Keep those of several contacts that may be named to a user."""
    return [contact for contact in contacts if may_name(call, contact, user)]

"""One record of each noun that has a bin, for the tests that hold for all of them."""

from collections.abc import Callable
from typing import Any

import pytest

from crm_app.accounts.models import User
from crm_app.demo import make_contact, make_lead, make_task
from crm_app.extensions import db
from crm_app.journal.kinds import RecordKind
from crm_app.records import registry

Make = Callable[..., Any]
MAKERS: dict[RecordKind, Make] = {
    RecordKind.CONTACT: make_contact,
    RecordKind.LEAD: make_lead,
    RecordKind.TASK: make_task,
}


@pytest.fixture(params=[noun for noun in registry.nouns() if noun.has_bin], ids=lambda n: n.kind)
def noun(request: pytest.FixtureRequest) -> registry.Noun:
    """Each noun that has a bin."""
    found: registry.Noun = request.param
    return found


@pytest.fixture
def make(noun: registry.Noun) -> Make:
    """Make a record of the noun by its title."""
    return MAKERS[noun.kind]


def give(record: Any, user: User) -> None:
    """Make a record somebody's own."""
    setattr(record, type(record).OWNERS[0], user.id)
    db.session.commit()

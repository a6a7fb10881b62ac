"""What the log of an earlier version lacks is filled in when the office is upgraded."""

import json

import pytest
from flask_migrate import upgrade
from sqlalchemy import func, select, update

from crm_app.accounts.models import User
from crm_app.calls.models import Call, CallLeg
from crm_app.contacts.models import Contact
from crm_app.extensions import db
from tests.house.test_migrations import RELEASES, MakeApp, fill, new_house

__all__ = ["new_house"]


@pytest.mark.parametrize("release", RELEASES, ids=lambda path: path.stem)
def test_it_knows_when_old_legs_began_and_who_is_responsible(
    release: object, new_house: MakeApp
) -> None:
    office = json.loads(release.read_text(encoding="utf-8"))  # type: ignore[attr-defined]
    with new_house().app_context():
        upgrade(revision=office["revision"])
        with db.engine.begin() as connection:
            fill(connection, office["tables"])
        upgrade()
        began = select(func.count()).select_from(CallLeg).join(Call)
        assert db.session.scalar(began) > 5
        assert db.session.scalar(began.where(CallLeg.started_at != Call.started_at)) == 0
        assert responsible_differs() == 0
        somebody = db.session.scalars(select(User.id).order_by(User.id.desc())).first()
        db.session.execute(update(Contact).values(responsible_id=somebody))
        db.session.commit()
        copied = select(func.count(Call.id)).where(Call.responsible_id == somebody)
        assert db.session.scalar(copied) > 5
        db.session.rollback()


def responsible_differs() -> int:
    """Count the calls whose copy is not what their contact says."""
    differs = Call.responsible_id.is_distinct_from(Contact.responsible_id)
    rows = select(func.count(Call.id)).outerjoin(Contact, Contact.id == Call.contact_id)
    return db.session.scalar(rows.where(differs)) or 0

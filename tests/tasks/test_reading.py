"""Looking at tasks changes nothing."""

from crm_app.demo import make_contact, make_lead, make_task
from crm_app.extensions import db
from crm_app.records.bin import put_in_bin
from tests.reading import written_by_reading


def test_it_writes_nothing_for_whoever_only_looks(app, client_of, bob):
    contact, lead = make_contact("João Silva"), make_lead("Roof")
    kept, binned = make_task("Call", assignee_id=bob.id), make_task("Write", assignee_id=bob.id)
    put_in_bin(binned, bob)
    db.session.commit()
    written = written_by_reading(
        app,
        client_of(bob),
        "tasks",
        task_id=[kept.id, binned.id],
        contact_id=[contact.id],
        lead_id=[lead.id],
    )
    assert not written

"""Looking at leads and at the pipeline changes nothing."""

from sqlalchemy import select

from crm_app.demo import make_contact, make_lead
from crm_app.extensions import db
from crm_app.leads.models import LeadStage
from crm_app.records.bin import put_in_bin
from tests.reading import written_by_reading


def test_it_writes_nothing_for_whoever_only_looks(app, client_of, dora):
    contact = make_contact("João Silva", phones=("912345678",))
    kept, binned = make_lead("Roof", contact_id=contact.id), make_lead("Wall")
    put_in_bin(binned, dora)
    db.session.commit()
    stage_ids = db.session.scalars(select(LeadStage.id)).all()
    written = written_by_reading(
        app,
        client_of(dora),
        "leads",
        lead_id=[kept.id, binned.id],
        stage_id=stage_ids,
        contact_id=[contact.id],
    )
    assert not written

"""Two colleagues at the same task, in the same moment."""

import pytest

from crm_app.demo import make_task
from crm_app.extensions import db
from crm_app.journal.models import JournalEntry
from crm_app.records.bin import put_in_bin, restore
from crm_app.tasks import services
from crm_app.tasks.models import Task
from tests.overtaken import overtaken


def actions(task: Task) -> list[str]:
    return [entry.action for entry in db.session.scalars(JournalEntry.of("task", task.id))]


def test_it_is_ticked_off_once(client_of, bob, carol):
    task, client = make_task("Call"), client_of(bob)
    url = f"/tasks/{task.id}/complete"
    services.complete(task, carol)
    assert overtaken(lambda: client.post(url)).status_code == 303
    db.session.refresh(task)
    assert (actions(task), task.version, task.completed_by_id) == (["completed"], 2, carol.id)


@pytest.mark.parametrize(
    ("first", "verb", "then"),
    [("delete", put_in_bin, "deleted"), ("restore", restore, "restored")],
    ids=["delete", "restore"],
)
def test_it_goes_to_the_bin_and_back_once(client_of, bob, carol, first, verb, then):
    task, client = make_task("Call"), client_of(bob)
    if first == "restore":
        task.deleted_at = task.created_at
        db.session.commit()
    url = f"/tasks/{task.id}/{first}"
    verb(task, carol)
    assert overtaken(lambda: client.post(url)).status_code in {303, 404}
    db.session.refresh(task)
    assert (actions(task), task.version) == ([then], 2)

"""A worker whose jobs add one task each; a test starts it on its own database, and kills it.

The first argument is after how many jobs it stands still in the middle of one, until it is killed.
"""

import sys
import threading
from datetime import timedelta

from sqlalchemy import func, select

from crm_app import config, create_app
from crm_app.extensions import db
from crm_app.jobs.models import Job
from crm_app.jobs.runner import Kind, Payload
from crm_app.serving.worker import Worker
from crm_app.tasks import services as tasks
from crm_app.tasks.fields import TaskDraft

KIND = "add"


def add(payload: Payload) -> None:
    """Do what would be seen twice if it were done twice."""
    tasks.create_task(TaskDraft(title=payload["title"]), None)
    done = db.session.scalar(select(func.count(Job.id)).where(Job.done_at.is_not(None))) or 0
    if len(sys.argv) > 1 and done >= int(sys.argv[1]):
        threading.Event().wait()


if __name__ == "__main__":
    settings = config.load()
    Worker(create_app(settings), settings, [Kind(KIND, add, lease=timedelta(seconds=2))]).run()

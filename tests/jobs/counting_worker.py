"""A worker whose jobs add one task each; a test starts it on its own database, and kills it."""

from datetime import timedelta

from crm_app import config, create_app
from crm_app.jobs.runner import Kind, Payload
from crm_app.serving.worker import Worker
from crm_app.tasks import services as tasks
from crm_app.tasks.fields import TaskDraft

KIND = "add"


def add(payload: Payload) -> None:
    """Do what would be seen twice if it were done twice."""
    tasks.create_task(TaskDraft(title=payload["title"]), None)


if __name__ == "__main__":
    settings = config.load()
    Worker(create_app(settings), settings, [Kind(KIND, add, lease=timedelta(seconds=2))]).run()

"""The form of a task: made, changed, and changed by two people at once."""

from typing import Any

from flask import request, url_for
from flask_babel import lazy_gettext as _l

from crm_app.accounts.current import me
from crm_app.accounts.models import User
from crm_app.accounts.rights import may_open
from crm_app.contacts import picking
from crm_app.extensions import db
from crm_app.records.edit_views import Editing
from crm_app.tasks import services, wording
from crm_app.tasks.forms import TaskForm, leads_for, prefilled
from crm_app.tasks.listing import names
from crm_app.tasks.models import NOUN, Task
from crm_app.tasks.views import bp
from crm_app.web.return_to import here
from crm_app.web.return_to import local as local_path


class TaskEditing(Editing[Task, TaskForm]):
    """The form of a task, which goes back to the page it was opened from."""

    noun, form, history = NOUN, TaskForm, wording.HISTORY
    template = "tasks/edit.html"
    added, saved = _l("The task was added."), _l("The task was saved.")
    options = names()

    def prefilled(self) -> dict[str, Any]:
        """Read from the address what a link to the form knows."""
        return prefilled(request.args, me())

    def offer(self, form: TaskForm, task: Task | None) -> None:
        """Fill the choices of who it is for and of the lead."""
        form.offer(db.session.scalars(User.enabled()), leads_for(form, me()), task)

    def only_changes_form(self, _form: TaskForm) -> bool:
        """Look for a contact when only that was asked."""
        return picking.only_searches()

    def check(self, form: TaskForm, task: Task | None) -> bool:
        """Check the contact; with a lead alone its contact is chosen."""
        form.settle(me(), task)
        return not form.errors

    def create(self, form: TaskForm) -> Task:
        """Add the task."""
        return services.create_task(form.draft(me(), None), me())

    def save(self, form: TaskForm, task: Task) -> None:
        """Change the task."""
        services.update_task(task, form.draft(me(), task), me())

    def shown(self, form: TaskForm, task: Task | None) -> dict[str, Any]:
        """Return the chosen contact, and the page to go back to."""
        picked = picking.shown(form.contact_id, me(), task.contact if task else None)
        back = local_path(request.form.get("back", ""), here(url_for(".index")))
        return {**picked, "back": back}

    def address_after(self, task: Task) -> str:
        """Return the page that the form was opened from, unless that may be gone by now."""
        back = local_path(request.form.get("back", ""), url_for(".index"))
        return back if may_open(me(), task) else url_for(".index")


TaskEditing().add_to(bp)

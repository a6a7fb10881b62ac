"""Pages of tasks: the list, one task; ticking off and undoing."""

from dataclasses import replace

from flask import Blueprint, render_template, request, url_for
from flask_babel import gettext as _

from crm_app.accounts.colleagues import colleagues
from crm_app.accounts.current import me
from crm_app.accounts.rights import Place, Reach, Verb, fetch, find, reach
from crm_app.contacts.models import Contact
from crm_app.extensions import db
from crm_app.local_time import LocalTime
from crm_app.records.views import add_bin
from crm_app.tasks import services, wording
from crm_app.tasks.fields import TaskDraft
from crm_app.tasks.forms import QuickForm
from crm_app.tasks.listing import TaskFilter, list_tasks, names
from crm_app.tasks.models import NOUN, Task
from crm_app.web import sent_forms
from crm_app.web.display.formatting import choose_timezone
from crm_app.web.fragments import Answer, page_or_fragment, see_other, wants_fragment
from crm_app.web.return_to import here, this_page
from crm_app.web.toasts import toast

bp = Blueprint("tasks", __name__, url_prefix="/tasks")
bp.add_app_template_filter(wording.due, "due")
bp.add_app_template_filter(wording.is_overdue, "overdue")


def fetch_whole(task_id: int, verb: Verb, place: Place = Place.OUTSIDE_BIN) -> Task:
    """Fetch a task with the names that its page shows; NotFoundError unless the user may."""
    return fetch(Task, task_id, me(), verb, place=place, options=names())


def add_once(draft: TaskDraft) -> Task:
    """Add the task of a form, or give the one that the same form has added already."""
    return sent_forms.made(Task, lambda: services.create_task(draft, me()))


@bp.route("", methods=["GET", "POST"])
def index() -> Answer:
    """List the tasks in groups, mine unless asked otherwise; a post adds one in one line."""
    form, filters = QuickForm(), TaskFilter.from_args(request.args)
    contact = find(Contact, filters.contact, me(), Verb.VIEW)
    if form.validate_on_submit():
        task = add_once(form.draft(contact_id=contact.id if contact else None))
        db.session.commit()
        toast(_("The task was added."), undo_url=url_for(".delete", task_id=task.id))
        if not wants_fragment():
            return see_other(this_page())
        form = QuickForm(formdata=None)
    return _list_page(form, filters, contact), 422 if form.errors else 200


def _list_page(form: QuickForm, filters: TaskFilter, contact: Contact | None) -> str:
    if contact is None:
        filters = replace(filters, contact=None)
    local = LocalTime.of(choose_timezone())
    return page_or_fragment(
        "tasks/index.html",
        "tasks/_tasks.html",
        form=form,
        groups=list_tasks(me(), filters, local, request.args.get("cursor", "")),
        filters=filters,
        names=wording.GROUP_NAMES,
        contact=contact,
        users=colleagues() if reach(me(), Verb.VIEW) is Reach.ALL else [],
    )


@bp.get("/<int:task_id>")
def show(task_id: int) -> Answer:
    """Show all about one task; one in the bin can be restored from here."""
    task = fetch_whole(task_id, Verb.VIEW, Place.ANYWHERE)
    return render_template("tasks/show.html", task=task, history=wording.HISTORY.of(task.id))


@bp.post("/<int:task_id>/complete")
def complete(task_id: int) -> Answer:
    """Tick a task off, with undo."""
    task = fetch_whole(task_id, Verb.EDIT)
    services.complete(task, me())
    db.session.commit()
    undo = url_for(".reopen", task_id=task.id)
    toast(_("Done: %(title)s", title=task.title), undo_url=undo)
    return _row_again(task_id)


@bp.post("/<int:task_id>/reopen")
def reopen(task_id: int) -> Answer:
    """Take the tick off again."""
    services.reopen(fetch_whole(task_id, Verb.EDIT), me())
    db.session.commit()
    return _row_again(task_id)


def _row_again(task_id: int) -> Answer:
    if not wants_fragment():
        return see_other(here(url_for(".index")))
    within = request.args.get("within", "")
    return render_template("tasks/_row.html", task=fetch_whole(task_id, Verb.VIEW), within=within)


add_bin(
    bp,
    NOUN,
    wording.WORDS,
    detail=lambda task: task.contact.name if task.contact else "",
    options=names(),
)

"""Pages of tasks: the list, one task, its form, the bin; ticking off and undoing."""

from flask import Blueprint, abort, render_template, request, url_for
from flask_babel import gettext as _
from sqlalchemy import Select
from werkzeug.wrappers import Response

from crm_app.accounts.colleagues import colleagues
from crm_app.accounts.current import me
from crm_app.accounts.models import User
from crm_app.accounts.services import sees_everything
from crm_app.contacts import services as contacts
from crm_app.contacts.models import Contact
from crm_app.errors import ConflictError
from crm_app.extensions import db
from crm_app.leads.new_lead import only_searches, picker
from crm_app.paging import fetch_page
from crm_app.tasks import services, typed, wording
from crm_app.tasks.forms import QuickForm, TaskForm
from crm_app.tasks.listing import (
    GROUPS,
    SHOWN_DONE,
    SHOWN_TOGETHER,
    LocalTime,
    page_of_group,
    with_names,
)
from crm_app.tasks.models import Task
from crm_app.web.back import here
from crm_app.web.back import local as local_path
from crm_app.web.conflict import Change
from crm_app.web.formatting import choose_timezone
from crm_app.web.fragments import page_or_fragment, see_other, wants_fragment
from crm_app.web.ids import read_id
from crm_app.web.toasts import toast

bp = Blueprint("tasks", __name__, url_prefix="/tasks")
bp.add_app_template_filter(wording.due, "due")
bp.add_app_template_filter(wording.is_overdue, "overdue")
Answer = str | tuple[str, int] | Response


def task_or_404(task_id: int, *, in_bin: bool = False) -> Task:
    """Fetch a task that the user may see and change; one in the bin only when asked for."""
    task = _find(services.visible_to(me()), task_id)
    if task is None and in_bin:
        task = _find(services.binned_for(me()), task_id)
    return task if task is not None else abort(404)


def _find(among: Select[Task], task_id: int) -> Task | None:
    return db.session.scalar(with_names(among.where(Task.id == task_id)))


@bp.route("", methods=["GET", "POST"])
def index() -> Answer:
    """List the tasks in groups, mine unless asked otherwise; a post adds one in one line."""
    form = QuickForm()
    if form.validate_on_submit():
        task = services.create_task(form.title.data, me(), **typed.quick_details(form))
        db.session.commit()
        toast(_("The task was added."), undo_url=url_for(".delete", task_id=task.id))
        if not wants_fragment():
            return see_other(request.full_path.rstrip("?"))
        form = QuickForm(formdata=None)
    return _list_page(form), 422 if form.errors else 200


def _list_page(form: QuickForm) -> str:
    local = LocalTime.of(choose_timezone())
    assignee, contact = request.args.get("assignee", "me"), _filter_contact()
    tasks = typed.narrow(services.visible_to(me()), assignee, contact, me())
    only, cursor = request.args.get("group", ""), request.args.get("cursor", "")
    if only in GROUPS:
        groups = {only: page_of_group(tasks, only, local, cursor, 50)}
    else:
        sizes = {group: SHOWN_DONE if group == "done" else SHOWN_TOGETHER for group in GROUPS}
        groups = {g: page_of_group(tasks, g, local, "", size) for g, size in sizes.items()}
    return page_or_fragment(
        "tasks/index.html",
        "tasks/_tasks.html",
        form=form,
        groups=groups,
        only=only if only in GROUPS else "",
        names=wording.GROUP_NAMES,
        assignee=assignee,
        contact=contact,
        users=colleagues() if sees_everything(me()) else [],
    )


def _filter_contact() -> Contact | None:
    contact_id = read_id(request.args.get("contact"))
    if contact_id is None:
        return None
    return db.session.scalar(contacts.visible_to(me()).where(Contact.id == contact_id))


@bp.get("/<int:task_id>")
def show(task_id: int) -> Answer:
    """Show all about one task; one in the bin can be restored from here."""
    task = task_or_404(task_id, in_bin=True)
    return render_template("tasks/show.html", task=task, history=wording.STORY.of(task.id))


@bp.route("/new", methods=["GET", "POST"])
def new() -> Answer:
    """Make a task, prefilled from the address."""
    local = LocalTime.of(choose_timezone())
    form = TaskForm(data=typed.prefilled(request.args, local, me()))
    form.offer(db.session.scalars(User.enabled()), typed.leads_for(form, me()), None)
    if not only_searches() and form.validate_on_submit():
        details = typed.details(form, local, me(), None)
        if not form.errors:
            task = services.create_task(form.title.data, me(), **details)
            db.session.commit()
            toast(_("The task was added."), undo_url=url_for(".delete", task_id=task.id))
            return see_other(local_path(request.form.get("back", ""), url_for(".index")))
    return _form_page(form, None)


@bp.route("/<int:task_id>/edit", methods=["GET", "POST"])
def edit(task_id: int) -> Answer:
    """Change a task; whoever saves second is told what the first one changed."""
    task, local = task_or_404(task_id), LocalTime.of(choose_timezone())
    form = TaskForm(data=typed.contents_of(task, local))
    form.offer(db.session.scalars(User.enabled()), typed.leads_for(form, me()), task)
    if not form.is_submitted():
        form.show_version(task.version)
        return _form_page(form, task)
    if only_searches():
        return _form_page(form, task, code=200)
    is_valid = form.validate()
    details = typed.details(form, local, me(), task)
    if not is_valid or form.errors:
        return _form_page(form, task)
    try:
        services.locked(task, form.read_version)
    except ConflictError:
        return _conflict(form, task, local)
    services.update_task(task, me(), title=form.title.data, **details)
    db.session.commit()
    toast(_("The task was saved."))
    return see_other(local_path(request.form.get("back", ""), url_for(".index")))


def _conflict(form: TaskForm, task: Task, local: LocalTime) -> Answer:
    missed = wording.STORY.missed(task.id, task.version - form.read_version)
    newest = TaskForm(formdata=None, data=typed.contents_of(task, local))
    newest.offer(db.session.scalars(User.enabled()), typed.leads_for(newest, me()), task)
    form.rebase(newest, task.version)
    return _form_page(form, task, missed, code=409)


def _form_page(
    form: TaskForm, task: Task | None, changes: list[Change] | None = None, code: int = 0
) -> Answer:
    page = render_template(
        "tasks/edit.html",
        form=form,
        task=task,
        **picker(form.contact_id.data, me(), task.contact if task else None),
        changes=changes or [],
        back=local_path(request.form.get("back", ""), here(url_for(".index"))),
    )
    return page, code or (422 if form.errors else 200)


@bp.post("/<int:task_id>/complete")
def complete(task_id: int) -> Answer:
    """Tick a task off, with undo."""
    task = task_or_404(task_id)
    services.complete(task, me())
    db.session.commit()
    undo = url_for(".reopen", task_id=task.id)
    toast(_("Done: %(title)s", title=task.title), undo_url=undo)
    return _row_again(task_id)


@bp.post("/<int:task_id>/reopen")
def reopen(task_id: int) -> Answer:
    """Take the tick off again."""
    services.reopen(task_or_404(task_id), me())
    db.session.commit()
    return _row_again(task_id)


def _row_again(task_id: int) -> Answer:
    if not wants_fragment():
        return see_other(here(url_for(".index")))
    within = request.args.get("within", "")
    return render_template("tasks/_row.html", task=task_or_404(task_id), within=within)


@bp.post("/<int:task_id>/delete")
def delete(task_id: int) -> Answer:
    """Put a task in the bin, with undo."""
    task = task_or_404(task_id)
    services.delete(task, me())
    db.session.commit()
    toast(_("The task is in the bin."), undo_url=url_for(".restore", task_id=task.id))
    return see_other(url_for(".index"))


@bp.post("/<int:task_id>/restore")
def restore(task_id: int) -> Answer:
    """Take a task out of the bin."""
    task = task_or_404(task_id, in_bin=True)
    services.restore(task, me())
    db.session.commit()
    toast(_("The task is back."))
    return see_other(url_for(".show", task_id=task.id))


@bp.get("/bin")
def bin() -> Answer:
    """List the deleted tasks, the last deleted first."""
    page = fetch_page(
        db.session(),
        with_names(services.binned_for(me())),
        [Task.deleted_at, Task.id],
        cursor=request.args.get("cursor", ""),
        descending=True,
    )
    return render_template("tasks/bin.html", listing=page)

"""The form of a task: made, changed, and changed by two people at once."""

from flask import render_template, request, url_for
from flask_babel import gettext as _

from crm_app.accounts.current import me
from crm_app.accounts.models import User
from crm_app.accounts.rights import Place, Verb, may_open
from crm_app.contacts import picking
from crm_app.errors import ConflictError
from crm_app.extensions import db
from crm_app.records.bin import restore
from crm_app.records.versions import hold_version
from crm_app.tasks import services, wording
from crm_app.tasks.forms import TaskForm, leads_for, prefilled
from crm_app.tasks.models import Task
from crm_app.tasks.views import bp, fetch_whole
from crm_app.web import once
from crm_app.web.conflict import Change
from crm_app.web.fragments import Answer, see_other
from crm_app.web.return_to import here
from crm_app.web.return_to import local as local_path
from crm_app.web.toasts import toast


@bp.route("/new", methods=["GET", "POST"])
def new() -> Answer:
    """Make a task, prefilled from the address."""
    form = TaskForm(data=prefilled(request.args, me()))
    _offer(form, None)
    if not picking.only_searches() and form.validate_on_submit():
        form.settle(me(), None)
        if not form.errors:
            task = once.made(Task, lambda: services.create_task(form.draft(me(), None), me()))
            db.session.commit()
            toast(_("The task was added."), undo_url=url_for(".delete", task_id=task.id))
            return see_other(local_path(request.form.get("back", ""), url_for(".index")))
    return _form_page(form, None)


@bp.route("/<int:task_id>/edit", methods=["GET", "POST"])
def edit(task_id: int) -> Answer:
    """Change a task; whoever saves second is told what the first one changed."""
    task = fetch_whole(task_id, Verb.EDIT, _place())
    form = TaskForm(data=TaskForm.contents_of(task))
    _offer(form, task)
    if not form.is_submitted():
        form.show_version(task.version)
        return _form_page(form, task)
    if picking.only_searches():
        return _form_page(form, task, code=200)
    is_valid = form.validate()
    form.settle(me(), task)
    if not is_valid or form.errors:
        return _form_page(form, task)
    try:
        hold_version(task, form.read_version)
    except ConflictError:
        return _conflict(form, task)
    services.update_task(task, form.draft(me(), task), me())
    # Who was told that it is in the bin and saves all the same wants it back.
    restore(task, me())
    return _saved(task)


def _place() -> Place:
    # What was typed is kept, also when somebody has put the record in the bin.
    return Place.ANYWHERE if request.method == "POST" else Place.OUTSIDE_BIN


def _saved(task: Task) -> Answer:
    db.session.commit()
    toast(_("The task was saved."))
    back = local_path(request.form.get("back", ""), url_for(".index"))
    # Who may see only own tasks and gave this one away cannot go back to its page.
    return see_other(back if may_open(me(), task) else url_for(".index"))


def _conflict(form: TaskForm, task: Task) -> Answer:
    missed = wording.HISTORY.missed(task.id, task.version - form.read_version)
    newest = TaskForm(formdata=None, data=TaskForm.contents_of(task))
    _offer(newest, task)
    if form.agrees_with(newest) and task.deleted_at is None:
        return _saved(task)
    form.rebase(newest, task.version)
    return _form_page(form, task, missed, code=409)


def _offer(form: TaskForm, task: Task | None) -> None:
    form.offer(db.session.scalars(User.enabled()), leads_for(form, me()), task)


def _form_page(
    form: TaskForm, task: Task | None, changes: list[Change] | None = None, code: int = 0
) -> Answer:
    page = render_template(
        "tasks/edit.html",
        form=form,
        task=task,
        **picking.shown(form.contact_id, me(), task.contact if task else None),
        changes=changes,
        back=local_path(request.form.get("back", ""), here(url_for(".index"))),
    )
    return page, code or (422 if form.errors else 200)

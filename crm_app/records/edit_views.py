"""One form for every noun: made, changed, and changed by two people at once.

A noun says in a subclass of Editing what its form shows and which verbs save it; when the form is
answered with a conflict (409), a refusal (422) or the record's page is decided here.
"""

from abc import ABC, abstractmethod
from typing import Any, ClassVar, Generic, TypeVar

from flask import Blueprint, render_template, request, url_for

from crm_app.accounts.current import me
from crm_app.accounts.rights import Place, Verb, fetch, may_open
from crm_app.errors import ConflictError, InvalidInputError
from crm_app.extensions import db
from crm_app.journal.history import History
from crm_app.records.bin import restore
from crm_app.records.forms import DescribedForm
from crm_app.records.registry import Noun
from crm_app.records.versions import for_update_at
from crm_app.records.views import url_of
from crm_app.web import sent_forms
from crm_app.web.conflict import Change
from crm_app.web.fragments import Answer, see_other
from crm_app.web.toasts import toast

R = TypeVar("R")
F = TypeVar("F", bound=DescribedForm)


class Editing(ABC, Generic[R, F]):
    """The form of one noun, at `/new` and at the `edit` of a record.

    `added` and `saved` are what a toast says then, and `history` puts what an editor missed into
    words. Verbs that the methods call may raise InvalidInputError.
    """

    noun: ClassVar[Noun]
    form: ClassVar[type[DescribedForm]]
    history: ClassVar[History]
    template: ClassVar[str]
    added: ClassVar[Any]
    saved: ClassVar[Any]
    options: ClassVar[tuple[Any, ...]] = ()

    @abstractmethod
    def prefilled(self) -> dict[str, Any]:
        """Read from the address what a new record begins with."""

    @abstractmethod
    def offer(self, form: F, record: R | None) -> None:
        """Fill the choices of a form."""

    @abstractmethod
    def create(self, form: F) -> R | None:
        """Make the record that a valid form describes; None when the form's fields say why not."""

    @abstractmethod
    def save(self, form: F, record: R) -> None:
        """Write what a valid form says to a record, of which the read version is held."""

    def only_changes_form(self, _form: F) -> bool:
        """Do what a button asks for that saves nothing, and say whether one was pressed."""
        return False

    def check(self, form: F, _record: R | None) -> bool:
        """Check what the form cannot check by itself, and say whether it may be saved."""
        return not form.errors

    def shown(self, _form: F, _record: R | None) -> dict[str, Any]:
        """Return what the template shows beside the form."""
        return {}

    def warn(self, form: F) -> None:
        """Say what speaks against what was saved."""

    def address_after(self, record: R) -> str:
        """Return the page that follows, for a user who may not be allowed to open the record."""
        return url_of(record)

    def add_to(self, bp: Blueprint) -> None:
        """Add the two pages of the form to a noun's blueprint."""

        @bp.route("/new", methods=["GET", "POST"])
        def new() -> Answer:
            """Make a record, with a form prefilled from the address."""
            return self._new()

        @bp.route(f"/<int:{self.noun.id_name}>/edit", methods=["GET", "POST"])
        def edit(**address: Any) -> Answer:
            """Change a record; an editor who saves second is shown what the first one changed."""
            return self._edit(address[self.noun.id_name])

    def _new(self) -> Answer:
        form = self._form(None)
        if not form.is_submitted() or self.only_changes_form(form):
            return self._page(form, None, 200)
        if not self._is_fine(form, None):
            return self._page(form, None, 422)
        try:
            record = sent_forms.made(self.noun.model, lambda: self.create(form))
        except InvalidInputError as error:
            return self._refused(form, None, error)
        if record is None:
            return self._page(form, None, 422)
        db.session.commit()
        # A user who assigned it to a colleague may no longer be allowed to open it.
        address = {self.noun.id_name: record.id}  # type: ignore[attr-defined]
        undo_url = url_for(".delete", **address) if may_open(me(), record) else ""  # type: ignore[arg-type]
        toast(str(self.added), undo_url=undo_url)
        self.warn(form)
        return see_other(self.address_after(record))

    def _edit(self, record_id: int) -> Answer:
        record = self._fetch(record_id)
        form = self._form(record)
        if not form.is_submitted():
            form.show_version(record.version)
            return self._page(form, record, 200)
        if self.only_changes_form(form):
            return self._page(form, record, 200)
        if not self._is_fine(form, record):
            return self._page(form, record, 422)
        try:
            for_update_at(record, form.read_version)
            self.save(form, record)
        except ConflictError:
            return self._conflict(form, record)
        except InvalidInputError as error:
            return self._refused(form, record_id, error)
        return self._saved(form, record)

    def _form(self, record: R | None, **options: Any) -> F:
        contents = self.prefilled() if record is None else self.form.contents_of(record)
        form: F = self.form(data=contents, **options)
        self.offer(form, record)
        return form

    def _fetch(self, record_id: int) -> Any:
        # What was typed is kept, also when somebody has put the record in the bin.
        place = Place.ANYWHERE if request.method == "POST" else Place.OUTSIDE_BIN
        model, options = self.noun.model, self.options
        return fetch(model, record_id, me(), Verb.EDIT, place=place, options=options)

    def _is_fine(self, form: F, record: R | None) -> bool:
        is_valid = bool(form.validate())
        return self.check(form, record) and is_valid

    def _saved(self, form: F, record: Any) -> Answer:
        # An editor who has seen that it is in the bin and still saves wants it restored.
        restore(record, me())
        db.session.commit()
        toast(str(self.saved))
        self.warn(form)
        return see_other(self.address_after(record))

    def _conflict(self, form: F, record: Any) -> Answer:
        newest = self._form(record, formdata=None)
        if form.agrees_with(newest) and not record.is_in_bin:
            return self._saved(form, record)
        for field in newest:
            # What the first editor chose can be chosen here, too.
            if hasattr(field, "choices"):
                form[field.name].choices = field.choices
        missed = self.history.missed(record.id, record.version - form.read_version)
        form.rebase(newest, record.version)
        return self._page(form, record, 409, missed)

    def _refused(self, form: F, record_id: int | None, error: InvalidInputError) -> Answer:
        db.session.rollback()
        form.refuse(error)
        return self._page(form, self._fetch(record_id) if record_id else None, 422)

    def _page(
        self, form: F, record: R | None, code: int, changes: list[Change] | None = None
    ) -> Answer:
        shown = {str(self.noun.kind): record, **self.shown(form, record)}
        return render_template(self.template, form=form, changes=changes, **shown), code

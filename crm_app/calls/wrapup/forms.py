"""What may be typed about a call, and the names of the outcomes."""

from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from flask_wtf import FlaskForm
from wtforms import DateField, HiddenField, StringField, TextAreaField
from wtforms.validators import DataRequired, Length, Optional

from crm_app.calls.models import OUTCOME_LENGTH, CallWrapup
from crm_app.calls.wrapup.outcomes import LABEL_LENGTH
from crm_app.calls.wrapup.services import WrittenUp
from crm_app.journal.services import NOTE_LENGTH
from crm_app.local_time import LocalTime
from crm_app.tasks.models import TITLE_LENGTH
from crm_app.text import clean
from crm_app.web.display.formatting import choose_timezone, day, when
from crm_app.web.line_ends import PlainLines

OUTCOME_WORDS = {
    "done": _l("Done"),
    "interested": _l("Interested"),
    "call_again": _l("Call again"),
    "not_interested": _l("Not interested"),
    "not_reached": _l("No answer"),
    "wrong_number": _l("Wrong number"),
}
CHIP_WORDS = {"hour": _l("In 1 hour"), "tomorrow": _l("Tomorrow"), "monday": _l("Monday")}
TOO_LONG = _l("This is too long.")


class WrapupForm(PlainLines):
    """How a call went."""

    outcome = StringField(_l("Outcome"), filters=[clean], validators=[Length(max=OUTCOME_LENGTH)])
    note = TextAreaField(
        _l("Note"), filters=[clean], validators=[Length(max=NOTE_LENGTH, message=TOO_LONG)]
    )
    chip = StringField(filters=[clean], validators=[Length(max=20)])
    # The day that the chip of this name means.
    day = DateField(_l("Day"), validators=[Optional()])
    task_title = StringField(
        _l("Task"), filters=[clean], validators=[Length(max=TITLE_LENGTH, message=TOO_LONG)]
    )
    # What stood in the field when nobody had typed there.
    default_title = HiddenField(filters=[clean], validators=[Length(max=TITLE_LENGTH)])

    def written(self) -> WrittenUp:
        """Return what was typed; a title that nobody has changed is none."""
        chip = self.chip.data if self.chip.data in {*CHIP_WORDS, "day", "kept"} else ""
        title = self.task_title.data
        is_own = title != self.default_title.data
        return WrittenUp(
            self.outcome.data, self.note.data, chip, title if is_own else "", self.day.data
        )


class OutcomeForm(FlaskForm):
    """The name of an outcome."""

    label = StringField(
        _l("Name"), filters=[clean], validators=[DataRequired(), Length(max=LABEL_LENGTH)]
    )


def call_back(who: str) -> str:
    """Word the task that is meant when nobody types another one."""
    return str(_("Call %(who)s", who=who))[:TITLE_LENGTH]


def saved_words(row: CallWrapup, who: str, outcome: str) -> str:
    """Say of whom something was written up, and what: "Ana Sousa: Call again, task tomorrow"."""
    what = [outcome or str(_("written up"))]
    if row.task_due_at is not None:
        what.append(_task_words(row, LocalTime.of(choose_timezone())))
    return str(_("%(who)s: %(what)s", who=who or _("Hidden number"), what=", ".join(what)))


def _task_words(row: CallWrapup, local: LocalTime) -> str:
    if row.task_due_at and row.task_has_time:
        is_today = row.task_due_at.astimezone(local.zone).date() == local.today
        words = _("task at %(when)s") if is_today else _("task %(when)s")
        return str(words) % {"when": when(row.task_due_at)}
    if row.task_due_at and row.task_due_at.date() == local.chips()["tomorrow"]:
        return str(_("task tomorrow"))
    return str(_("task on %(day)s", day=day(row.task_due_at)))

"""What may be typed about a talk that no PBX saw."""

from datetime import date, datetime, time
from typing import Any

from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from flask_babel import pgettext
from wtforms import DateField, IntegerField, SelectField, TextAreaField, ValidationError
from wtforms.fields.choices import SelectChoice
from wtforms.validators import InputRequired, Length, Optional

from crm_app import clock
from crm_app.accounts.models import User
from crm_app.calls.fold.facts import Direction
from crm_app.calls.views import outcome_name
from crm_app.calls.wrapup import outcomes
from crm_app.calls.wrapup.forms import TOO_LONG
from crm_app.extensions import db
from crm_app.journal.services import NOTE_LENGTH
from crm_app.local_time import LocalTime
from crm_app.talks.models import Talk, TalkKind
from crm_app.talks.services import MOST_MINUTES, TalkDraft
from crm_app.talks.wording import DIRECTIONS, KINDS
from crm_app.tasks.fields import check_day
from crm_app.tasks.forms import MinuteField
from crm_app.text import clean
from crm_app.web.conflict import VersionedForm
from crm_app.web.display.formatting import choose_timezone


class TalkForm(VersionedForm):
    """A new or changed talk; only managers say who talked."""

    kind = SelectField(
        _l("How"), choices=[SelectChoice(code, words) for code, (words, _icon) in KINDS.items()]
    )
    direction = SelectField(
        _l("Who called"), choices=[SelectChoice(code, words) for code, words in DIRECTIONS.items()]
    )
    day = DateField(_l("Day"), validators=[InputRequired()])
    time = MinuteField(_l("Time"), validators=[InputRequired()])
    minutes = IntegerField(
        _l("Minutes"), validators=[Optional()], render_kw={"min": 1, "max": MOST_MINUTES}
    )
    user_id = SelectField(_l("Who talked"))
    outcome = SelectField(_l("Outcome"))
    note = TextAreaField(
        _l("Note"), filters=[clean], validators=[Length(max=NOTE_LENGTH, message=TOO_LONG)]
    )

    def offer(self, by: User, talk: Talk | None) -> None:
        """Fill the choices; what the talk has already stays choosable."""
        codes = dict.fromkeys(one.code for one in outcomes.offered())
        if talk is not None and talk.outcome:
            codes.setdefault(talk.outcome)
        self.outcome.choices = [
            SelectChoice("", pgettext("outcome", "None")),
            *(SelectChoice(code, outcome_name(code)) for code in codes),
        ]
        if not by.is_manager:
            del self.user_id
            return
        people = {user.id: user.name for user in db.session.scalars(User.enabled())}
        if talk is not None:
            people.setdefault(talk.user_id, talk.user.name)
        self.user_id.choices = [SelectChoice(str(key), name) for key, name in people.items()]

    def validate_day(self, field: DateField) -> None:
        """Refuse a day that no calendar of ours reaches."""
        if field.data is not None and check_day(field.data):
            raise ValidationError(_("There is no such day in our calendar."))

    def draft(self, by: User, talk: Talk | None) -> TalkDraft:
        """Return what was typed, once it is valid; only a manager says that a colleague talked."""
        who = talk.user_id if talk is not None else by.id
        return TalkDraft(
            kind=TalkKind(self.kind.data),
            direction=Direction(self.direction.data),
            began_at=self._began_at(talk),
            minutes=self.minutes.data,
            outcome=self.outcome.data,
            note=self.note.data,
            user_id=int(self.user_id.data) if self.user_id is not None else who,
        )

    def _began_at(self, talk: Talk | None) -> datetime:
        day, at = self.day.data, self.time.data or time.min
        # Of two 01:30s in the night when summer time ends the one that was meant stays.
        if talk is not None and (day, at) == _shown(talk.began_at):
            return talk.began_at
        return LocalTime.of(choose_timezone()).moment(day, at)


def contents_of(talk: Talk) -> dict[str, Any]:
    """Return what the form shows of a talk."""
    day, at = _shown(talk.began_at)
    return {
        "kind": talk.kind,
        "direction": talk.direction or Direction.OUTBOUND,
        "day": day,
        "time": at,
        "minutes": talk.minutes,
        "user_id": str(talk.user_id),
        "outcome": talk.outcome,
        "note": talk.note,
    }


def empty(user: User) -> dict[str, Any]:
    """Return what the form of a new talk shows: this user's, just now."""
    day, at = _shown(clock.now())
    return {"day": day, "time": at, "user_id": str(user.id)}


def _shown(moment: datetime) -> tuple[date, time]:
    local = moment.astimezone(LocalTime.of(choose_timezone()).zone)
    return local.date(), local.time().replace(second=0, microsecond=0)

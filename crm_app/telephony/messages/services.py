"""Text messages taken in, written down before they are sent, and handled. No verb here commits."""

from dataclasses import dataclass
from datetime import timedelta

from sqlalchemy import ColumnElement, and_, exists, or_, select, update

from crm_app import clock
from crm_app.accounts.colleagues import everybody
from crm_app.accounts.models import User
from crm_app.accounts.presence.services import state_of
from crm_app.accounts.rights import Verb, scope
from crm_app.calls.fold.facts import Direction
from crm_app.contacts.numbers.caller import Caller, find_callers
from crm_app.database import add_missing
from crm_app.extensions import db
from crm_app.live.screen_updates import after_commit
from crm_app.telephony.messages.models import Message, MessageState
from crm_app.telephony.models import TelephonySettings, TextMessage
from crm_app.telephony.zadarma.sms import SmsSent

# The PBX gives a message no id and no time. The same one within this time, but later than a second,
# is one that it posted again; two within a second are two.
POSTED_AGAIN_WITHIN = timedelta(seconds=30)
TWO_WITHIN = timedelta(seconds=1)


@dataclass(frozen=True, slots=True)
class NewMessage:
    """What a user wants to send: the number in E.164 or short, and a sender that may be used."""

    user_id: int
    number: str
    text: str
    sender: str = ""
    contact_id: int | None = None


@dataclass(frozen=True, slots=True)
class Client:
    """With whom messages are exchanged: a contact with its numbers, or a number alone."""

    number: str = ""
    contact_id: int | None = None
    numbers: tuple[str, ...] = ()

    @property
    def condition(self) -> ColumnElement[bool]:
        """Say that a message is with this client.

        One from a number that a contact was given later, or shares, is with that contact, too.
        """
        if self.contact_id is None:
            return Message.number == self.number
        nobodys = and_(Message.contact_id.is_(None), Message.number.in_(self.numbers))
        return or_(Message.contact_id == self.contact_id, nobodys)


def take_in(digest: str) -> Message | None:
    """Make a message of what came in, once; None for one that the PBX has posted again.

    Those whom it concerns get a notice.
    """
    source = db.session.scalar(select(TextMessage).where(TextMessage.digest == digest))
    if source is None or _is_posted_again(source):
        return None
    callers = find_callers(db.session.connection(), source.sender)
    add_missing(
        db.session,
        Message,
        direction=Direction.INBOUND,
        at=source.received_at,
        number=source.sender,
        line=source.line,
        contact_id=callers[0].contact_id if len(callers) == 1 else None,
        text=source.text,
        state=MessageState.RECEIVED,
        source_id=source.id,
        owner_id=_owner_of(callers),
    )
    found = db.session.scalars(select(Message).where(Message.source_id == source.id)).one()
    announce()
    after_commit(_who_hears_of(found), {"message": found.id})
    return found


def write(asked: NewMessage, parts: int) -> Message:
    """Write a message down that is about to be sent; flushed."""
    message = Message(
        direction=Direction.OUTBOUND,
        number=asked.number,
        line=asked.sender,
        contact_id=asked.contact_id,
        text=asked.text,
        state=MessageState.SENDING,
        user_id=asked.user_id,
        parts=parts,
    )
    db.session.add(message)
    db.session.flush()
    announce()
    return message


def settle(
    message_id: int, state: MessageState, code: str = "", sent: SmsSent | None = None
) -> None:
    """Write down what the PBX answered; what the client wrote before is answered then."""
    message = db.session.get_one(Message, message_id, populate_existing=True)
    message.state, message.error_code = state, code
    if sent is not None:
        message.error_words = sent.denied[:200]
        message.parts = sent.parts or message.parts
        message.cost = "" if sent.cost is None else str(sent.cost)[:20]
        message.currency = sent.currency
        message.line = sent.sender or message.line
    if state is MessageState.SENT:
        handle(and_(_of(message), Message.at <= message.at))
    announce()


def handle_all(client: Client, by: User) -> None:
    """Say that what came in from a client, as far as a user sees it, needs no answer any more."""
    handle(and_(client.condition, scope(by, Message, Verb.EDIT)))
    announce()


def handle(which: ColumnElement[bool]) -> None:
    """Mark messages that came in as handled."""
    db.session.execute(
        update(Message)
        .where(Message.direction == Direction.INBOUND, Message.handled_at.is_(None), which)
        .values(handled_at=clock.now())
        .execution_options(synchronize_session=False)
    )


def announce() -> None:
    """Let all screens with messages read them again once this is committed."""
    after_commit(everybody(), {"messages": 1})


def _is_posted_again(source: TextMessage) -> bool:
    """Whether the PBX posted the same message before; it may come to us in another order."""
    at = source.received_at
    same = select(TextMessage.id).where(
        TextMessage.id != source.id,
        TextMessage.sender == source.sender,
        TextMessage.line == source.line,
        TextMessage.text == source.text,
        or_(
            TextMessage.received_at.between(at - POSTED_AGAIN_WITHIN, at - TWO_WITHIN),
            and_(
                TextMessage.received_at.between(at + TWO_WITHIN, at + POSTED_AGAIN_WITHIN),
                exists().where(Message.source_id == TextMessage.id),
            ),
        ),
    )
    return db.session.scalar(same.limit(1)) is not None


def _owner_of(callers: list[Caller]) -> int | None:
    """Give whose client it is, where that is one user; else the default responsible."""
    users = {one.responsible_id or one.company_responsible_id for one in callers}
    default = TelephonySettings.current().default_responsible_id
    found = users.pop() if len(users) == 1 else None
    owner = db.session.get(User, found) if found is not None else None
    return owner.id if owner is not None and owner.active else default


def _who_hears_of(message: Message) -> set[int]:
    """Give whom a message that came in concerns, and who stands in for them."""
    owner = message.owner
    if owner is None:
        return {user.id for user in db.session.scalars(User.managing())}
    deputy = state_of(owner).deputy
    return {owner.id, deputy.id} if deputy is not None else {owner.id}


def _of(message: Message) -> ColumnElement[bool]:
    same = Message.number == message.number
    if message.contact_id is None:
        return same
    return or_(same, Message.contact_id == message.contact_id)

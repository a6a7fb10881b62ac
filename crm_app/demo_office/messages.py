"""The text messages of the sample office: a few threads, one that waits, and two templates."""

from collections.abc import Sequence
from datetime import timedelta

from crm_app import clock
from crm_app.accounts.models import User
from crm_app.calls.fold.facts import Direction
from crm_app.contacts.models import Contact
from crm_app.extensions import db
from crm_app.telephony import services
from crm_app.telephony.messages import templates
from crm_app.telephony.messages.models import Message, MessageState

# Who writes: the place of a contact, whose turn it is, hours ago, what.
THREADS = (
    (0, Direction.OUTBOUND, 27, "Bom dia, confirmamos a visita amanhã às 10h. Bruno, Ramal"),
    (0, Direction.INBOUND, 26, "Perfeito, até amanhã!"),
    (0, Direction.INBOUND, 1, "Já chegaram? Estou à porta."),
    (3, Direction.OUTBOUND, 50, "The offer is in your mail. Call us with any question."),
    (5, Direction.INBOUND, 3, "Pode enviar a fatura de novo, por favor?"),
)


def add_messages(users: Sequence[User], contacts: Sequence[Contact], line: str) -> None:
    """Switch text messages on, and put some in."""
    services.set_switches({"sms": "on"})
    admin, agent = users[0], users[1]
    templates.add("Confirmar visita", "Bom dia {name}, confirmamos a visita. {me}", admin)
    templates.add("Missed you", "Hello {name}, we could not reach you. Please call us. {me}", admin)
    people = [contact for contact in contacts if contact.phones]
    for place, direction, hours, text in THREADS:
        contact, is_in = people[place], direction is Direction.INBOUND
        message = Message(
            direction=direction, at=clock.now() - timedelta(hours=hours),
            number=contact.numbers[0], line=line, contact_id=contact.id, text=text,
            state=MessageState.RECEIVED if is_in else MessageState.SENT,
            owner_id=contact.responsible_id if is_in else None,
            handled_at=clock.now() if is_in and hours > 24 else None,
        )  # fmt: skip
        if not is_in:
            message.user_id, message.parts = agent.id, 1
            message.cost, message.currency = "0.06", "EUR"
        db.session.add(message)
    db.session.flush()

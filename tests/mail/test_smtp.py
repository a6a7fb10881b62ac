"""A message is handed over to a real mail server, or one word says why not."""

import socket
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from crm_app.mail import smtp
from crm_app.mail.models import Encryption
from crm_app.mail.smtp import Access, Letter, MailError, deliver
from tests.mail.postbox import HOST, PASSWORD, USER, Postbox, make_certificate, serving
from tests.ports import free_port

LETTER = Letter(
    to="bob@example.com",
    to_name="Bob",
    from_name="Casa Sousa",
    subject="Call back João",
    text="Olá Bob,\n\nJoão espera.\n",
    key="ramal-1",
)


@pytest.fixture
def postbox() -> Postbox:
    return Postbox()


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_certificate(tmp_path_factory.mktemp("mail") / "mail.pem")


@pytest.fixture
def trusted(certificate: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """This machine trusts whoever has signed the certificate."""
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    return certificate


def access(port: int, encryption: Encryption = Encryption.NONE, password: str = "") -> Access:
    return Access(HOST, port, encryption, "office@example.com", USER if password else "", password)


def why(to: Access, letter: Letter = LETTER) -> MailError:
    with pytest.raises(MailError) as refused:
        deliver(letter, to)
    return refused.value


def test_a_message_says_from_whom_to_whom_and_that_no_person_wrote_it(postbox: Postbox) -> None:
    with serving(postbox, port := free_port()):
        deliver(LETTER, access(port))
    (message,) = postbox.messages
    assert message["From"] == "Casa Sousa <office@example.com>"
    assert message["To"] == "Bob <bob@example.com>"
    assert message["Subject"] == "Call back João"
    assert message["Message-ID"] == "<ramal-1@example.com>"
    assert message["Auto-Submitted"] == "auto-generated"
    assert postbox.text().splitlines() == ["Olá Bob,", "", "João espera."]
    assert postbox.recipients == [["bob@example.com"]]


@pytest.mark.parametrize("way", [Encryption.STARTTLS, Encryption.TLS])
def test_it_signs_in_over_an_encrypted_connection(
    postbox: Postbox, trusted: Path, way: Encryption
) -> None:
    is_implicit = way is Encryption.TLS
    port = free_port()
    with serving(postbox, port, tls=trusted, is_implicit=is_implicit, asks_for_sign_in=True):
        deliver(LETTER, access(port, way, PASSWORD))
    assert (postbox.sign_ins, len(postbox.messages)) == (1, 1)


@pytest.mark.parametrize("way", [Encryption.STARTTLS, Encryption.TLS])
def test_a_certificate_that_nobody_vouches_for_gets_neither_password_nor_message(
    postbox: Postbox, certificate: Path, way: Encryption
) -> None:
    port = free_port()
    with serving(postbox, port, tls=certificate, is_implicit=way is Encryption.TLS):
        assert why(access(port, way, PASSWORD)).code == "certificate"
    assert postbox.messages == []


def test_a_certificate_of_another_name_is_refused(postbox: Postbox, trusted: Path) -> None:
    with serving(postbox, port := free_port(), tls=trusted):
        elsewhere = replace(access(port, Encryption.STARTTLS), host="127.0.0.1")
        assert why(elsewhere).code == "certificate"


def test_without_starttls_nothing_is_said_in_the_clear(postbox: Postbox) -> None:
    with serving(postbox, port := free_port()):
        assert why(access(port, Encryption.STARTTLS, PASSWORD)).code == "no_starttls"
        assert why(access(port, Encryption.TLS, PASSWORD)).code == "tls"
    assert postbox.messages == []


def test_a_wrong_password_is_a_refused_sign_in(postbox: Postbox, trusted: Path) -> None:
    with serving(postbox, port := free_port(), tls=trusted, asks_for_sign_in=True):
        found = why(access(port, Encryption.STARTTLS, "wrong"))
    assert (found.code, found.said[:3]) == ("sign_in_refused", "535")
    assert "wrong" not in str(found)


def test_a_server_that_lets_nobody_sign_in_says_so(postbox: Postbox) -> None:
    with serving(postbox, port := free_port()):
        assert why(access(port, password=PASSWORD)).code == "no_sign_in"


def test_an_address_that_is_refused_comes_with_the_servers_words(postbox: Postbox) -> None:
    postbox.refused = {"bob@example.com"}
    with serving(postbox, port := free_port()):
        found = why(access(port))
    assert (found.code, found.said) == ("address_refused", "550 5.1.1 No such mailbox here")
    assert not found.is_of_server


def test_nobody_there_and_nobody_answering_are_told_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    assert why(access(free_port())).code == "cannot_connect"
    monkeypatch.setattr(smtp, "PATIENCE_S", 0.2)
    with silent_server() as port:
        assert why(access(port)).code == "timeout"


@contextmanager
def silent_server() -> Iterator[int]:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        yield listening.getsockname()[1]


def test_no_name_can_add_a_header_or_a_recipient(postbox: Postbox) -> None:
    evil = "Anna\r\nBcc: eve@example.com\n\nBuy\x0bthis\u2028now"
    letter = replace(LETTER, to_name=evil, from_name=evil, subject=f"Call back {evil}")
    with serving(postbox, port := free_port()):
        deliver(letter, access(port))
    (message,) = postbox.messages
    assert message["Bcc"] is None
    assert message["Subject"] == "Call back Anna Bcc: eve@example.com Buy this now"
    assert [one.addr_spec for one in message["To"].addresses] == ["bob@example.com"]
    assert postbox.recipients == [["bob@example.com"]]
    assert postbox.text().splitlines()[0] == "Olá Bob,"


def test_addresses_in_other_letters_are_sent_or_refused_in_words(postbox: Postbox) -> None:
    with serving(postbox, port := free_port()):
        deliver(replace(LETTER, to="joão@casa.example"), access(port))
        assert postbox.recipients == [["joão@casa.example"]]

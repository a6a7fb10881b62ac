"""The ports that tests give to servers that begin to listen later."""

import socket

import pytest

from tests.ports import free_port

HOST = "127.0.0.1"


def test_a_named_port_refuses_everybody_until_a_server_listens_on_it() -> None:
    port = free_port()
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection((HOST, port))
    with socket.create_server((HOST, port)):
        socket.create_connection((HOST, port)).close()


def test_a_named_port_is_given_to_nobody_else() -> None:
    port = free_port()
    with socket.socket() as other, pytest.raises(OSError, match="in use"):
        other.bind((HOST, port))

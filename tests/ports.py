"""Ports for servers that start later."""

import socket

# Bound, and not listening: a server may have the port, and the system gives it to nobody else.
_kept: list[socket.socket] = []


def free_port() -> int:
    """Give a port of the loopback that nobody listens on, and keep it for who is told of it.

    What is only looked for may be somebody else's before a server of this test has started, and who
    asks that port then talks to a server of another test.
    """
    keeper = socket.socket()
    keeper.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    keeper.bind(("127.0.0.1", 0))
    _kept.append(keeper)
    return int(keeper.getsockname()[1])

"""Telling a service manager how we are (`-Ws`; sd_notify(3)): datagrams to the socket that NOTIFY_SOCKET names."""

from __future__ import annotations

import os
import socket


def notify(text: str) -> None:
    """Send one state; without a manager, or when it does not listen, nothing happens."""
    path = os.environ.get("NOTIFY_SOCKET", "")
    if not path:
        return
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as sock:
        try:
            sock.sendto(text.encode(), "\0" + path[1:] if path.startswith("@") else path)
        except OSError:
            return

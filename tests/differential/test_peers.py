"""The scripted servers of the side-by-side tests leave nothing behind."""

from __future__ import annotations

import socket
import threading
import time

from stream_peers import BODY, Origin


def test_a_stopped_origin_ends_its_threads() -> None:
    """A thread left in `accept` would hold a descriptor's number for the rest of the run: a program is then handed numbers beyond its limit."""
    before = set(threading.enumerate())
    origin = Origin("127.0.0.1", {b"*": (BODY,)}, tcp=False)
    host, port = origin.address.split(":")
    with socket.create_connection((host, int(port))):
        deadline = time.monotonic() + 10
        while not origin.pipes and time.monotonic() < deadline:
            time.sleep(0.01)
        begun = set(threading.enumerate()) - before
        origin.stop()
        for one in begun:
            one.join(10)
    assert len(begun) == 2
    assert not [one for one in begun if one.is_alive()]

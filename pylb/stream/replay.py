"""Layer-7 retries: a request is sent once more when what came back is one of the events of `retry-on` (configuration.txt 4.2).

Only a request that was complete, and fits a buffer, when it was first sent can be sent again (`connect.keep`); it is kept until a response is
accepted. What a failed attempt brought leaves no trace but counters: like HAProxy, a retry counts once for itself and once for the connection it makes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pylb.base.timers import NEVER
from pylb.stream import connect

if TYPE_CHECKING:
    from pylb.stream.stream import HttpStream
    from pylb.stream.verdict import Stop

EVENT_OF = {"S": "empty-response", "P": "junk-response", "s": "response-timeout"}


def after_loss(stream: HttpStream, stop: Stop) -> bool:
    """Shall a request that was lost with its connection be sent again?"""
    lost_by_rule = stop.who == "S" and stop.status is not None
    return not lost_by_rule and stream.response is None and allowed(stream, EVENT_OF[stop.who])


def after_response(stream: HttpStream) -> bool:
    """Shall a request be sent again in spite of its response?"""
    assert stream.response is not None
    return allowed(stream, str(stream.response.status))


def allowed(stream: HttpStream, event: str) -> bool:
    """Is `event` worth another attempt, and is one left?"""
    backend = stream.backend
    assert backend is not None
    return stream.kept is not None and event in backend.replays and stream.retried < backend.retries


async def again(stream: HttpStream) -> None:
    """Forget the attempt, and have a slot on the same server, or on another one where `option redispatch` says so."""
    backend, server = stream.backend, stream.server
    assert backend is not None and server is not None and stream.kept is not None
    whole = stream.response is not None and stream.response_complete
    back, stream.back = stream.back, None
    if back is not None:
        back.detach(whole)
    forget(stream)
    stream.retried += 1
    connect.count_on(backend, server, "wretr")
    if connect.may_redispatch(stream, backend):
        connect.drop_slot(stream)
        stream.server, stream.avoid = None, server
        await connect.assign(stream)
        if stream.server is not server:
            stream.redispatched = True
            connect.count_on(backend, server, "wredis")
            return
    connect.count_on(backend, server, "wretr")


def forget(stream: HttpStream) -> None:
    """Go back to where the request had not been sent yet."""
    assert stream.kept is not None
    stream.failure = stream.response = stream.response_trailers = None
    stream.uploading = stream.response_complete = stream.server_gone = False
    stream.inbox_request = (stream.kept,) if stream.kept else ()
    stream.inbox_response = ()
    stream.inbox_size = len(stream.kept)
    stream.bytes_out = stream.bytes_out_before
    stream.server_expire = NEVER

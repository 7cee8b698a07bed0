"""Filters: what sees a response on its way to the client and may change it (HAProxy's filters, configuration.txt 9).

A stream has the tuple of its filters, which is empty for nearly all of them: then one look at it is all that is paid. Filters are made when the
request has passed its rules (`attach`), decide when the head of a response has come and no rule has seen it yet (`on_response`), change the head
when rules are done with it (`on_head`), and then the payload (`pass_on`). Answers made in a server's place by rules pass no filter; applets' do.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from pylb.proxy.proxy import Backend, Face, Frontend
    from pylb.stream.stream import HttpStream
    from pylb.wire.message import Response


class Filter(Protocol):
    """What a filter of one stream does."""

    def on_response(self, stream: HttpStream, response: Response) -> bool:
        """The head of a response has come: has the filter anything to do with it?"""

    def on_head(self, stream: HttpStream, response: Response) -> None:
        """The head is about to leave."""

    def on_data(self, stream: HttpStream, data: bytes) -> bytes:
        """Payload: what shall leave for it now, which may be nothing."""

    def on_end(self, stream: HttpStream) -> bytes:
        """The payload is complete: what is left to leave."""

    def release(self, stream: HttpStream) -> None:
        """The stream is over, however it ended."""


def attach(stream: HttpStream, frontend: Frontend, backend: Backend | None) -> None:
    """Make the filters of a stream whose request is complete as it goes to the server; one that both proxies name is there once."""
    faces: tuple[Face, ...] = (frontend,) if backend is None else (frontend, backend)
    makers = dict.fromkeys(make for face in faces for make in face.filters)
    stream.filters = tuple(made for make in makers if (made := make(stream)) is not None)


def on_response(stream: HttpStream, response: Response) -> None:
    """A response has come: only filters that want it stay."""
    stream.filters = tuple(one for one in stream.filters if one.on_response(stream, response))


def on_head(stream: HttpStream, response: Response) -> None:
    """The head is about to leave."""
    for one in stream.filters:
        one.on_head(stream, response)


def pass_on(stream: HttpStream, data: bytes, ends: bool) -> None:
    """Send payload to the client through all filters; `ends`: it is the last."""
    for one in stream.filters:
        data = one.on_data(stream, data) if data else b""
        if ends:
            data += one.on_end(stream)
    if data:
        stream.front.send_data(data)


def release(stream: HttpStream) -> None:
    """The stream is over."""
    for one in stream.filters:
        one.release(stream)

"""Errors that say whose fault it is: the configuration's, a peer's bytes, or TLS.

Anything else that is raised is a bug of pylb and is not caught but in a stream's and a task's outermost frame.
"""

from __future__ import annotations


class Alert(Exception):
    """The configuration (or a command) is wrong; the text is what HAProxy would print after ``parsing [file:line] : ``."""


class NotImplementedYet(Alert):
    """A word of HAProxy's language that pylb knows of but does not speak yet."""

    def __init__(self, word: str) -> None:
        super().__init__(f"pylb: '{word}' is not implemented yet.")
        self.word = word


class BadMessage(Exception):
    """A peer's bytes break the protocol. `status` is what HAProxy answers, `position` the offset it reports in `show errors`."""

    def __init__(self, status: int, position: int, why: str) -> None:
        super().__init__(why)
        self.status, self.position, self.why = status, position, why


class TlsError(Exception):
    """A TLS connection failed; `why` is HAProxy's wording where it logs one."""

    def __init__(self, why: str) -> None:
        super().__init__(why)
        self.why = why

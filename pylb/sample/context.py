"""What surrounds an expression while it is compiled: where it stands, whose it is, and a way to finish later.

Names of proxies, servers and userlists may be used before they are declared, so a word that needs one queues a job with
`later`; `config.link` runs the jobs once everything was read, and reports what they raise with the place they came from.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

from pylb.base.errors import Alert
from pylb.sample.types import Phase
from pylb.sample.validity import Checkpoint, checkpoints_for

if TYPE_CHECKING:
    from pylb.config.model import Config, Place, Proxy
    from pylb.sample.store import PatternStore


class Unresolved(Alert):
    """A name that nothing declares, found after all was read; HAProxy gathers several of them in one alert."""


class Reporter(Protocol):
    """The part of the configuration report that samples use."""

    def warning(self, text: str, place: Place | None = None) -> None: ...


@dataclass(slots=True)
class Job:
    """Something to do with the finished configuration."""

    place: Place | None
    run: Callable[[Config], None]
    owner: Proxy | None = None  # whose expression queued it


@dataclass(slots=True)
class CompileContext:
    """The surroundings of one expression, condition or log format."""

    place: Place | None = None
    proxy: Proxy | None = None
    config: Config | None = None
    phase: Phase = Phase.REQUEST
    report: Reporter | None = None
    usage: str = "http-request expression"  # how messages name the place: "http-request expression", "ACL", "log-format expression"
    keyword: str = ""  # the fetch or ACL keyword being compiled, for messages about its arguments and converters
    rule: str = ""  # "tcp-request content": named in warnings about conditions, which http rules do not do
    checkpoints: Checkpoint | None = None  # exact places, where `phase` alone is too coarse
    jobs: list[Job] = field(default_factory=list)  # shared by all contexts of one reading
    patterns: PatternStore | None = None

    def later(self, run: Callable[[Config], None]) -> None:
        """Run this once the whole configuration was read."""
        self.jobs.append(Job(self.place, run, self.proxy))

    def blame(self, position: int, converter: str = "") -> str:
        """How messages name an argument (counted from zero) of the word being compiled."""
        in_acl = self.usage == "ACL"
        what = f"ACL keyword '{self.keyword}'" if in_acl else f"sample fetch keyword '{self.keyword}'"
        if converter:
            what = f"conversion keyword '{converter}' for {what}"
        usage = "" if in_acl else f" in {self.usage}"
        owner = f" in proxy '{self.proxy.name}'" if self.proxy is not None else ""
        return f"in arg {position + 1} of {what}{usage}{owner}"

    def warn(self, text: str) -> None:
        """Report a warning about this place."""
        if self.report is not None:
            self.report.warning(text, self.place)

    def where(self) -> Checkpoint:
        """The checkpoints this expression stands at."""
        if self.checkpoints is not None:
            return self.checkpoints
        proxy = self.proxy
        return checkpoints_for(self.phase, proxy is None or proxy.is_frontend, proxy is not None and proxy.is_backend)

    def pattern_store(self) -> PatternStore:
        """The store of pattern lists of the configuration being read."""
        from pylb.sample.store import PatternStore

        if self.patterns is None:
            config: Any = self.config
            if config is not None and config.patterns is None:
                config.patterns = PatternStore()
            self.patterns = config.patterns if config is not None else PatternStore()
        return self.patterns

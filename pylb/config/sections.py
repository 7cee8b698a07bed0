"""From files to a Config: lines go to the section they stand in, which looks its keywords up.

An error in a line is reported and reading goes on with the next line, as HAProxy does, so that one run shows all mistakes;
only a section that has no name at all stops it. The checks that need everything (`config.link`) run when no line failed.
"""

from __future__ import annotations

import copy
import os
from collections.abc import Callable, MutableMapping, Sequence
from dataclasses import dataclass, fields
from typing import Any

from pylb.base.errors import Alert
from pylb.config import link, model, registry
from pylb.config.args import Args, BareAlert, Reading, Reports
from pylb.config.lines import Abort, Line, find_files, read_lines
from pylb.config.spelling import did_you_mean

NEGATABLE = ("option", "log", "busy-polling", "set-dumpable", "strict-limits", "insecure-fork-wanted", "numa-cpu-mapping")
NOT_NEGATABLE = (
    "negation/default currently supported only for options, log, busy-polling, set-dumpable, strict-limits,"
    " insecure-fork-wanted and numa-cpu-mapping."
)
NOT_INHERITED = {
    *("name", "kind", "place", "id", "description", "defaults", "acls", "binds", "servers", "switch_rules", "server_rules", "monitor_fail"),
    *("tcp_request_connection", "tcp_request_session", "tcp_request_content", "tcp_response_content", "http_request", "http_response"),
    *("http_after_response", "redirects", "request_captures", "response_captures", "cookie_capture", "stick_table", "stick_rules", "persist_rules"),
    *("filters",),
}
OWN_MARKS = ("own http_check", "own tcp_check", "heirs", "conditions on buffers")
FACE_TIMEOUTS = {
    "frontend": ("client", "client_fin", "http_request", "http_keep_alive", "tarpit"),
    "backend": ("server", "server_fin", "connect", "queue", "check", "tunnel", "tarpit", "http_request", "http_keep_alive"),
}


@dataclass(slots=True)
class Section:
    """The section that lines go to. `keywords` names its family of keywords; `subject` is what they fill in."""

    kind: str
    subject: Any = None
    unknown: str = "{where} : unknown keyword '{word}' in '{kind}' section{hint}"
    line: Callable[[Args], None] | None = None  # sections that read their lines themselves
    close: Callable[[], None] | None = None

    @property
    def proxy(self) -> model.Proxy | None:
        return self.subject if isinstance(self.subject, model.Proxy) else None


def ignore_line(args: Args) -> None:
    """The lines of a section whose header was an error."""


def not_expected(args: Args) -> None:
    """The lines after a proxy's header that could not be read."""
    raise Alert("'listen' or 'defaults' expected.")


class Reader:
    """Reads lines into `reading.config`."""

    def __init__(self, reading: Reading) -> None:
        self.reading = reading
        self.current: Section | None = None

    def file(self, path: str) -> bool:
        """Read a file; False when reading has to stop at once."""
        try:
            for line in read_lines(path, self.reading, self.section_label):
                self.line(line)
        except Abort as error:
            if str(error):
                self.reading.fail(str(error))
            return False
        self.close()
        return True

    def section_name(self) -> str:
        return "" if self.current is None else self.current.kind

    def section_label(self) -> str:
        """The pseudo-variable ``.SECTION``: the section's name, or its kind when it has none."""
        name = None if self.current is None else getattr(self.current.subject, "name", None)
        return name if isinstance(name, str) and name else self.section_name()

    def line(self, line: Line) -> None:
        """One line: a section's first, or one of the current section."""
        words, place = list(line.words), model.Place(line.file, line.number)
        negated = words.pop(0) if words[0] in ("no", "default") else None
        words = words or [""]
        args = Args(words, place, self.reading, section=self.section_name(), proxy=self.current.proxy if self.current else None, negated=negated)
        if negated and words[0] not in NEGATABLE:
            self.reading.fail(f"{args.where}: {NOT_NEGATABLE}")
        try:
            entry = registry.section.get(words[0])
            if entry is not None:
                self.open(entry.function, args)
            elif self.current is None:
                raise BareAlert(f"{args.where}: unknown keyword '{words[0]}' out of section.")
            else:
                self.keyword(self.current, args)
        except Abort as error:
            if str(error):
                args.fail(error)
            raise Abort("") from None
        except Alert as error:
            args.fail(error)

    def open(self, function: Callable[[Args], Section], args: Args) -> None:
        """End the current section and begin the one that `args` names."""
        self.close()
        args.section, args.proxy = args.words[0], None
        self.current = Section(args.words[0], line=ignore_line)
        self.current = function(args)

    def close(self) -> None:
        """What the current section still has to check."""
        if self.current is not None and self.current.close is not None:
            self.current.close()
        self.current = None

    def keyword(self, section: Section, args: Args) -> None:
        """A keyword of `section`, or an error that suggests another."""
        if section.line is not None:
            section.line(args)
            return
        word = args.words[0]
        entry = registry.keyword.find(section.kind, word)
        if entry is None:
            known = (known.name for known in registry.keyword.family(section.kind) if known.facts.get("suggest", True))
            raise BareAlert(section.unknown.format(where=args.where, word=word, kind=section.kind, hint=did_you_mean(word, known)))
        if section.proxy is not None and not applies(section.proxy, args, entry.facts):
            return
        if "most" in entry.facts:
            args.at_most(entry.facts["most"])
        entry.function(section.subject, args)


def applies(proxy: model.Proxy, args: Args, facts: dict[str, Any]) -> bool:
    """Is this the place for a proxy's keyword? Refuses what `defaults` cannot hold, warns where the wanted face is missing."""
    word = args.words[0]
    if proxy.kind == "defaults" and "defaults" not in facts["sections"]:
        raise Alert(f"'{word}' not allowed in 'defaults' section.")
    face = facts.get("face")
    if face is None or not args.lacks(face):
        return True
    args.warn(f"'{word}' ignored because {proxy.label} has no {face} capability.{facts.get('hint', '')}")
    return not facts.get("skip", False)


def inherit(parent: model.Proxy | None, proxy: model.Proxy) -> model.Proxy:
    """Give `proxy` what a `defaults` section hands down: settings, not rules, names or servers (configuration.txt 4)."""
    proxy.defaults = parent
    if parent is None:
        return proxy
    for slot in fields(parent):
        if slot.name not in NOT_INHERITED:
            setattr(proxy, slot.name, copy.copy(getattr(parent, slot.name)))
    proxy.extra = {name: copy.copy(value) for name, value in parent.extra.items() if name not in OWN_MARKS}
    proxy.statistics = copy.deepcopy(parent.statistics)
    return proxy


def drop_foreign(proxy: model.Proxy) -> None:
    """Forget the inherited settings of a face that the proxy does not have."""
    if not proxy.is_frontend:
        proxy.default_backend = proxy.monitor_uri = None
    if proxy.kind in ("frontend", "backend"):
        kept = FACE_TIMEOUTS[proxy.kind]
        for slot in fields(model.Timeouts):
            if slot.name not in kept:
                setattr(proxy.timeouts, slot.name, None)


def read_config(
    paths: Sequence[str | os.PathLike[str]], report: Reports, env: MutableMapping[str, str] | None = None, start: model.Config | None = None
) -> model.Config | None:
    """Read the files, in order, as one configuration; None when there were errors (they were reported). `start` has what is set before.

    A directory stands for the visible ``.cfg`` files in it. Raises Alert when a path cannot be looked at.
    """
    reading = Reading(start or model.Config(), report, os.environ if env is None else env)
    read_files(find_files([os.fspath(path) for path in paths]), reading)
    if not reading.errors:
        link.complete(reading)
    if reading.errors:
        if not reading.aborted:
            report.alert("Fatal errors found in configuration.")
        return None
    return reading.config


def read_files(paths: Sequence[str], reading: Reading) -> None:
    """Read all lines of all files."""
    reader = Reader(reading)
    for path in paths:
        before = reading.errors
        reading.config.files.append(path)
        reading.aborted = not reader.file(path)
        reader.current = None
        if reading.errors > before:
            reading.report.alert(f"Error(s) found in configuration file : {path}")
        if reading.aborted:
            return

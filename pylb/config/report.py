"""What a start has to say: ``[ALERT]``, ``[WARNING]``, ``[NOTICE]`` and ``[DIAG]`` lines in HAProxy's form.

Before its first alert or warning a process names its version and its path. Everything is also kept for ``show startup-logs``.
Quiet mode (``-q``) silences the terminal but for diagnostics, which appear only when asked for (``-dD``). `zero_warning` is for
``-dW`` and the word of that name: the program then refuses to start with warnings.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol

from pylb.base.version import VERSION


class Place(Protocol):
    """Where something was said; its text is ``file:line``."""

    def __str__(self) -> str: ...


def write_stderr(line: str) -> None:
    """Bytes of the configuration leave as they came: a character stands for a byte."""
    try:
        data = line.encode("latin-1")
    except UnicodeEncodeError:
        data = line.encode("utf-8", "surrogateescape")
    try:
        os.write(2, data)
    except OSError:
        pass


@dataclass(slots=True)
class Report:
    """Collects messages, prints and counts them. `context` is what comes before each text while the configuration is read."""

    executable: str = sys.argv[0]
    quiet: bool = False
    verbose: bool = False
    zero_warning: bool = False
    diagnostics: bool = False
    context: str = "config"
    write: Callable[[str], None] = write_stderr
    alerts: int = 0
    warnings: int = 0
    lines: list[str] = field(default_factory=list)
    introduced: bool = False

    def alert(self, text: str, place: Place | None = None) -> None:
        """An error."""
        self.alerts += 1
        self._introduce()
        self._say("ALERT", text, place)

    def warning(self, text: str, place: Place | None = None) -> None:
        """Something to look at; ``zero-warning`` makes it an error."""
        self.warnings += 1
        self._introduce()
        self._say("WARNING", text, place)

    def notice(self, text: str, place: Place | None = None) -> None:
        """Something to know."""
        self._say("NOTICE", text, place)

    def diag(self, text: str, place: Place | None = None) -> None:
        """A suspicion, for who asked for it."""
        if self.diagnostics:
            self._say("DIAG", text, place)

    def hush(self) -> None:
        """The word `quiet` of the global section; ``-V`` is stronger."""
        self.quiet = not self.verbose

    def startup_logs(self) -> str:
        """The text of ``show startup-logs``."""
        return "".join(self.lines)

    def _introduce(self) -> None:
        if not self.introduced:
            self.introduced = True
            self._emit("NOTICE", f"haproxy version is {VERSION}")
            self._emit("NOTICE", f"path to executable is {self.executable}")

    def _say(self, level: str, text: str, place: Place | None) -> None:
        where = f"parsing [{place}] : " if place is not None else ""
        prefix = f"{self.context} : " if self.context else ""
        self._emit(level, f"{prefix}{where}{text}")

    def _emit(self, level: str, text: str) -> None:
        line = f"{f'[{level}]':<10} ({os.getpid()}) : {text}\n"
        self.lines.append(line)
        if not self.quiet or level == "DIAG":
            self.write(line)

"""YAML with manners: every complaint names the file, the place in it, and what may stand there."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import yaml

from pylb.lab.site import LabError, is_loopback

NAME = re.compile(r"[A-Za-z0-9_.:-]+")
DURATION = re.compile(r"\d+(us|ms|s|m|h|d)?")
SECONDS = {"us": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
YES = {"yes": True, "true": True, "on": True, "1": True, "no": False, "false": False, "off": False, "0": False}


def load(path: Path) -> Settings:
    """The mapping that the file is; raises LabError."""
    try:
        content = yaml.safe_load(path.read_text())
    except OSError as error:
        raise LabError(f"{path}: {error.strerror}") from None
    except UnicodeDecodeError as error:
        raise LabError(f"{path}: this is not text: {error.reason} at byte {error.start}") from None
    except yaml.YAMLError as error:
        raise LabError(f"{path}: this is not YAML: {' '.join(str(error).split())}") from None
    if not isinstance(content, Mapping):
        raise LabError(f"{path}: expected 'key: value' lines, found {kind_of(content)}")
    return Settings(str(path), "", content)


def kind_of(value: Any) -> str:
    """What YAML calls a value."""
    if value is None:
        return "nothing"
    if isinstance(value, str):
        return f"the text {value!r}"
    return "a mapping" if isinstance(value, Mapping) else "a list" if isinstance(value, list) else str(value)


class Settings:
    """One mapping of a file."""

    def __init__(self, file: str, place: str, content: Mapping[Any, Any]) -> None:
        self.file, self.place, self.content = file, place, content

    def where(self, key: object = "") -> str:
        """`file: services.nova.port`"""
        return f"{self.file}: {self.place}{key}"

    def bad(self, key: object, wanted: str) -> LabError:
        """The error about the value of `key`."""
        return LabError(f"{self.where(key)}: expected {wanted}, found {kind_of(self.content.get(key))}")

    def allow(self, *keys: str) -> None:
        """Refuse every other key."""
        for key in self.content:
            if key not in keys:
                raise LabError(f"{self.where(key)}: not a known setting; known here: {', '.join(keys)}")

    def section(self, key: str) -> Settings:
        """The mapping under `key`; an empty one when it is absent."""
        content = self.content.get(key, {})
        if not isinstance(content, Mapping):
            raise self.bad(key, "a mapping")
        return Settings(self.file, f"{self.place}{key}.", content)

    def word(self, key: str, default: str) -> str:
        """A name as haproxy.cfg knows them."""
        value = self.content.get(key, default)
        if not isinstance(value, str) or not NAME.fullmatch(value):
            raise self.bad(key, "a name of letters, digits and _ . : -")
        return value

    def word_like(self, key: object) -> None:
        """The key itself must be a name."""
        if not isinstance(key, str) or not NAME.fullmatch(key):
            raise LabError(f"{self.where(key)}: expected a name of letters, digits and _ . : -")

    def one_of(self, key: str, default: str, choices: Iterable[str]) -> str:
        value = self.content.get(key, default)
        if value not in choices:
            raise self.bad(key, f"one of {', '.join(choices)}")
        return str(value)

    def integer(self, key: str, default: int | None, low: int, high: int) -> int:
        """A number in a range; text that is one counts too, as in globals.yml."""
        value = self.content.get(key, default)
        if isinstance(value, str) and value.isdigit():
            value = int(value)
        if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
            raise self.bad(key, f"a number from {low} to {high}")
        return value

    def port(self, key: str, default: int | None = None) -> int:
        return self.integer(key, default, 1, 65535)

    def truth(self, key: str, default: bool) -> bool:
        """Ansible's way of saying yes and no."""
        value = self.content.get(key, default)
        known = YES.get(str(value).lower())
        if known is None:
            raise self.bad(key, "yes or no")
        return known

    def duration(self, key: str, default: str) -> str:
        """A duration as haproxy.cfg writes it; bare numbers are milliseconds."""
        value = str(self.content.get(key, default))
        if not DURATION.fullmatch(value):
            raise self.bad(key, "a duration like 500ms, 2s or 1m")
        return value

    def loopback(self, key: str, default: str | None = None) -> str:
        value = self.content.get(key, default)
        if not isinstance(value, str) or not is_loopback(value):
            raise self.bad(key, "a loopback address, 127.0.0.1 to 127.255.255.254")
        return value


def seconds(text: str) -> float:
    """A duration in seconds.

    >>> seconds("2s"), seconds("250ms"), seconds("1000")
    (2.0, 0.25, 1.0)
    """
    number = text.rstrip("abcdefghijklmnopqrstuvwxyz")
    return int(number) * SECONDS[text[len(number) :] or "ms"]

"""Pattern lists at run time: ACL patterns, ACL files and map files, with the changes the CLI and rules make to them.

A list is shared by everything that names the same file. It keeps its entries in order; each way in which it is matched has
an index over the entries of the current generation. Changes are prepared in a later generation and appear together at
`commit` (management.txt, "prepare acl", "commit map").
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

from pylb.base.errors import Alert
from pylb.sample.indexes import Entry, Index
from pylb.sample.registry import matcher


class PatternList:
    """One list of patterns (HAProxy's pattern reference)."""

    def __init__(self, name: str | None, number: int | None = None, display: str = "") -> None:
        self.name = name  # the file's name; None for patterns written in the configuration
        self.number = number  # the id of `show acl`; given by -u or when the configuration is complete
        self.display = display  # what `show acl` and `show map` say about it
        self.is_acl = False
        self.is_map = False
        self.entries: dict[int, Entry] = {}
        self.by_text: dict[str, list[Entry]] = {}
        self.generation = 0
        self.next_generation = 0
        self.indexes: dict[tuple[str, bool], Index] = {}
        self._last = 0

    def __repr__(self) -> str:
        return f"PatternList({self.name or self.number} {len(self.entries)} entries)"

    def index(self, method: str, ignore_case: bool = False) -> Index:
        """The index for one way of matching; raises Alert when an entry is no pattern of that kind."""
        key = (method, ignore_case)
        if key not in self.indexes:
            index: Index = matcher.entries[method].function(ignore_case)
            self._load(index)
            self.indexes[key] = index
        return self.indexes[key]

    def _load(self, index: Index) -> None:
        """Fill a new index; a bad pattern of a file is named with its line."""
        if self.name is not None:
            for entry in self.current():
                try:
                    index.key(entry.text)
                except Alert as alert:
                    raise Alert(f"{alert} at line {entry.line} of file '{self.name}'") from None
        index.load(self.current())

    def current(self) -> Iterator[Entry]:
        """The entries that are matched."""
        return (entry for entry in self.entries.values() if entry.generation == self.generation)

    def of_generation(self, generation: int | None = None) -> list[Entry]:
        """The entries of one generation, the current one by default."""
        wanted = self.generation if generation is None else generation
        return [entry for entry in self.entries.values() if entry.generation == wanted]

    def append(self, text: str, sample: str | None = None, generation: int | None = None) -> Entry:
        """Hold one more entry without telling the indexes (while files are read)."""
        self._last += 1
        entry = Entry(text, sample, self.generation if generation is None else generation, self._last)
        self.entries[entry.number] = entry
        self.by_text.setdefault(text, []).append(entry)
        return entry

    def add(self, text: str, sample: str | None = None, generation: int | None = None) -> None:
        """Add a pattern; raises Alert when it is no pattern of the kinds this list is matched with."""
        for index in self.indexes.values():
            index.key(text)
        entry = self.append(text, sample, generation)
        if entry.generation == self.generation:
            for index in self.indexes.values():
                index.add(entry)

    def delete(self, text: str, generation: int | None = None) -> bool:
        """Remove every entry written like this; was there one?"""
        wanted = self.generation if generation is None else generation
        found = [entry for entry in self.by_text.get(text, ()) if entry.generation == wanted]
        for entry in found:
            self._drop(entry)
        return bool(found)

    def delete_number(self, number: int) -> bool:
        """Remove one entry by its identifier."""
        entry = self.entries.get(number)
        if entry is None:
            return False
        self._drop(entry)
        return True

    def _drop(self, entry: Entry) -> None:
        del self.entries[entry.number]
        same = self.by_text[entry.text]
        same.remove(entry)
        if not same:
            del self.by_text[entry.text]
        if entry.generation == self.generation:
            for index in self.indexes.values():
                index.remove(entry)

    def set(self, text: str, sample: str) -> bool:
        """Change what a pattern maps to, in every entry written like this; was there one?"""
        found = [entry for entry in self.by_text.get(text, ()) if entry.generation == self.generation]
        for entry in found:
            self._assign(entry, sample)
        return bool(found)

    def set_number(self, number: int, sample: str) -> bool:
        """The same for one entry by its identifier."""
        entry = self.entries.get(number)
        if entry is not None:
            self._assign(entry, sample)
        return entry is not None

    @staticmethod
    def _assign(entry: Entry, sample: str) -> None:
        entry.sample = sample
        entry.value.clear()

    def contains(self, text: str) -> bool:
        """Is there a current entry written exactly like this?"""
        return any(entry.generation == self.generation for entry in self.by_text.get(text, ()))

    def clear(self, generation: int | None = None) -> None:
        """Remove every entry of a generation, the current one by default."""
        wanted = self.generation if generation is None else generation
        self._keep(lambda entry: entry.generation != wanted)

    def prepare(self) -> int:
        """Begin a new generation beside the current one and say its number."""
        self.next_generation += 1
        return self.next_generation

    def commit(self, generation: int) -> bool:
        """Make a prepared generation the current one and forget those before it."""
        if not self.generation < generation <= self.next_generation:
            return False
        self.generation = generation
        self._keep(lambda entry: entry.generation >= generation)
        return True

    def _keep(self, wanted: Callable[[Entry], bool]) -> None:
        """Keep the entries for which `wanted` holds."""
        self.entries = {number: entry for number, entry in self.entries.items() if wanted(entry)}
        self.by_text = {}
        for entry in self.entries.values():
            self.by_text.setdefault(entry.text, []).append(entry)
        for index in self.indexes.values():
            index.load(self.current())


class PatternStore:
    """All pattern lists of a configuration."""

    def __init__(self) -> None:
        self.lists: list[PatternList] = []
        self.files: dict[str, PatternList] = {}

    def find(self, reference: str) -> PatternList | None:
        """A list by file name or, as ``#4``, by its number."""
        if reference.startswith("#") and reference[1:].isdigit():
            number = int(reference[1:])
            return next((known for known in self.lists if known.number == number), None)
        return self.files.get(reference)

    def inline(self, display: str, number: int | None = None) -> PatternList:
        """A list for patterns written in the configuration."""
        if number is not None and any(known.number == number for known in self.lists):
            raise Alert("the id is already used")
        made = PatternList(None, number, display)
        self.lists.append(made)
        return made

    def file(self, name: str, is_map: bool, used_by: str, for_acl: bool) -> PatternList:
        """The list of a file, read when it is used for the first time."""
        known = self.files.get(name)
        if known is None:
            known = PatternList(name, None, f"pattern loaded from file '{name}' used by {used_by}")
            known.is_map = is_map
            read_into(known, name, is_map)
            self.files[name] = known
            self.lists.append(known)
        elif known.is_map != is_map:
            kinds = ("one", "two") if is_map else ("two", "one")
            raise Alert(f'The file "{name}" is already used as {kinds[0]} column file and cannot be used by as {kinds[1]} column file.')
        elif used_by not in known.display:
            known.display += f", by {used_by}"
        known.is_acl |= for_acl
        return known

    def number_lists(self) -> None:
        """Give the lists without `-u` the free numbers, in the order they were declared (when the configuration is complete)."""
        taken = {known.number for known in self.lists}
        number = 0
        for known in self.lists:
            if known.number is None:
                while number in taken:
                    number += 1
                known.number = number
                taken.add(number)
        self.lists.sort(key=lambda known: known.number or 0)


def read_into(patterns: PatternList, name: str, is_map: bool) -> None:
    """Read a pattern file: one pattern a line, in maps followed by blanks and the value."""
    try:
        text = Path(name).read_bytes().decode("utf-8", "surrogateescape") if name else None
    except OSError:
        text = None
    if text is None:
        raise Alert(f"failed to open pattern file <{name}>")
    for number, line in enumerate(text.split("\n"), 1):
        stripped = line.lstrip(" \t").rstrip("\r")
        if not stripped or line.startswith("#"):
            continue
        if not is_map:
            patterns.append(stripped).line = number
            continue
        key, rest = _split_blank(stripped)
        patterns.append(key, rest).line = number


def _split_blank(line: str) -> tuple[str, str]:
    """Cut a line at its first run of blanks."""
    for at, character in enumerate(line):
        if character in " \t":
            return line[:at], line[at:].strip(" \t")
    return line, ""

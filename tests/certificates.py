"""Certificates for tests: an authority, and `crt` bundles on disk."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from pylb.lab.certificate import Issued, issue


def make_ca(name: str = "test authority") -> Issued:
    """A certificate authority; `.certificate_pem` is a ca-file."""
    return issue(name, authority=True)


def make_bundle(path: Path | str, names: Sequence[str], ca: Issued | None = None, key: str = "ec", days: float = 30, common_name: str | None = None) -> Issued:
    """Write a `crt` file (leaf, the authority's certificate if any, key) for `names` to `path`."""
    issued = issue(common_name or names[0], names, ca, key, days)
    chain = ca.certificate_pem if ca else b""
    Path(path).write_bytes(issued.certificate_pem + chain + issued.key_pem)
    return issued

"""The HAProxy release whose behaviour pylb reproduces; every place that shows a version takes it from here."""

from __future__ import annotations

from pylb import __version__

VERSION = "2.6.12-1+deb12u4"
DATE = "2026/10/17"
URL = "https://haproxy.org/"
BRANCH = VERSION[: VERSION.index(".", 2)]
OWN_NAME = f"pylb {__version__}"

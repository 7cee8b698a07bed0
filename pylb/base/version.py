"""The HAProxy release whose behaviour pylb reproduces; every place that shows a version takes it from here."""

from __future__ import annotations

from pylb import __version__

VERSION = "2.6.12-1+deb12u4"
DATE = "2026/10/17"
URL = "https://haproxy.org/"
BRANCH = VERSION[: VERSION.index(".", 2)]
OWN_NAME = f"pylb {__version__}"

# The features of HAProxy's ``-vv``; those that work here are the first, and ``feature(NAME)`` of the configuration says the same.
PRESENT = "CRYPT_H EPOLL GETADDRINFO LIBCRYPT OPENSSL POLL PROMEX SYSTEMD TFO THREAD ZLIB"
ABSENT = (
    "51DEGREES ACCEPT4 BACKTRACE CLOSEFROM CPU_AFFINITY DEVICEATLAS DL ENGINE EVPORTS KQUEUE LINUX_SPLICE LINUX_TPROXY LUA MEMORY_PROFILING NETFILTER"
    " NS OBSOLETE_LINKER OT PCRE PCRE2 PCRE2_JIT PCRE_JIT PRCTL PROCCTL QUIC RT SLZ STATIC_PCRE STATIC_PCRE2 THREAD_DUMP TPROXY WURFL"
)
FEATURES = {name: name in PRESENT.split() for name in sorted(f"{PRESENT} {ABSENT}".split())}

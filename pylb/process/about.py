"""What the program says about itself: ``-v``, ``-vv``, the help page, ``-dL`` and ``-dMhelp`` (management.txt 3).

Programs parse these pages, so their form is HAProxy's; what they state is true of pylb.
"""

from __future__ import annotations

import os
import platform
import sys
import zlib

from pylb.base.version import DATE, FEATURES, OWN_NAME, URL, VERSION
from pylb.stream import registry

USAGE = """\
Usage : haproxy [-f <cfgfile|cfgdir>]* [ -vdVD ] [ -n <maxconn> ] [ -N <maxpconn> ]
        [ -p <pidfile> ] [ -m <max megs> ] [ -C <dir> ] [-- <cfgfile>*]
        -v displays version ; -vv shows known build options.
        -d enters debug mode ; -db only disables background mode.
        -dM[<byte>,help,...] debug memory (default: poison with <byte>/0x50)
        -V enters verbose mode (disables quiet mode)
        -D goes daemon ; -C changes to <dir> before loading files.
        -W master-worker mode.
        -Ws master-worker mode with systemd notify support.
        -q quiet mode : don't display messages
        -c check mode : only check config files and exit
        -cc check condition : evaluate a condition and exit
        -n sets the maximum total # of connections (uses ulimit -n)
        -m limits the usable amount of memory (in MB)
        -N sets the default, per-proxy maximum # of connections (0)
        -L set local peer name (default to hostname)
        -p writes pids of all children to this file
        -de disables epoll() usage even when available
        -dp disables poll() usage even when available
        -dS disables splice usage (broken on old kernels)
        -dG disables getaddrinfo() usage
        -dR disables SO_REUSEPORT usage
        -dL dumps loaded object files after config checks
        -dK{class[,...]} dump registered keywords (use 'help' for list)
        -dr ignores server address resolution failures
        -dV disables SSL verify on servers side
        -dW fails if any warning is emitted
        -dD diagnostic mode : warn about suspicious configuration statements
        -sf/-st [pid ]* finishes/terminates old pids.
        -x <unix_socket> get listening sockets from a unix socket
        -S <bind>[,<bind options>...] new master CLI
"""
POOL_HELP = """\
-dM is accepted for compatibility: memory here is Python's, which has no pools to
poison or to merge. The options that HAProxy knows are checked and ignored.
"""
POLLERS = (("epoll", 300), ("poll", 200), ("select", 150))


def usage(program: str) -> str:
    """The help page."""
    return USAGE.replace("haproxy", program, 1) + "\n"


def version(details: bool = False) -> str:
    """``-v``; with `details`, ``-vv``."""
    system = os.uname()
    head = (
        f"HAProxy version {VERSION} {DATE} - {URL}\n"
        f"Spoken by {OWN_NAME} on {platform.python_implementation()} {platform.python_version()}, not by HAProxy's own program.\n"
        f"Running on: {system.sysname} {system.release} {system.version} {system.machine}\n"
    )
    return head + "".join(f"{paragraph}\n" for paragraph in _details()) if details else head


def _details() -> list[str]:
    return [_build(), _libraries(), _pollers(), _protocols(), _words()]


def _build() -> str:
    features = " ".join(f"{'+' if works else '-'}{name}" for name, works in FEATURES.items())
    options = " ".join(f"USE_{name}=1" for name, works in FEATURES.items() if works)
    return (
        "Build options :\n"
        f"  TARGET  = linux-{platform.python_implementation().lower()}\n"
        "  CPU     = generic\n"
        f"  CC      = {platform.python_compiler()}\n"
        f"  OPTIONS = {options}\n"
        "\n"
        f"Feature list : {features}\n"
        "\n"
        "Default settings :\n"
        "  bufsize = 16384, maxrewrite = 1024, maxpollevents = 200\n"
    )


def _libraries() -> str:
    from OpenSSL import SSL  # only this page needs it before the configuration does

    name = SSL.SSLeay_version(SSL.SSLEAY_VERSION).decode()
    return (
        f"Built with OpenSSL version : {name}\n"
        f"Running on OpenSSL version : {name}\n"
        "OpenSSL library supports TLS extensions : yes\n"
        "OpenSSL library supports SNI : yes\n"
        "OpenSSL library supports : TLSv1.0 TLSv1.1 TLSv1.2 TLSv1.3\n"
        "Built with the Prometheus exporter as a service\n"
        f"Built with zlib version : {zlib.ZLIB_VERSION}\n"
        f"Running on zlib version : {zlib.ZLIB_RUNTIME_VERSION}\n"
        'Compression algorithms supported : identity("identity"), deflate("deflate"), raw-deflate("deflate"), gzip("gzip")\n'
        "Encrypted password support via crypt(3): yes\n"
    )


def _pollers() -> str:
    lines = "".join(f"{name:>11} : pref={preference},  test result OK\n" for name, preference in POLLERS)
    return f"Available polling systems :\n{lines}Total: {len(POLLERS)} ({len(POLLERS)} usable), will use epoll.\n"


def _protocols() -> str:
    return (
        "Available multiplexer protocols :\n"
        "(protocols marked as <default> cannot be specified using 'proto' keyword)\n"
        "  <default> : mode=HTTP  side=FE|BE  mux=H1    flags=HTX\n"
        "         h1 : mode=HTTP  side=FE|BE  mux=H1    flags=HTX|NO_UPG\n"
        "  <default> : mode=TCP   side=FE|BE  mux=PASS  flags=\n"
        "       none : mode=TCP   side=FE|BE  mux=PASS  flags=NO_UPG\n"
    )


def _words() -> str:
    labels = sorted((entry.name, entry.facts.get("label", entry.name.upper())) for entry in registry.filter_)
    filters = "".join(f"\t[{label:>4}] {name}\n" for name, label in labels)
    services = " ".join(sorted(entry.name for entry in registry.service))
    return f"Available services : {services}\nAvailable filters :\n{filters}"


def loaded_objects() -> str:
    """``-dL``: the program and the shared objects in its memory."""
    with open("/proc/self/maps", encoding="utf-8") as file:
        mapped = {line.split(None, 5)[-1].rstrip("\n"): None for line in file}
    return "\n".join([sys.executable, *(path for path in mapped if ".so" in path)]) + "\n"

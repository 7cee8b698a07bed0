"""Commands of HAProxy that pylb knows of but does not carry out yet: they are listed by `help`, obey levels and modes, and say so.

A command that is implemented leaves this table for a function of its own.
"""

# ruff: noqa: E501
from __future__ import annotations

from typing import TYPE_CHECKING, Final

from pylb.base.errors import NotImplementedYet
from pylb.control.registry import Answer, Command, Level, Words, command

if TYPE_CHECKING:
    from pylb.control.interpreter import Cli

# name, usage, help, level, mode
PLANNED: Final[tuple[tuple[str, str, str, Level, str | None], ...]] = (
    ("abort ssl ca-file", "abort ssl ca-file <cafile>", "abort a transaction for a CA file", Level.ADMIN, None),
    ("abort ssl crl-file", "abort ssl crl-file <crlfile>", "abort a transaction for a CRL file", Level.ADMIN, None),
    ("add server", "add server <bk>/<srv>", "create a new server", Level.ADMIN, None),
    ("add ssl crt-list", "add ssl crt-list <list> <cert> [opts]*", "add to crt-list file <list> a line <cert> or a payload", Level.ADMIN, None),
    ("commit ssl ca-file", "commit ssl ca-file <cafile>", "commit a CA file", Level.ADMIN, None),
    ("commit ssl crl-file", "commit ssl crl-file <crlfile>", "commit a CRL file", Level.ADMIN, None),
    ("debug dev close", "debug dev close  <fd>", "close this file descriptor", Level.ADMIN, "expert"),
    ("debug dev fd", "debug dev fd", "scan for rogue/unhandled FDs", Level.ADMIN, "expert"),
    ("debug dev sched", "debug dev sched  {task|tasklet} [k=v]*", "stress the scheduler", Level.ADMIN, "expert"),
    ("debug dev stream", "debug dev stream [k=v]*", "show/manipulate stream flags", Level.ADMIN, "expert"),
    ("debug dev sym", "debug dev sym    <addr>", "resolve symbol address", Level.ADMIN, "expert"),
    ("del server", "del server <bk>/<srv>", "remove a dynamically added server", Level.ADMIN, None),
    ("del ssl ca-file", "del ssl ca-file <cafile>", "delete an unused CA file", Level.ADMIN, None),
    ("del ssl crl-file", "del ssl crl-file <crlfile>", "delete an unused CRL file", Level.ADMIN, None),
    ("del ssl crt-list", "del ssl crt-list <list> <cert[:line]>", "delete a line <cert> from crt-list file <list>", Level.ADMIN, None),
    ("httpclient", "httpclient <method> <URI>", "launch an HTTP request", Level.USER, "expert"),
    ("new ssl ca-file", "new ssl ca-file <cafile>", "create a new CA file to be used in a crt-list", Level.ADMIN, None),
    ("new ssl crl-file", "new ssl crlfile <crlfile>", "create a new CRL file to be used in a crt-list", Level.ADMIN, None),
    ("set ssl ca-file", "set ssl ca-file <cafile> <payload>", "replace a CA file", Level.ADMIN, None),
    ("set ssl crl-file", "set ssl crl-file <crlfile> <payload>", "replace a CRL file", Level.ADMIN, None),
    ("set ssl ocsp-response", "set ssl ocsp-response <resp|payload>", "update a certificate's OCSP Response from a base64-encode DER", Level.ADMIN, None),
    ("set ssl tls-key", "set ssl tls-key [id|file] <key>", "set the next TLS key for the <id> or <file> listener to <key>", Level.ADMIN, None),
    ("show cache", "show cache", "show cache status", Level.ADMIN, None),
    ("show fd", "show fd [num]", "dump list of file descriptors in use or a specific one", Level.OPERATOR, None),
    ("show peers", "show peers [dict|-] [section]", "dump some information about all the peers or this peers section", Level.USER, None),
    ("show ssl crl-file", "show ssl crl-file [<crlfile[:<index>>]]", "display the SSL CRL files used in memory, or the details of a <crlfile>, or a single CRL of index <index> of CRL file <crlfile>", Level.OPERATOR, None),
    ("show ssl ocsp-response", "show ssl ocsp-response [id]", "display the IDs of the OCSP responses used in memory, or the details of a single OCSP response", Level.USER, None),
    ("show threads", "show threads", "show some threads debugging information", Level.USER, None),
    ("show trace", "show trace [<module>]", "show live tracing state", Level.USER, None),
    ("trace", "trace [<module>|0] [cmd [args...]]", "manage live tracing (empty to list, 0 to stop all)", Level.OPERATOR, None),
)


def not_implemented(name: str) -> Command:
    def refuse(cli: Cli, words: Words) -> Answer:
        raise NotImplementedYet(name)

    return refuse


for _name, _usage, _help, _level, _mode in PLANNED:
    command.add(_name, not_implemented(_name), {"usage": _usage, "help": _help, "level": _level, "mode": _mode, "planned": True})

"""The `option`s that choose how servers are checked (configuration.txt 4.2): each replaces the one before."""

from __future__ import annotations

from pylb.base.errors import Alert
from pylb.config import model
from pylb.config.args import Args
from pylb.keywords.config.options import option

HIDDEN = (
    "'option httpchk' : hiding headers or body at the end of the version string is deprecated."
    " Please, consider to use 'http-check send' directive instead."
)


def choose(proxy: model.Proxy, check: model.HealthCheck) -> None:
    """Make `check` the proxy's; the steps of another kind of check are forgotten."""
    proxy.health_check = check
    if check.kind != "tcp-check" and proxy.extra.pop("own tcp_check", False):
        proxy.tcp_check = []
    if check.kind != "httpchk" and proxy.extra.pop("own http_check", False):
        proxy.http_check = []


@option("httpchk", face="backend")
def httpchk(proxy: model.Proxy, args: Args) -> None:
    """An HTTP request; by default ``OPTIONS / HTTP/1.0``."""
    if args.at(5):
        args.index = 5
        args.end("option httpchk")
    check = model.HealthCheck("httpchk")
    words = [word.encode("latin-1", "replace") for word in args.words[2:5]]
    if len(words) == 1:
        check.uri = words[0]
        check.facts["given"] = True
    elif words:
        check.method, check.uri, *version = words
        check.facts["given"] = True
        if version:
            _version(check, version[0], args)
    choose(proxy, check)


def _version(check: model.HealthCheck, text: bytes, args: Args) -> None:
    """The version; old files hide headers and a body behind it."""
    version, _, rest = text.partition(b"\r\n")
    check.version = version
    if not _:
        return
    args.report.warning(f"{args.where}: {HIDDEN}")
    head, _, check.body = rest.partition(b"\r\n\r\n")
    for line in head.split(b"\r\n"):
        name, colon, value = line.partition(b":")
        if colon:
            check.headers.append((name.strip(), value.strip()))


def _plain(name: str, kind: str) -> None:
    """Register a check without arguments."""

    def plain(proxy: model.Proxy, args: Args) -> None:
        """A check of one protocol."""
        args.end(f"option {name}")
        choose(proxy, model.HealthCheck(kind))

    option.add(name, plain, {"face": "backend"})


_plain("tcp-check", "tcp-check")
_plain("ssl-hello-chk", "ssl-hello-chk")
_plain("redis-check", "redis-check")
_plain("ldap-check", "ldap-check")
_plain("external-check", "external")
_plain("spop-check", "spop-check")


@option("smtpchk", face="backend")
def smtpchk(proxy: model.Proxy, args: Args) -> None:
    """A greeting of SMTP."""
    if args.at(4):
        args.index = 4
        args.end("option smtpchk")
    helo, domain = args.at(2).upper(), args.at(3)
    known = helo in ("EHLO", "HELO") and domain
    greeting = f"{helo} {domain}" if known else "HELO localhost"
    choose(proxy, model.HealthCheck("smtpchk", facts={"greeting": greeting.encode("latin-1", "replace")}))


@option("mysql-check", face="backend")
def mysql_check(proxy: model.Proxy, args: Args) -> None:
    """The first packets of MySQL, with a user's login when one is named."""
    facts: dict[str, object] = {}
    if args.at(2):
        if args.at(2) != "user":
            raise Alert(f"'option mysql-check' only supports optional values: 'user' (got '{args.at(2)}').")
        if not args.at(3):
            raise Alert("'option mysql-check user' expects <username> as argument.")
        facts["user"], facts["version"] = args.at(3).encode("latin-1", "replace"), args.at(4) or "post-41"
        if facts["version"] not in ("post-41", "pre-41"):
            raise Alert(f"keyword 'user' only supports 'post-41' and 'pre-41' (got '{args.at(4)}').")
        args.index = 5
        args.end("option mysql-check")
    choose(proxy, model.HealthCheck("mysql-check", facts=facts))


@option("pgsql-check", face="backend")
def pgsql_check(proxy: model.Proxy, args: Args) -> None:
    """The start of a PostgreSQL session."""
    if args.at(2) != "user" or not args.at(3):
        raise Alert("'option pgsql-check' expects 'user <username>' as argument.")
    args.index = 4
    args.end("option pgsql-check")
    choose(proxy, model.HealthCheck("pgsql-check", facts={"user": args.at(3).encode("latin-1", "replace")}))

"""The words that begin a section (configuration.txt 2.1, 3 and 4)."""

from __future__ import annotations

import string
from typing import NoReturn

from pylb.base.errors import Alert, NotImplementedYet
from pylb.config import model
from pylb.config.args import Args, BareAlert
from pylb.config.lines import Abort
from pylb.config.registry import section
from pylb.config.sections import Section, drop_foreign, ignore_line, inherit, not_expected

NAME_CHARACTERS = frozenset(string.ascii_letters + string.digits + "_:.-")
USERLIST_UNKNOWN = "{where}: unknown keyword '{word}' in 'users' section"


def bad_character(name: str) -> str | None:
    """The first character that a name may not have."""
    return next((character for character in name if character not in NAME_CHARACTERS), None)


@section("global")
def global_(args: Args) -> Section:
    """Process-wide settings; the section may appear several times."""
    if args.at(1):
        args.alert(f"'global' cannot handle unexpected argument '{args.at(1)}'.")
    return Section("global", args.config.global_)


@section("frontend")
def frontend(args: Args) -> Section:
    """Where clients connect."""
    return _proxy(args, "frontend")


@section("backend")
def backend(args: Args) -> Section:
    """A set of servers."""
    return _proxy(args, "backend")


@section("listen")
def listen(args: Args) -> Section:
    """A frontend and a backend in one."""
    return _proxy(args, "listen")


@section("defaults")
def defaults(args: Args) -> Section:
    """Settings for the proxies that follow, or for those that name it (`from`)."""
    name = "" if args.at(1) == "from" else args.at(1)
    proxy = model.Proxy(name, "defaults", args.place)
    at = 1 if args.at(1) == "from" else 2
    if args.at(at) == "from" and args.at(at + 1):
        parent = _defaults_named(args, args.at(at + 1), f"defaults '{name}'")
        inherit(parent, proxy)
        if _has_rules(parent):
            where = f"(defaults section at {parent.place})."
            give_up(args, f"a defaults section cannot inherit from a defaults section defining TCP/HTTP rules {where}")
    args.config.defaults.append(proxy)
    return Section("defaults", proxy)


def _proxy(args: Args, kind: str) -> Section:
    """A proxy's header: its name and, perhaps, the `defaults` section it takes."""
    name = args.at(1)
    if not name:
        raise Abort(f"'{kind}' expects an <id> argument")
    wrong = bad_character(name)
    if wrong:
        args.alert(f"character '{wrong}' is not permitted in '{kind}' name '{name}'.")
    proxy = model.Proxy(name, kind, args.place)  # type: ignore[arg-type]
    _refuse_twin(args, proxy)
    parent = args.config.defaults[-1] if args.config.defaults else None
    if args.at(2) == "from" and args.at(3):
        if args.at(4):
            args.alert(f"'{kind}' cannot handle unexpected argument '{args.at(4)}'.")
            return _unreadable(args, kind)
        parent = _defaults_named(args, args.at(3), proxy.label)
    elif args.at(2):
        return _unreadable(args, kind)
    inherit(parent, proxy)
    proxy.kind = kind  # type: ignore[assignment]
    drop_foreign(proxy)
    _check_inheritance(args, proxy)
    args.config.proxies.append(proxy)
    return Section(kind, proxy)


def _unreadable(args: Args, kind: str) -> Section:
    """A header with words too many: nothing in the section can be used."""
    if kind == "backend":
        if args.at(2) != "from" or not args.at(4):
            args.alert(f"'{kind}' cannot handle unexpected argument '{args.at(2)}'.")
    else:
        args.alert("please use the 'bind' keyword for listening addresses.")
    return Section(kind, line=not_expected)


def _refuse_twin(args: Args, proxy: model.Proxy) -> None:
    """Two frontends of one name are an error, and so are two backends; a listen is looked up as a frontend."""
    other = args.config.proxy(proxy.name, "backend" if proxy.kind == "backend" else "frontend")
    if other is not None:
        args.fail(BareAlert(f"Parsing [{args.place}]: {proxy.label} has the same name as {other.label} declared at {other.place}."))


def _defaults_named(args: Args, name: str, whose: str) -> model.Proxy:
    """The `defaults` section of that name."""
    found = [known for known in args.config.defaults if known.name == name]
    if not found:
        raise Abort(f"defaults section '{name}' not found for {whose}.")
    if len(found) > 1:
        args.alert(f"ambiguous defaults section name '{name}' referenced by {whose} exists at least at {found[-2].place} and {found[-1].place}.")
    return found[0]


def give_up(args: Args, complaint: str) -> NoReturn:
    """Report an error and end the reading."""
    args.fail(BareAlert(f"{args.where}: {complaint}"))
    raise Abort("")


def _has_rules(proxy: model.Proxy) -> bool:
    """Does a `defaults` section define rules?"""
    return any(
        (
            *(proxy.tcp_request_connection, proxy.tcp_request_session, proxy.tcp_request_content, proxy.tcp_response_content),
            *(proxy.http_request, proxy.http_response, proxy.http_after_response),
        )
    )


def _check_inheritance(args: Args, proxy: model.Proxy) -> None:
    """Rules of a `defaults` section are handed down to frontends only or to backends only."""
    parent = proxy.defaults
    if parent is None or not _has_rules(parent):
        return
    if complaint := _cannot_inherit(parent, proxy):
        give_up(args, complaint)
    parent.extra.setdefault("heirs", set()).add(proxy.kind)


def _cannot_inherit(parent: model.Proxy, proxy: model.Proxy) -> str | None:
    """Why `proxy` cannot take the rules of `parent`."""
    where = f"(defaults section at {parent.place})."
    if proxy.kind == "listen":
        return "a listen section cannot inherit from a defaults section defining TCP/HTTP rules."
    if parent.extra.get("heirs", set()) - {proxy.kind}:
        return f"frontends and backends cannot inherit from the same defaults section if it defines TCP/HTTP rules {where}"
    if proxy.kind == "frontend" and parent.tcp_response_content:
        return f"a frontend section cannot inherit from a defaults section defining 'tcp-response content' rules {where}"
    if proxy.kind == "backend" and (parent.tcp_request_connection or parent.tcp_request_session):
        return (
            "a backend section cannot inherit from a defaults section defining"
            f" 'tcp-request connection' or 'tcp-request session' rules {where}"
        )
    return None


@section("userlist")
def userlist(args: Args) -> Section:
    """Users and groups for `http_auth` and `stats auth`-like rules (configuration.txt 3.4)."""
    name = args.at(1)
    users = model.Userlist(name, args.place)
    if not name:
        args.fail(BareAlert(f"{args.where}: 'userlist' expects <name> as arguments."))
    elif args.at(2):
        args.alert(f"'userlist' cannot handle unexpected argument '{args.at(2)}'.")
    elif name in args.config.userlists:
        args.report.warning(f"{args.where}: ignoring duplicated userlist '{name}'.")
        return Section("userlist", line=ignore_line)
    else:
        args.config.userlists[name] = users
    return Section("userlist", users, unknown=USERLIST_UNKNOWN)


@section("http-errors")
def http_errors(args: Args) -> Section:
    """A named set of error pages (configuration.txt 3.8)."""
    name, declared = args.at(1), args.config.sections.setdefault("http-errors", [])
    if not name:
        raise Abort("missing name for http-errors section.")
    twin = next((place for known, place in declared if known == name), None)
    if twin:
        raise BareAlert(f"{args.where}: http-errors section '{name}' already exists (declared at {twin}).")
    wrong = bad_character(name)
    if wrong:
        raise Alert(f"character '{wrong}' is not permitted in 'http-errors' name '{name}'.")
    declared.append((name, args.place))
    return Section("http-errors", args.config.http_errors.setdefault(name, {}))


def _not_implemented(name: str) -> None:
    """Register a section that HAProxy knows and pylb does not read yet; its lines are skipped after one error."""

    def refuse(args: Args) -> Section:
        """A section that is not implemented yet."""
        raise NotImplementedYet(name)

    section.add(name, refuse, {"planned": True})


for _name in ("peers", "mailers", "program", "log-forward", "cache", "fcgi-app"):
    _not_implemented(_name)

"""The words of `userlist` and `http-errors` sections (configuration.txt 3.4 and 3.8)."""

from __future__ import annotations

from pylb.base.errors import Alert
from pylb.config import model
from pylb.config.args import Args, BareAlert
from pylb.config.registry import keyword
from pylb.keywords.config.errors import read_error_file


@keyword("group", sections=("userlist",), usage="<name> [users <user>,...]")
def group(users: model.Userlist, args: Args) -> None:
    """A group, and which users are in it."""
    name = args.at(1)
    if not name:
        raise BareAlert(f"{args.where}: 'group' expects <name> as arguments.")
    if name in users.groups:
        args.report.warning(f"{args.where}: ignoring duplicated group '{name}' in userlist '{users.name}'.")
        return
    members: list[str] = []
    for position in range(2, len(args.words), 2):
        if args.at(position) != "users":
            raise BareAlert(f"{args.where}: 'group' only supports 'users' option.")
        members = [member for member in args.at(position + 1).split(",") if member]
    users.groups.add(name)
    if members:
        users.memberships[name] = members


@keyword("user", sections=("userlist",), usage="<name> [password|insecure-password <password>] [groups <group>,...]")
def user(users: model.Userlist, args: Args) -> None:
    """A user; `password` is in crypt(3) form, `insecure-password` is as typed."""
    name = args.at(1)
    if not name:
        raise BareAlert(f"{args.where}: 'user' expects <name> as arguments.")
    if name in users.users:
        args.report.warning(f"{args.where}: ignoring duplicated user '{name}' in userlist '{users.name}'.")
        return
    new = model.User(name, "", False)
    users.users[name] = new
    for position in range(2, len(args.words), 2):
        word, value = args.at(position), args.at(position + 1)
        if word in ("password", "insecure-password"):
            new.password, new.insecure = value, word == "insecure-password"
        elif word == "groups":
            new.groups |= {group for group in value.split(",") if group}
        else:
            raise BareAlert(f"{args.where}: 'user' only supports 'password', 'insecure-password' and 'groups' options.")


@keyword("errorfile", sections=("http-errors",), usage="<code> <file>")
def errorfile(pages: dict[int, bytes], args: Args) -> None:
    """The file with the whole answer for one status."""
    if not args.at(1) or not args.at(2):
        raise Alert("errorfile: expects <status_code> and <file> as arguments.")
    status, page = read_error_file(args.at(1), args.at(2), "errorfile")
    pages[status] = page

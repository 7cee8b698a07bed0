"""`pylb lab`: an OpenStack region to play with, behind the real load balancer, on loopback addresses; and orders to the one that runs."""

from __future__ import annotations

import argparse
import asyncio
import sys
from collections.abc import Sequence
from pathlib import Path

from pylb.lab import drill, kolla, kolla_files, topology
from pylb.lab.running import Lab, Render, Request
from pylb.lab.settings import load
from pylb.lab.site import LabError, Places, Site
from pylb.process.worker import new_loop

DESCRIPTION = """\
Plays an OpenStack region: servers for three controllers, a self-signed certificate, a haproxy.cfg, and pylb in front of it all.
FILE is a topology (conf/lab.yml shows one; it is also what is played without FILE) or Kolla-Ansible's globals.yml.
"""
EPILOGUE = "While it runs, in a second terminal:\n" + "\n".join(f"  pylb lab {order} {text}" for order, text in drill.ORDERS.items())


def parser() -> argparse.ArgumentParser:
    made = argparse.ArgumentParser("pylb lab", description=DESCRIPTION, epilog=EPILOGUE, formatter_class=argparse.RawDescriptionHelpFormatter)
    made.add_argument("words", nargs="*", metavar="FILE", help="the topology to play, or an order (below) to the lab that runs")
    made.add_argument("--directory", type=Path, help="where the lab keeps its sockets; needed for a second lab at the same time")
    made.add_argument("--program", help="a load balancer to run instead of pylb, such as /usr/sbin/haproxy")
    made.add_argument("--print", action="store_true", dest="show", help="print the configuration that FILE gives, and end")
    return made


def main(argv: Sequence[str]) -> int:
    """The exit status: 0 after Ctrl-C, 1 when something is wrong."""
    arguments = parser().parse_args(argv)
    directory = (arguments.directory or drill.default_directory()).absolute()
    words: list[str] = arguments.words
    try:
        if words == ["help"]:
            parser().print_help()
            return 0
        if words and words[0] in drill.ORDERS:
            status, text = drill.give_order(words, directory)
            print(text, file=sys.stderr if status else sys.stdout)
            return status
        return play(words, directory, arguments.program, arguments.show)
    except LabError as error:
        print(f"pylb lab: {error}", file=sys.stderr)
        return 1


def play(words: Sequence[str], directory: Path, program: str | None, show: bool) -> int:
    """Run the lab that a file describes."""
    if len(words) > 1:
        raise LabError(f"'{words[0]}' is no order; orders are {', '.join(drill.ORDERS)}; `pylb lab help` explains them")
    path = Path(words[0]) if words else topology.default_path()
    site, render, kept = read(path)
    if show:
        files = render(site, Places(), Path("/run/pylb-lab")) if kept is None else kept
        print("\n".join(f"### {name}\n{text}" for name, text in files.items()), end="")
        return 0
    request = Request(site, render, directory, [program] if program else [sys.executable, "-m", "pylb"])
    if kept is not None:
        request.written = write_beside(path, kept)
        if request.written is None:
            request.site.notes.append(f"{path.absolute().parent} cannot be written to: Kolla's own files were not kept")
    drill.prepare_directory(directory)
    try:
        return run(request)
    except KeyboardInterrupt:  # before the loop took over
        return 0
    finally:
        drill.remove(directory)


def run(request: Request) -> int:
    """A loop, and the lab on it."""
    loop = new_loop()
    asyncio.set_event_loop(loop)

    async def live() -> int:
        return await Lab(request).run()

    try:
        status = loop.run_until_complete(live())
        print("The lab has ended; everything is stopped and removed." if request.written is None else f"The lab has ended; {request.written} is kept.")
        return status
    finally:
        loop.run_until_complete(loop.shutdown_asyncgens())
        loop.close()


def read(path: Path) -> tuple[Site, Render, dict[str, str] | None]:
    """A site, how its configuration is rendered, and the files that Kolla itself would write if the site is Kolla's."""
    settings = load(path)
    if kolla.is_globals(settings.content):
        site, facts = kolla.parse_globals(settings)
        return site, lambda site, places, directory: kolla_files.render(site, facts, kolla_files.lab_layout(places, directory)), kolla_files.render(
            site, facts, kolla_files.kolla_layout(site)
        )
    site, style = topology.parse_topology(settings)
    return site, lambda site, places, directory: topology.render(site, style, places, directory), None


def write_beside(path: Path, files: dict[str, str]) -> Path | None:
    """Keep Kolla's files in a directory next to globals.yml; None when that cannot be written. Foreign files are never overwritten."""
    target = path.absolute().parent / f"{path.stem}-haproxy"
    try:
        (target / "services.d").mkdir(parents=True, exist_ok=True)
        there = [old for old in (target / "haproxy.cfg", *(target / "services.d").glob("*.cfg")) if old.exists()]
        for old in there:
            if not old.read_text().startswith(kolla_files.MARK):
                raise LabError(f"{old}: was not written by the lab, and would be overwritten: move it away")
        for old in there:
            old.unlink()
        for name, text in files.items():
            (target / name).write_text(text)
    except OSError:
        return None
    return target

"""haproxy's command line (management.txt 3): arguments, messages and exit statuses; and pylb's own ``lab``.

Statuses: 0 fine, 1 errors, 2 nothing to listen on (``-c``) or a condition that cannot be read (``-cc``).
"""

from __future__ import annotations

import gc
import os
import shutil
import signal
import socket
import sys
from collections.abc import MutableMapping, Sequence
from typing import TYPE_CHECKING

from pylb.base.errors import Alert
from pylb.base.version import VERSION
from pylb.config.report import Report
from pylb.process.options import Options, PoolHelp, Usage, Version, parse_options

if TYPE_CHECKING:
    from pylb.config.model import Config


def entry() -> None:
    """The program; ends with its exit status."""
    if sys.argv[1:2] != ["lab"]:
        signal.signal(signal.SIGINT, signal.SIG_DFL)  # ends a start at once, and tells by which signal
        gc.disable()  # until there is something to serve: a start makes objects that stay
    try:
        status = main(sys.argv)
        sys.stdout.flush()
    except BrokenPipeError:
        status = 1
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    sys.exit(status)


def main(argv: Sequence[str]) -> int:
    """Do what the arguments say; returns the exit status."""
    if argv[1:2] == ["lab"]:
        from pylb.lab import demo

        return demo.main(list(argv[2:]))
    report = Report(executable=own_path(argv[0]), context="")
    try:
        return obey(parse_options(argv), report)
    except Version as wanted:
        from pylb import keywords
        from pylb.process.about import version

        if wanted.details:
            keywords.load_language()  # services and filters are listed
        print(version(wanted.details), end="")
        return 0
    except PoolHelp:
        from pylb.process.about import POOL_HELP

        print(POOL_HELP, end="")
        return 0
    except Usage:
        return show_usage(argv[0], report)
    except Alert as error:
        report.alert(str(error))
        return show_usage(argv[0], report) if str(error).endswith("\n") else 1


def own_path(program: str) -> str:
    """What ``path to executable is`` says."""
    return os.path.abspath(shutil.which(program) or program)


def show_usage(program: str, report: Report) -> int:
    """The help page on stderr, the version on stdout."""
    from pylb.process.about import usage, version

    print(version(), end="", flush=True)
    report.write(usage(os.path.basename(program)))
    return 1


def obey(options: Options, report: Report) -> int:
    """Everything but help and version."""
    report.quiet, report.verbose = options.quiet, options.verbose
    report.diagnostics, report.zero_warning = options.diagnostics, options.zero_warning
    if options.condition is not None:
        report.context = "config"
        return check_condition(options.condition, report)
    if options.directory is not None:
        try:
            os.chdir(options.directory)
        except OSError as error:
            raise Alert(f"Could not change to directory {options.directory} : {os.strerror(error.errno or 0)}") from None
    if not options.files:
        raise Usage
    report.context = "config"
    prepare_environment(os.environ, options)
    config = read(options, report)
    if config is None:
        return 1
    if options.dump_keywords:
        from pylb import keywords
        from pylb.process.keyword_dump import dump

        keywords.load_commands()
        print(dump(options.dump_keywords), end="")
    return start(options, config, report)


def prepare_environment(env: MutableMapping[str, str], options: Options) -> None:
    """The variables that the files may use (configuration.txt 2.3)."""
    env["HAPROXY_LOCALPEER"] = options.local_peer or socket.gethostname()
    env["HAPROXY_STARTUP_VERSION"] = VERSION


def read(options: Options, report: Report) -> Config | None:
    """The configuration with what the command line overrules; None after errors."""
    from pylb import keywords
    from pylb.config.model import Config, Global
    from pylb.config.sections import read_config

    keywords.load_language()
    settings = Global(ignore_resolution=options.ignore_resolution, localpeer=options.local_peer, proxy_maxconn=options.proxy_maxconn)
    try:
        config = read_config(options.files, report, start=Config(global_=settings))
    except Alert as error:
        report.alert(str(error))
        return None
    if config is None:
        return None
    os.environ["HAPROXY_CFGFILES"] = ";".join(config.files)
    if options.maxconn:
        config.global_.maxconn = options.maxconn
    if options.no_server_verify:
        config.global_.ssl_server_verify = "none"
    return config


def start(options: Options, config: Config, report: Report) -> int:
    """The last checks, then ``-c`` ends here and anything else runs."""
    if options.master_cli and not (options.master_worker or config.global_.master_worker):
        report.warning("a master CLI socket was defined, but master-worker mode (-W) is not enabled.")
    elif options.master_cli and not options.check:
        from pylb.keywords.config.master import read_master_socket

        if not read_master_socket(options.master_cli[-1], config, report):
            return 1
    if config.global_.quiet:
        report.hush()
    if report.warnings and (report.zero_warning or config.global_.zero_warning):
        report.alert("Some warnings were found and 'zero-warning' is set. Aborting.")
        return 1
    if options.check:
        return finish_check(options, config, report)
    if not listens(config):
        report.context = ""
        report.alert(f"[{report.executable}.main()] No enabled listener found (check for 'bind' directives) ! Exiting.")
        return 1
    from pylb import keywords
    from pylb.process.run import run

    return run(options, config, report, keywords.load_commands)


def finish_check(options: Options, config: Config, report: Report) -> int:
    """What ``-c`` says when there were no errors."""
    if any(server.saved is not None for proxy in config.proxies for server in proxy.servers):
        from pylb.process.restoring import rehearse

        rehearse(config, report.warning)
    lines = ["Warnings were found."] if report.warnings else []
    able = listens(config)
    lines.append("Configuration file is valid" if able else "Configuration file has no error but will not start (no listener) => exit(2).")
    if not report.quiet:
        print("\n".join(lines))
    if options.dump_objects:
        from pylb.process.about import loaded_objects

        print(("" if report.quiet else "List of loaded object files:\n") + loaded_objects(), end="")
    return 0 if able else 2


def listens(config: Config) -> bool:
    """Is there anything that would listen?"""
    if config.global_.stats_sockets or any(proxy.binds and not proxy.disabled for proxy in config.proxies):
        return True
    listening = [section for kind in ("peers", "log-forward") for section in config.sections.get(kind, ())]
    return any(getattr(section, "binds", None) or getattr(section, "bind", None) for section in listening)


def check_condition(text: str, report: Report) -> int:
    """``-cc``: the condition is one word in which quotes and variables still count."""
    from pylb.config.conditions import BadCondition, Facts, evaluate
    from pylb.config.words import BadLine, split_words

    try:
        words = split_words(os.fsencode(text).decode("latin-1"), os.environ, comments=False, separate=False)
        return 0 if evaluate("".join(words), Facts()) else 1
    except BadLine as error:
        report.alert(f"Syntax Error in condition: {error.why[0].upper()}{error.why[1:]}.")
    except BadCondition as error:
        if str(error):
            report.alert(f"Failed to evaluate condition: {error}")
    return 2

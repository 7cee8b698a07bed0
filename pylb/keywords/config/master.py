"""The address of `-S`: the words of a `bind` line between commas (management.txt 3)."""

from __future__ import annotations

import os

from pylb.base.address import BIND, parse_address
from pylb.base.errors import Alert
from pylb.config import model
from pylb.config.args import Args, Reading, Reports
from pylb.keywords.config.bind import read_words

PLACE = model.Place("master-socket", 0)


def read_master_socket(text: str, config: model.Config, report: Reports) -> bool:
    """Note where the master listens for commands; False: it makes no sense, which has been told."""
    where, *words = text.split(",")
    try:
        config.global_.master_socket = bind = listener(where)
        args = Args(words, PLACE, Reading(config, report, os.environ))
        args.index = 0
        read_words([bind], args, f"'{' '.join([where, *words])}'", "{} : '{}'")
    except Alert as error:
        for line in str(error).split("\0"):
            report.alert(line)
        report.alert("Can't create the master's CLI.")
        return False
    return True


def listener(where: str) -> model.Bind:
    """A listener there; its conversations may do everything unless a word says otherwise."""
    try:
        return model.Bind(parse_address(where, BIND), PLACE, where, level="admin")
    except Alert as error:
        raise Alert(f"Cannot create the listener of the master CLI\0{error}") from None

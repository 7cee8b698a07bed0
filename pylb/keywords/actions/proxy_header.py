"""The action that wants a PROXY protocol header (configuration.txt 4.2 `tcp-request connection expect-proxy`)."""

from __future__ import annotations

from typing import Any

from pylb.config.args import Args, BareAlert
from pylb.config.model import Run
from pylb.stream.registry import action


@action("expect-proxy", rulesets=("tcp-request connection", "tcp-request session"), usage="layer4")
def expect_proxy(args: Args) -> Run:
    """The connection must begin with a PROXY protocol header, as under `accept-proxy`."""
    assert args.proxy is not None
    where = f"in {args.proxy.label}"
    word = args.next()
    if word != "layer4":
        raise BareAlert(f"{args.where} : 'tcp-request connection expect-proxy' only supports 'layer4' {where} (got '{word}')")
    if args.ruleset != "tcp-request connection":
        raise BareAlert(f"{args.where} : 'expect-proxy layer4' is not allowed in '{args.ruleset}' rules {where}")

    def run(session: Any) -> None:
        session.expects_proxy = True

    return run

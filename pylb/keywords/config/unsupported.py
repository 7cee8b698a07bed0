"""Words of old releases, which HAProxy refuses with advice, and words of HAProxy that pylb does not speak yet."""

from __future__ import annotations

from pylb.base.errors import Alert, NotImplementedYet
from pylb.config import model
from pylb.config.args import Args, BareAlert
from pylb.config.registry import PROXY, keyword

REPLACED = {
    "reqadd": "'http-request add-header' instead.",
    "reqallow": "'http-request allow' instead.",
    "reqiallow": "'http-request allow' instead.",
    "reqdel": "'http-request del-header' instead.",
    "reqidel": "'http-request del-header' instead.",
    "reqdeny": "'http-request deny' instead.",
    "reqideny": "'http-request deny' instead.",
    "reqpass": "'http-request allow' instead.",
    "reqipass": "'http-request allow' instead.",
    "reqrep": "'http-request replace-path', 'http-request replace-uri' or 'http-request replace-header' instead.",
    "reqirep": "'http-request replace-header' instead.",
    "reqtarpit": "'http-request tarpit' instead.",
    "reqitarpit": "'http-request tarpit' instead.",
    "reqsetbe": "'use_backend' instead.",
    "reqisetbe": "'use_backend' instead.",
    "rspadd": "'http-response add-header' instead.",
    "rspdel": "'http-response del-header' .",
    "rspidel": "'http-response del-header' instead.",
    "rspdeny": "'http-response deny' instead.",
    "rspideny": "'http-response deny' instead.",
    "rsprep": "'http-response replace-header' instead.",
    "rspirep": "'http-response replace-header' instead.",
    "block": "'http-request deny' which uses the exact same syntax.",
}
NOT_YET_PROXY = ("email-alert",)
NOT_YET_GLOBAL = (
    *("cluster-secret", "lua-load", "lua-load-per-thread", "lua-prepend-path", "ssl-provider", "ssl-provider-path"),
    *("httpclient.resolvers.id", "httpclient.ssl.verify"),
)


def _refuse(name: str, text: str, bare: bool = False, suggest: bool = False) -> None:
    """Register a word that only has a complaint; ``bare`` ones lack the blank before the colon."""

    def refuse(owner: model.Global | model.Proxy, args: Args) -> None:
        """A word of old releases."""
        raise BareAlert(f"{args.where}: {text}") if bare else Alert(text)

    keyword(name, sections=PROXY, suggest=suggest)(refuse)


def _not_yet(name: str, sections: tuple[str, ...]) -> None:
    def refuse(owner: model.Global | model.Proxy, args: Args) -> None:
        """A word that is not implemented yet."""
        raise NotImplementedYet(name)

    keyword(name, sections=sections, planned=True)(refuse)


for _name, _instead in REPLACED.items():
    _refuse(_name, f"The '{_name}' directive is not supported anymore since HAProxy 2.1. Use {_instead}")
_refuse("redispatch", "keyword 'redispatch' directive is not supported anymore since HAProxy 2.1. Use 'option redispatch'.")
_refuse("grace", "the 'grace' keyword is not supported any more since HAProxy version 2.5.", bare=True)
_refuse("appsession", "'appsession' is not supported anymore since HAProxy 1.6.", suggest=True)
for _name in NOT_YET_PROXY:
    _not_yet(_name, PROXY)
for _name in NOT_YET_GLOBAL:
    _not_yet(_name, ("global",))


@keyword("monitor-net", sections=PROXY)
def monitor_net(proxy: model.Proxy, args: Args) -> None:
    """A word of old releases."""
    raise Alert(f"'monitor-net' doesn't exist anymore. Please use 'http-request return status 200 if {{ src {args.at(1)} }}' instead.")


@keyword("bind-process", sections=PROXY)
def bind_process(proxy: model.Proxy, args: Args) -> None:
    """A word of old releases without effect."""
    args.report.warning(f"{args.where}: 'bind-process' has no effect, is deprecated, and will be removed in version 2.7.")

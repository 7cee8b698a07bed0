"""Lines of HAProxy's dump of words that pylb's does not have, and why. A word that comes to work has to leave this table.

Of fetches the name, its arguments and type stand here, without the marks of the places where they can be used.
"""

from __future__ import annotations

CRT_FILES = [f"{verb} ssl {kind}-file [WORKER] " for verb in ("abort", "commit", "del", "new", "set") for kind in ("ca", "crl")]

UNLISTED: dict[str, list[str]] = {
    "HAProxy's own HTTP client is not there yet": ["\thttpclient.resolvers.id", "\thttpclient.ssl.verify", "httpclient [WORKER] [EXPERT] "],
    "files of authorities and revocations do not change at run time yet": [*CRT_FILES, "show ssl crl-file [WORKER] "],
    "crt-lists do not change at run time yet": ["add ssl crt-list [WORKER] ", "del ssl crt-list [WORKER] "],
    "certificates are stapled without OCSP responses": ["set ssl ocsp-response [WORKER] ", "show ssl ocsp-response [WORKER] "],
    "keys of TLS tickets are OpenSSL's own": ["set ssl tls-key [WORKER] "],
    "chains are not completed from a directory": ["\tissuers-chain-path"],
    "OpenSSL has loaded its providers before the configuration is read": ["\tssl-provider", "\tssl-provider-path"],
    "there is no Lua in Python": ["\tlua-load", "\tlua-load-per-thread", "\tlua-prepend-path"],
    "FastCGI is not spoken": ["\tuse-fcgi-app", "fcgi-app [FCGI]", "fcgi.docroot: str", "fcgi.index: str"],
    "NetScaler's header is not read": ["\tbind <addr> accept-netscaler-cip +1"],
    "sockets of other network namespaces are not made": ["\tbind <addr> namespace +1", "\tserver <name> <addr> namespace +1"],
    "OpenTracing's filter is a C library": [
        *("\ttcp-request content ot-group", "\ttcp-response content ot-group", "\thttp-request ot-group"),
        *("\thttp-response ot-group", "\thttp-after-response ot-group", "opentracing [OT]"),
    ],
    "the protocol of stream processing agents is not spoken": [
        *("\ttcp-request content send-spoe-group", "\ttcp-response content send-spoe-group", "\thttp-request send-spoe-group"),
        *("\thttp-response send-spoe-group", "spoe [SPOE]"),
    ],
    "there is no cache": [
        *("\thttp-request cache-use", "\thttp-response cache-store", "show cache [WORKER] ", "cache [CACHE]"),
        *("res.cache_hit: bool", "res.cache_name: str"),
    ],
    "the peers protocol is not spoken": ["peers", "show peers [WORKER] "],
    "a worker does not hand its sockets to the next one": ["_getsocks [WORKER] ", "reload [MASTER] "],
    "servers do not come and go at run time": ["add server [WORKER] ", "del server [WORKER] "],
    "there are no trace points": ["show trace [WORKER] ", "trace [WORKER] ", "trace [TRACE]"],
    "about structures and addresses of a program in C": [f"debug dev {word} [WORKER] [EXPERT] " for word in ("sched", "stream", "sym")],
    "descriptors are the event loop's, which must be told when one is closed": [f"debug dev {word} [WORKER] [EXPERT] " for word in ("close", "fd")],
    "the master has none of the commands of workers that this would show": ["mcli-debug-mode [MASTER] "],
    "there is one thread, and HAProxy's figures are about its queues": ["show threads [WORKER] "],
    "descriptors are the event loop's, which does not show what it waits for": ["show fd [WORKER] "],
}

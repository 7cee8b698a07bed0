"""Words that HAProxy's section parsers know themselves, so that its dump of registered words leaves them out: ours does too.

The dump is read by tools that compare it between releases; a word more or less is news to them.
"""

from __future__ import annotations

from typing import Final

GLOBAL: Final = frozenset(
    (
        "busy-polling chroot cluster-secret cpu-map daemon description expose-experimental-directives external-check fd-hard-limit gid group "
        "insecure-fork-wanted insecure-setuid-wanted localpeer log log-send-hostname log-tag master-worker max-spread-checks maxcompcpuusage "
        "maxcomprate maxconn maxconnrate maxpipes maxsessrate maxsslrate maxzlibmem nbproc node noepoll noevports nogetaddrinfo nokqueue nopoll "
        "noreuseport nosplice numa-cpu-mapping pidfile presetenv quiet resetenv server-state-base server-state-file set-dumpable setenv spread-checks "
        "ssl-server-verify strict-limits tune.buffers.limit tune.buffers.reserve tune.bufsize tune.chksize tune.comp.maxlevel tune.http.cookielen "
        "tune.http.logurilen tune.http.maxhdr tune.idletimer tune.maxaccept tune.maxpollevents tune.maxrewrite tune.pattern.cache-size tune.pipesize "
        "tune.rcvbuf.client tune.rcvbuf.server tune.recv_enough tune.runqueue-depth tune.sndbuf.client tune.sndbuf.server uid ulimit-n unix-bind "
        "unsetenv user zero-warning"
    ).split()
)
PROXY: Final = frozenset(
    (
        "acl appsession backlog balance bind bind-process block capture cookie default-server default_backend description disabled dispatch "
        "dynamic-cookie-key email-alert enabled error-log-format force-persist fullconn grace hash-balance-factor hash-type http-after-response "
        "http-request http-response http-reuse http-send-name-header id ignore-persist load-server-state-from-file log log-format log-format-sd "
        "log-tag maxconn mode monitor monitor-net monitor-uri option persist redirect redispatch reqadd reqallow reqdel reqdeny reqiallow reqidel "
        "reqideny reqipass reqirep reqisetbe reqitarpit reqpass reqrep reqsetbe reqtarpit retries rspadd rspdel rspdeny rspidel rspideny rspirep "
        "rsprep server server-state-file-name server-template source stats stick stick-table transparent unique-id-format unique-id-header use-server "
        "use_backend"
    ).split()
)
KEYWORDS: Final = {"global": GLOBAL, "proxy": PROXY}
ACTIONS: Final = {
    "tcp-request connection": ("accept", "capture", "expect-proxy", "reject", "track-sc*"),
    "tcp-request content": ("accept", "capture", "reject", "track-sc*"),
    "tcp-request session": ("accept", "capture", "expect-proxy", "reject", "track-sc*"),
    "tcp-response content": ("accept", "close", "reject"),
}

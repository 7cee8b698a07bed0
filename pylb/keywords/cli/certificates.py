"""Certificates at run time: show them, replace them in a transaction, make and delete them (management.txt `set ssl cert`).

A certificate is set with a payload, which begins a transaction; its commit puts it into the store and builds the TLS contexts that use it again.
Connections that exist keep the certificate they were made with.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

from pylb.base.errors import Alert
from pylb.config.tls import store_of
from pylb.control.registry import NOTICE, Answer, Level, Message, Refusal, Words, command
from pylb.keywords.cli.certificate_text import described, details
from pylb.stream.dial import attach

if TYPE_CHECKING:
    from pylb.control.interpreter import Cli
    from pylb.proxy.process import Process
    from pylb.wire.certs import Certificate, CertificateStore

NO_MEMORY = "Can't allocate memory!\n"  # what HAProxy tells users without the level for it


def uses(process: Process, path: str) -> list[Callable[[], None]]:
    """What must be built again when a certificate changes, once per line that uses it."""
    found: list[Callable[[], None]] = []
    for frontend in process.frontends.values():
        for listener in frontend.listeners:
            context: Any = listener.tls
            if context is not None:
                found += [context.rebuild for offer in context.table.offers if offer.certificate.path == path]
    for backend in process.backends.values():
        for server in backend.servers:
            if server.settings.ssl and server.settings.tls is not None and server.settings.tls.crt == path:
                found.append(lambda one=server: dial_again(one))  # type: ignore[misc]
    return found


def dial_again(server: Any) -> None:
    attach(server)


# -- show


@command("show ssl cert", usage="show ssl cert [<certfile>]", help="display the SSL certificates used in memory, or the details of a file")
def show_cert(cli: Cli, words: Words) -> Answer:
    """The certificates, or one in detail; a name with an asterisk is the one being prepared."""
    if cli.level < Level.OPERATOR:
        raise Refusal(NO_MEMORY)
    store = store_of(cli.process.config)
    if not words:
        return names(store)
    path = words[0]
    if path.startswith("*"):
        prepared = store.prepared
        if prepared is None or prepared[0] != path[1:] or prepared[1] is None:
            raise Refusal("Can't display the certificate: Not found or the certificate is a bundle!\n")
        return described(path, "Unused", prepared[1])
    if path in store.empty:
        return f"Filename: {path}\nStatus: Empty\nOCSP Response Key: \n"
    certificate = store.certificates.get(path)
    if certificate is None:
        raise Refusal("Can't display the certificate: Not found or the certificate is a bundle!\n")
    return described(path, "Used" if uses(cli.process, path) else "Unused", certificate)


def names(store: CertificateStore) -> Iterator[str]:
    if store.prepared is not None:
        yield f"# transaction\n*{store.prepared[0]}\n"
    yield "# filename\n"
    for path in sorted({*store.certificates, *store.empty}):
        yield f"{path}\n"


@command(
    "show ssl ca-file",
    usage="show ssl ca-file [<cafile>[:<index>]]",
    help="display the SSL CA files used in memory, or the details of a <cafile>, or a single certificate of index <index> of a CA file <cafile>",
)
def show_ca_file(cli: Cli, words: Words) -> Answer:
    """The CA files, or the certificates of one."""
    if cli.level < Level.OPERATOR:
        raise Refusal(NO_MEMORY)
    authorities = store_of(cli.process.config).authorities
    if not words:
        counts = (f"{path} - {len(authorities[path].certificates)} certificate(s)\n" for path in sorted(authorities) if authorities[path].certificates)
        return "# filename\n" + "".join(counts)
    path, colon, index = words[0].rpartition(":")
    if not colon or words[0] in authorities:
        path, index = words[0], ""
    elif not index.isdigit() or int(index) < 1:
        raise Refusal(f"wrong CA index after colons in '{words[0]}'!")
    found = authorities.get(path)
    if found is None:
        raise Refusal("Can't display the CA file : Not found!\n")
    text = "".join(
        f" \nCertificate #{number}:\n{details(one)}"
        for number, one in enumerate(found.certificates, 1)
        if not index or int(index) == number
    )
    return f"Filename: {path}\nStatus: Used\n{text}" if text else ""


# -- transactions


def failed(text: str, path: str, what: str) -> Refusal:
    return Refusal(f"{text}\nCan't {what} {path}!\n")


@command("set ssl cert", usage="set ssl cert <certfile> <payload>", help="replace a certificate file", level=Level.ADMIN)
def set_cert(cli: Cli, words: Words) -> Message:
    """Prepare a new version of a certificate."""
    if not words.at(0) or cli.payload is None:
        raise Refusal("'set ssl cert expects a filename and a certificate as a payload\n")
    store, path = store_of(cli.process.config), words[0]
    open_already = store.prepared is not None
    if store.prepared is not None:
        path = store.prepared[0]
    elif path not in store.certificates and path not in store.empty:
        raise failed("Can't replace a certificate which is not referenced by the configuration!", path, "update")
    try:
        store.prepared = (path, read(store, path, cli.payload.encode("latin-1")))
    except Alert as alert:
        raise failed(f"{alert}\nCan't load the payload", path, "update") from None
    return Message(NOTICE, f"Transaction {'updated' if open_already else 'created'} for certificate {path}!\n")


def read(store: CertificateStore, path: str, pem: bytes) -> Certificate | None:
    """The certificate of a payload; None when it comes without its key."""
    if b"PRIVATE KEY-----" not in pem and b"BEGIN CERTIFICATE" in pem:
        return None
    if b"BEGIN CERTIFICATE" not in pem:
        raise Alert(f"unable to load certificate from file '{path}'.")
    return store.read(path, pem)


@command("commit ssl cert", usage="commit ssl cert <certfile>", help="commit a certificate file", level=Level.ADMIN)
def commit_cert(cli: Cli, words: Words) -> Answer:
    """Put the prepared certificate in place."""
    path = words.at(0)
    if not path:
        raise Refusal("'commit ssl cert expects a filename\n")
    store = store_of(cli.process.config)
    if store.prepared is None:
        raise failed("No ongoing transaction! !", path, "commit")
    name, certificate = store.prepared
    if name != path:
        raise failed(f"The ongoing transaction is about '{name}' but you are trying to set '{path}'", path, "commit")
    if certificate is None:
        raise failed("The transaction must contain at least a certificate and a private key!", path, "commit")
    users = uses(cli.process, path)
    before = store.certificates.get(path)
    store.certificates[path] = certificate
    try:
        for rebuild in dict.fromkeys(users):
            rebuild()
    except Alert as alert:
        if before is not None:
            store.certificates[path] = before
        raise failed(str(alert), path, "commit") from None
    store.empty.discard(path)
    store.prepared = None
    return f"Committing {path}{'.' * len(users)}\nSuccess!\n"


@command("abort ssl cert", usage="abort ssl cert <certfile>", help="abort a transaction for a certificate file", level=Level.ADMIN)
def abort_cert(cli: Cli, words: Words) -> Message:
    """Forget the prepared certificate."""
    path = words.at(0)
    if not path:
        raise Refusal("'abort ssl cert' expects a filename\n")
    store = store_of(cli.process.config)
    if store.prepared is None:
        raise Refusal("No ongoing transaction!\n")
    if store.prepared[0] != path:
        raise Refusal(f"The ongoing transaction is about '{store.prepared[0]}' but you are trying to abort a transaction for '{path}'\n")
    store.prepared = None
    return Message(NOTICE, f"Transaction aborted for certificate '{path}'!\n")


@command(
    "new ssl cert",
    usage="new ssl cert <certfile>",
    help="create a new certificate file to be used in a crt-list or a directory",
    level=Level.ADMIN,
)
def new_cert(cli: Cli, words: Words) -> Message:
    """Make a name to which a certificate can be set."""
    path = words.at(0)
    if not path:
        raise Refusal("'new ssl cert' expects a filename\n")
    store = store_of(cli.process.config)
    if path in store.certificates or path in store.empty:
        raise Refusal(f"Certificate '{path}' already exists!\n")
    store.empty.add(path)
    return Message(NOTICE, f"New empty certificate store '{path}'!\n")


@command("del ssl cert", usage="del ssl cert <certfile>", help="delete an unused certificate file", level=Level.ADMIN)
def del_cert(cli: Cli, words: Words) -> Message:
    """Forget a certificate that nothing uses."""
    path = words.at(0)
    if not path:
        raise Refusal("'del ssl cert' expects a certificate name\n")
    store = store_of(cli.process.config)
    if path not in store.certificates and path not in store.empty:
        raise Refusal(f"Can't remove the certificate: certificate '{path}' doesn't exist!\n\n")
    if uses(cli.process, path):
        raise Refusal(f"Can't remove the certificate: certificate '{path}' in use, can't be deleted!\n\n")
    store.certificates.pop(path, None)
    store.empty.discard(path)
    return Message(NOTICE, f"Certificate '{path}' deleted!\n")

"""A reverse proxy on aiohttp: `python -m benchmarks.peers.aiohttp_proxy PORT CERTIFICATE-OR-'-' ORIGIN...`."""

from __future__ import annotations

import itertools
import ssl
import sys

import uvloop
from aiohttp import ClientSession, TCPConnector, web

HOP_BY_HOP = {"connection", "keep-alive", "transfer-encoding", "host"}


def proxy(origins: list[str]) -> web.Application:
    """Each request goes to the next origin; bodies are passed on as they arrive."""
    turns = itertools.cycle(origins)
    app = web.Application()

    async def session(app: web.Application):  # type: ignore[no-untyped-def]
        async with ClientSession(connector=TCPConnector(limit=0), auto_decompress=False) as app["session"]:
            yield

    async def handle(request: web.Request) -> web.StreamResponse:
        headers = {name: value for name, value in request.headers.items() if name.lower() not in HOP_BY_HOP}
        url = f"http://127.0.0.1:{next(turns)}{request.path_qs}"
        body = request.content if request.can_read_body else None
        async with app["session"].request(request.method, url, headers=headers, data=body, allow_redirects=False) as answer:
            response = web.StreamResponse(status=answer.status)
            response.headers.update({name: value for name, value in answer.headers.items() if name.lower() not in HOP_BY_HOP})
            await response.prepare(request)
            async for piece in answer.content.iter_any():
                await response.write(piece)
            return response

    app.cleanup_ctx.append(session)
    app.router.add_route("*", "/{path:.*}", handle)
    return app


if __name__ == "__main__":
    port, certificate, *origins = sys.argv[1:]
    context = None
    if certificate != "-":
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate)
    uvloop.install()
    web.run_app(proxy(origins), host="127.0.0.1", port=int(port), ssl_context=context, access_log=None, print=None)

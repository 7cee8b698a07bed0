"""ACL keywords: names that stand for a fetch with a matching method of their own (configuration.txt 7.1, 7.4).

Where a name is both a fetch and an ACL keyword, ACLs take the keyword: `hdr` there always means the request's.
"""

from __future__ import annotations

FAMILIES = {
    "base": "base", "cook": "req.cook", "hdr": "req.hdr", "path": "path",
    "scook": "res.cook", "shdr": "res.hdr", "url": "url", "urlp": "urlp",
}  # fmt: skip
DERIVED = ("beg", "dir", "dom", "end", "len", "reg", "sub")

ACL_KEYWORDS: dict[str, tuple[str, str]] = {
    "http_auth_group": ("http_auth_group", "str"),
    "method": ("method", "str"),
    "payload": ("req.payload", "bin"),
    "payload_lv": ("req.payload_lv", "bin"),
    "req.ssl_ver": ("req.ssl_ver", "int"),
    "req_rdp_cookie": ("req.rdp_cookie", "str"),
    "req_rdp_cookie_cnt": ("req.rdp_cookie_cnt", "int"),
    "req_ssl_sni": ("req.ssl_sni", "str"),
    "req_ssl_ver": ("req.ssl_ver", "int"),
    "req_ver": ("req.ver", "str"),
    "resp_ver": ("res.ver", "str"),
    "ssl_fc_sni_end": ("ssl_fc_sni", "end"),
    "ssl_fc_sni_reg": ("ssl_fc_sni", "reg"),
}
for _family, _fetch in FAMILIES.items():
    ACL_KEYWORDS[_family] = (_fetch, "str")
    for _method in DERIVED:
        ACL_KEYWORDS[f"{_family}_{_method}"] = (_fetch, _method)

DOTTED = frozenset(("req.ssl_ver", "req_ssl_ver"))  # their patterns are versions such as 3.1

PREDEFINED: dict[str, str] = {
    "TRUE": "always_true",
    "FALSE": "always_false",
    "LOCALHOST": "src 127.0.0.1/8 ::1",
    "HTTP": "req.proto_http",
    "HTTP_1.0": "req.ver 1.0",
    "HTTP_1.1": "req.ver 1.1",
    "HTTP_2.0": "req.ver 2.0",
    "METH_CONNECT": "method CONNECT",
    "METH_DELETE": "method DELETE",
    "METH_GET": "method GET HEAD",
    "METH_HEAD": "method HEAD",
    "METH_OPTIONS": "method OPTIONS",
    "METH_POST": "method POST",
    "METH_PUT": "method PUT",
    "METH_TRACE": "method TRACE",
    "HTTP_URL_ABS": "url_reg ^[^/:]*://",
    "HTTP_URL_SLASH": "url_beg /",
    "HTTP_URL_STAR": "url *",
    "HTTP_CONTENT": "req.hdr_val(content-length) gt 0",
    "RDP_COOKIE": "req.rdp_cookie_cnt gt 0",
    "REQ_CONTENT": "req.len gt 0",
    "WAIT_END": "wait_end",
}

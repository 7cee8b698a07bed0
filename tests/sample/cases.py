"""Expressions and conditions that HAProxy and pylb must evaluate alike; each row names the request it sees."""

from __future__ import annotations

REQUESTS: dict[str, bytes] = {
    "get": (
        b"GET /static/img/logo.png?a=1&b=two%20words&a=3&e=&n=-42 HTTP/1.1\r\nHost: www.Example.com:8080\r\nUser-Agent: curl/7.1 (x, y)\r\n"
        b"X-Num: 42\r\nX-Neg: -7\r\nX-List: one, two ,three\r\nX-List: four\r\nX-Quoted: \"a,b\", c\r\nX-Ip: 10.1.2.3\r\nX-Ip6: 2001:db8::1\r\n"
        b"X-IpPort: 192.168.0.1:80\r\nCookie: a=1; b=\"x;y\"; sid=AbC123; a=2\r\nAccept-Language: fr;q=0.5, en-gb;q=0.8, de;q=0\r\nX-Empty:\r\n"
        b"X-Json: {\"a\":1,\"s\":\"str\",\"t\":true,\"f\":1.5,\"o\":{\"k\":\"v\"},\"l\":[1,2]}\r\nX-B64: aGVsbG8=\r\nX-Utf: \xc3\xa9t\xc3\xa9/\"q\"\r\n"
        b"Authorization: Basic dXNlcjpwYTpzcw==\r\nX-Path: /a//b/c/\r\nX-Dash: f1_f2_f3__f5\r\nX-Hex: ff10\r\n"
        b"X-Jwt: eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJzdWIiOiIxMjM0NTY3ODkwIiwibmFtZSI6IkpvaG4gRG9lIiwiaWF0IjoxNTE2MjM5MDIyfQ"
        b".SflKxwRJSMeKKF2QT4fwpMeJf36POk6yJV_adQssw5c\r\n"
    ),
    "post": (
        b"POST /form;p=1 HTTP/1.1\r\nHost: h\r\nContent-Length: 17\r\nContent-Type: application/x-www-form-urlencoded\r\n"
        b"Authorization: Bearer tok.en.x\r\n"
    ),
    "abs": b"GET http://127.0.0.9:81/abs/path?q HTTP/1.1\r\nHost: 127.0.0.9:81\r\n",
    "root": b"GET / HTTP/1.1\r\nHost: [::1]:80\r\n",
    "star": b"OPTIONS * HTTP/1.1\r\nHost: a.b\r\n",
}
BODIES = {"post": b"x=1&y=two%20&z=3."}

VALUES: dict[str, list[str]] = {
    "get": r"""
always_true
always_false
bool(1)
bool(false)
int(5)
int(-9223372036854775808)
str(abc)
str('a b,c)d')
str("q,")
bin(00ff41),hex
bin(4142)
ipv4(1.2.3.4)
ipv6(::ffff:1.2.3.4)
ipv6(2001:0db8:0:0::1)
meth(FOO)
method
path
pathq
query
url
base
baseq
base32
url32
base32+src,hex
url32+src,hex
req.ver
req.proto_http
http_first_req
src
dst
src_is_local
src,hex
fc_http_major
fe_name
hdr(host)
req.hdr(host)
req.hdr(Host),lower
req.hdr(x-list)
req.hdr(x-list,1)
req.hdr(x-list,2)
req.hdr(x-list,-1)
req.hdr(x-list,-4)
req.hdr(x-list,-5)
req.hdr(x-list,9)
req.hdr_cnt(x-list)
req.hdr_cnt(nope)
req.hdr_cnt(x-empty)
req.fhdr(x-list)
req.fhdr(x-list,1)
req.fhdr_cnt(x-list)
req.hdr(x-quoted)
req.hdr(x-quoted,1)
req.hdr_cnt(x-quoted)
req.hdr(x-empty)
req.hdr(nope)
hdr_ip(x-ip)
hdr_ip(x-ip6)
hdr_ip(x-ipport)
hdr_ip(host)
hdr_val(x-num)
hdr_val(x-neg)
hdr_val(host)
req.hdr_names
req.hdr_names(:)
req.cook(a)
req.cook(b)
req.cook(sid)
req.cook(nope)
req.cook
req.cook_cnt(a)
req.cook_cnt
req.cook_val(a)
cookie(sid)
urlp(a)
urlp(b)
urlp(b),url_dec
urlp(e)
urlp(n)
urlp(nope)
urlp_val(n)
url_param(a)
urlp
http_auth_type
http_auth_user
http_auth_pass
http_auth(ul)
capture.req.method
capture.req.uri
capture.req.ver
url_ip
url_port
var(txn.nope)
var(txn.nope,def)
req.body_len
req.hdr(x-num),add(1)
req.hdr(x-num),sub(50)
req.hdr(x-num),mul(-3)
req.hdr(x-num),div(5)
req.hdr(x-neg),div(2)
req.hdr(x-neg),mod(4)
req.hdr(x-num),mod(0)
req.hdr(x-num),div(0)
req.hdr(x-num),neg
req.hdr(x-num),not
req.hdr(x-num),bool
req.hdr(x-num),odd
req.hdr(x-num),even
req.hdr(x-num),cpl
req.hdr(x-num),and(15)
req.hdr(x-num),or(1)
req.hdr(x-num),xor(255)
int(9223372036854775807),add(1)
int(-9223372036854775808),sub(1)
int(-9223372036854775808),neg
int(9223372036854775807),mul(2)
int(5),div(-2)
req.hdr(host),length
req.hdr(host),upper
req.hdr(host),host_only
req.hdr(host),port_only
req.hdr(x-dash),field(1,_)
req.hdr(x-dash),field(2,_)
req.hdr(x-dash),field(4,_)
req.hdr(x-dash),field(5,_)
req.hdr(x-dash),field(6,_)
req.hdr(x-dash),field(2,_,0)
req.hdr(x-dash),field(2,_,2)
req.hdr(x-dash),field(-2,_,3)
req.hdr(x-dash),field(-3,_,0)
req.hdr(x-dash),field(-1,_)
req.hdr(x-dash),field(-9,_)
req.hdr(x-dash),word(1,_)
req.hdr(x-dash),word(4,_)
req.hdr(x-dash),word(5,_)
req.hdr(x-dash),word(2,_,0)
req.hdr(x-dash),word(3,_,2)
req.hdr(x-dash),word(-2,_,3)
req.hdr(x-dash),word(-3,_,0)
req.hdr(x-path),word(2,/)
req.hdr(x-path),field(2,/)
req.hdr(x-path),field(3,/)
req.hdr(x-path),regsub(/,-)
req.hdr(x-path),regsub(/,-,g)
req.hdr(x-path),regsub('(b)','[\1\0]',g)
req.hdr(x-path),regsub(B,x,ig)
req.hdr(x-path),ltrim(/)
req.hdr(x-path),rtrim(/)
req.hdr(x-path),rtrim(/c)
req.hdr(x-b64),b64dec
req.hdr(x-b64),base64
req.hdr(x-b64),ub64enc
req.hdr(x-num),b64dec
str(aGVsbG8),ub64dec
str(aGVsbG8),b64dec
str(a-_b),ub64dec,hex
str(hello),hex
req.hdr(x-hex),hex2i
str(zz),hex2i
str(1f),hex2i
str(hello),bytes(1)
str(hello),bytes(1,2)
str(hello),bytes(9)
str(hello),bytes(0,99)
str(hello),bytes(2,0)
str(hello),sha1,hex
str(hello),sha2,hex
str(hello),sha2(512),hex
str(hello),digest(md5),hex
str(hello),hmac(sha256,a2V5),hex
str(hello),crc32
str(hello),crc32(1)
str(hello),crc32c
str(hello),crc32c(1)
str(hello),djb2
str(hello),djb2(1)
str(hello),sdbm
str(hello),sdbm(1)
str(hello),wt6
str(hello),wt6(1)
str(hello),xxh32
str(hello),xxh32(7)
str(hello),xxh64
str(hello),xxh64(7)
str(hello),xxh3
str(hello),xxh3(7)
req.hdr(user-agent),xxh3
req.hdr(user-agent),xxh64
req.hdr(user-agent),xxh32
bin(01020304050607),be2dec(:,2)
bin(01020304050607),be2dec(-,2,1)
bin(01020304050607),be2dec(.,1)
bin(01020304050607),be2hex
bin(01020304050607),be2hex(:,2)
bin(01020304050607),be2hex(--,2,1)
bin(0102030405060708),be2hex(,3,1)
int(258),htonl,hex
int(258),hex
always_true,hex
src,ipmask(24)
src,ipmask(8)
req.hdr(x-ip),ipmask(255.255.0.0)
req.hdr(x-ip6),ipmask(24)
req.hdr(x-ip6),ipmask(24,32)
req.hdr(x-ip),add(0)
req.hdr(x-num),ipmask(24)
int(167838211),ipmask(32)
src,add(1)
src,lower
always_true,iif(yes,no)
int(0),bool,iif(yes,no)
req.hdr(x-num),iif(yes,no)
req.hdr(x-utf),json
req.hdr(x-utf),json(utf8)
req.hdr(x-utf),json(utf8s)
req.hdr(x-json),json_query('$.a')
req.hdr(x-json),json_query('$.s')
req.hdr(x-json),json_query('$.t')
req.hdr(x-json),json_query('$.f')
req.hdr(x-json),json_query('$.f','int')
req.hdr(x-json),json_query('$.o.k')
req.fhdr(x-json),json_query('$.a')
req.fhdr(x-json),json_query('$.s')
req.fhdr(x-json),json_query('$.t')
req.fhdr(x-json),json_query('$.f')
req.fhdr(x-json),json_query('$.f','int')
req.fhdr(x-json),json_query('$.o.k')
req.fhdr(x-json),json_query('$.l[1]')
req.fhdr(x-json),json_query('$.nope')
req.fhdr(x-json),json_query('$.s','int')
req.hdr(x-jwt),jwt_header_query
req.hdr(x-jwt),jwt_header_query('$.alg')
req.hdr(x-jwt),jwt_payload_query('$.name')
req.hdr(x-jwt),jwt_payload_query('$.iat')
req.hdr(x-jwt),jwt_payload_query('$.iat','int'),add(1)
req.hdr(x-jwt),jwt_verify(HS256,your-256-bit-secret)
req.hdr(x-jwt),jwt_verify(HS256,other)
req.hdr(x-jwt),jwt_verify(HS512,your-256-bit-secret)
req.hdr(x-num),jwt_verify(HS256,other)
req.fhdr(accept-language),language(fr;en;de)
req.fhdr(accept-language),language(fr;de)
req.fhdr(accept-language),language(de;it,xx)
req.fhdr(accept-language),language(en-gb)
int(1700000000),http_date
int(1700000000),http_date(60)
int(1700000000123),http_date(0,ms)
int(1700000000),utime(%Y-%m-%dT%H:%M:%SZ)
int(1700000000),utime(%H,3600)
int(1700000000),ltime(%d/%b/%Y)
str(a),concat(<,,>)
str(a),concat(b)
str(a),concat(-,txn.nope,-)
str(a),set-var(txn.v),concat(-,txn.v,-)
str(a),set-var(txn.v),unset-var(txn.v),concat(-,txn.v,-)
str(5),set-var(txn.n),add(txn.n)
str(abc),set-var(txn.s),strcmp(txn.s)
str(b),set-var(txn.s),concat(c),strcmp(txn.s)
str(k),set-var(txn.s),secure_memcmp(txn.s)
str(),add_item(",",,tail)
str(x),add_item(",",,tail)
str(a%20b%2Fc+d),url_dec
str(a%20b%2Fc+d),url_dec(1)
str(a+b?c+d),url_dec
str(a%2),url_dec
str(a%zz),url_dec
req.hdr(x-utf),url_enc
str(a b&c=d/e?f~g_h.i-j),url_enc
str('a\r\nb'),cut_crlf
req.hdr(x-num),in_map
str(x),capture-req(0)
path,length
req.hdr(x-num),mod(10),add(1),mul(2)
var(txn.nope),lower
bin(0a012a12036162631801),protobuf(1)
bin(0a012a12036162631801),protobuf(2)
bin(0a012a12036162631801),protobuf(3)
bin(0a012a12036162631801),protobuf(3,int32)
bin(00000000050a03616263),ungrpc(1)
bin(08ffffffffffffffffff01),protobuf(1,int64)
bin(0803),protobuf(1,sint32)
bin(101a00044d5154540402003c000e6d7174745f636c69656e74),mqtt_is_valid
bin(101a00044d5154540402003c000e6d7174745f636c69656e743132),mqtt_is_valid
bin(101a00044d5154540402003c000e6d7174745f636c69656e743132),mqtt_field_value(connect,client_identifier)
bin(101a00044d5154540402003c000e6d7174745f636c69656e743132),mqtt_field_value(connect,flags)
bin(101a00044d5154540402003c000e6d7174745f636c69656e743132),mqtt_field_value(connect,keepalive)
bin(101a00044d5154540402003c000e6d7174745f636c69656e743132),mqtt_field_value(connect,protocol_version)
str(),length
date,sub(date)
rand(1)
nbproc
proc
so_id
prio_class
stopping
wait_end
env(PYLB_TEST)
env(PYLB_NOPE)
hostname
path,map_beg(MAPFILE)
req.hdr(x-ip),map_ip(IPMAP)
req.hdr(x-ip),map_ip(IPMAP,none)
req.hdr(x-num),map_int(INTMAP)
req.hdr(x-num),map_int(INTMAP,none)
req.hdr(x-num),map_str_int(NUMMAP,7),add(1)
req.hdr(x-dash),map_sub(MAPFILE)
req.hdr(x-dash),map_reg(REMAP)
req.hdr(x-dash),map_regm(REMAP)
path,map_end(MAPFILE,dflt)
path,map_dir(MAPFILE)
req.hdr(host),map_dom(MAPFILE)
path,map(MAPFILE)
""".split("\n"),
    "post": [
        "method", "path", "query", "pathq", "req.body", "req.body_len", "req.body_size", "req.body_param(x)", "req.body_param(y)", "req.body_param(z)",
        "req.body_param(y),url_dec", "req.body_param(nope)", "req.body_param", "http_auth_type", "http_auth_bearer", "http_auth_user", "req.body,length",
        "req.body,bytes(2,3)", "req.body,hex", "req.hdr(content-length)", "http_auth(ul)", "base", "urlp(p)", "req.body,sha1,hex",
    ],
    "abs": ["url", "path", "pathq", "query", "base", "baseq", "url_ip", "url_port", "req.hdr(host)", "capture.req.uri", "base32", "url32"],
    "root": ["method", "path", "query", "url", "req.hdr(host),host_only", "req.hdr(host),port_only", "base", "url_ip", "url_port", "http_auth_type"],
    "star": ["method", "path", "url", "base", "query", "pathq", "capture.req.uri"],
}  # fmt: skip
SKIP = ("in_map", "capture-req(0)", "date,sub")
VALUES["get"] = [line for line in VALUES["get"] if line and not any(word in line for word in SKIP)]

CONDITIONS: dict[str, list[str]] = {
    "get": r"""
{ path /static/img/logo.png }
{ path /static }
{ path_beg /static }
{ path_beg -i /STATIC }
{ path_beg /STATIC }
{ path_end .png .jpg }
{ path_sub img }
{ path_dir img }
{ path_dir im }
{ path_dir /static/img }
{ path_dom logo }
{ path_len 20 }
{ path_len gt 10 }
{ path_len 1:5 }
{ path_reg ^/static/.*\.png$ }
{ path_reg -i ^/STATIC }
{ path_reg logo.PNG }
{ path -m reg [0-9] }
{ path,length gt 19 lt 21 }
{ hdr(host) -i www.example.com:8080 }
{ hdr(host) www.example.com:8080 }
{ hdr_dom(host) -i example }
{ hdr_dom(host) -i example.com }
{ hdr_dom(host) -i exam }
{ hdr_dom(host) 8080 }
{ hdr_beg(host) www. }
{ hdr_end(host) :8080 }
{ hdr_sub(user-agent) curl }
{ hdr(x-list) two }
{ hdr(x-list) one }
{ hdr(x-list) four }
{ hdr(x-list) five four }
{ req.fhdr(x-list) four }
{ req.fhdr(x-list) -m sub two }
{ hdr(x-list,1) two }
{ hdr(x-list,1) one }
{ hdr(x-empty) -m found }
{ hdr(nope) -m found }
{ hdr(x-num) -m int 42 }
{ hdr_val(x-num) gt 41 }
{ hdr_val(x-num) 40:50 }
{ hdr_val(x-num) lt 42 }
{ hdr_val(x-num) le 42 }
{ hdr_val(x-neg) lt 0 }
{ hdr_val(x-neg) lt -7 }
{ hdr_val(x-neg) ge -7 }
{ hdr_cnt(x-list) 4 }
{ hdr_ip(x-ip) 10.0.0.0/8 }
{ hdr_ip(x-ip) 10.1/16 }
{ hdr_ip(x-ip) 192.168.0.0/16 }
{ hdr_ip(x-ip) 10.1.2.3 }
{ hdr_ip(x-ip) ::ffff:10.0.0.0/104 }
{ hdr_ip(x-ip6) 2001:db8::/32 }
{ hdr_ip(x-ip6) 10.0.0.0/8 }
{ hdr(x-ip) -m ip 10.0.0.0/8 }
{ src 127.0.0.0/8 }
{ src ::1 }
LOCALHOST
{ cook(sid) AbC123 }
{ cook(sid) -i abc123 }
{ cook(a) 2 }
{ cook_cnt(a) 2 }
{ cook_beg(sid) Ab }
{ urlp(a) 1 }
{ urlp(a) 3 }
{ urlp(a) -m found }
{ urlp(e) -m found }
{ urlp(e) -m len 0 }
{ urlp_val(n) lt 0 }
{ method GET }
{ method POST GET }
{ method -m beg G }
{ method get }
METH_GET
METH_POST
METH_HEAD
HTTP
HTTP_1.1
HTTP_1.0
HTTP_CONTENT
HTTP_URL_SLASH
HTTP_URL_ABS
HTTP_URL_STAR
TRUE
FALSE
!TRUE
!FALSE
{ always_true } { always_false }
{ always_true } !{ always_false }
{ req.ver 1.1 }
{ str(abc) abc }
{ str(abc) -m str ABC }
{ str(abc) -m bin 616263 }
{ bin(616263) -m bin 616263 }
{ bin(616263) -m str abc }
{ bool(1) }
{ bool(0) }
{ int(5) 5 }
{ int(5) -m bool }
{ int(0) -m bool }
{ int(5) eq 4 5 }
{ int(5) ne 5 }
{ var(txn.nope) -m found }
{ var(txn.nope,x) -m str x }
{ http_auth(ul) }
{ http_auth_group(ul) g1 }
{ http_auth_group(ul) g2 }
{ url_beg /static }
{ url_reg [?]a=1 }
{ url_sub two%20 }
{ url_end 42 }
{ base_beg www }
{ base_dom example }
{ path -f ACLFILE }
{ path_beg -f ACLFILE }
{ path_beg -i -f ACLFILE }
{ hdr(x-dash) -m dom f2_f3 }
{ hdr(x-dash) -m sub f2 }
{ hdr(x-path) -m dir a }
{ hdr(x-path) -m dir a/b }
{ hdr(x-path) -m dir b/c }
{ hdr(x-path) -m dir /a/ }
{ hdr(x-path) -m end / }
{ hdr(x-quoted) c }
{ req.hdr(x-num),add(1) 43 }
{ req.hdr(host),lower www.example.com:8080 }
{ req.hdr(host),lower,host_only www.example.com }
{ path,map_beg(MAPFILE) -m found }
{ path,map_beg(MAPFILE) st }
{ src,ipmask(8) 127.0.0.0 }
{ req.hdr(x-num) 42 }
{ req.hdr(x-num) -m len 2 }
{ path -- /static/img/logo.png }
{ hdr_reg(user-agent) -i ^CURL\/[0-9]+ }
{ hdr_reg(user-agent) (?i)^CURL }
{ hdr_reg(user-agent) ^curl/\d\.\d\s }
{ hdr_len(host) 20 }
""".replace("{ int(5) ne 5 }\n", "").strip().split("\n"),
    "post": ["METH_POST", "HTTP_CONTENT", "{ req.body -m sub two }", "{ req.body_len gt 16 }", "{ req.body_param(x) -m str 1 }", "{ method POST }"],
    "abs": ["HTTP_URL_ABS", "HTTP_URL_SLASH", "{ url_ip 127.0.0.9 }", "{ url_port 81 }", "{ path_beg /abs }"],
    "root": ["METH_GET", "METH_HEAD", "{ path / }", "{ path_len 1 }", "{ query -m found }", "{ hdr_ip(host) ::1 }"],
    "star": ["HTTP_URL_STAR", "METH_OPTIONS", "{ path * }", "{ path -m found }"],
}
FILES = {
    "MAPFILE": "# comment\n/static st\n/static/img deeper value\n.png image\nlogo.png exact\nf2 sub\nexample dom\nimg dir\n\n  /lead blank\n",
    "IPMAP": "10.0.0.0/8 ten\n10.1.0.0/16 tenone\n192.168.0.0/16 private\n",
    "INTMAP": "1 one\n42 4200\n40:50 range\n",
    "NUMMAP": "a 1\n42 4200\n",
    "REMAP": "^f(.)_(.*)$ g\\1-\\2\nx y\n",
    "ACLFILE": "# c\n/nothing\n  /static\n\n/other\n",
}

"""What the table tests play: one configuration, plays of requests and commands, lines for `-c`."""

from __future__ import annotations

TABLE_LINES = (
    "stick-table",
    "stick-table type",
    "stick-table type ip",
    "stick-table type foo size 1k",
    "stick-table foo",
    "stick-table size 1k",
    "stick-table type ip size",
    "stick-table type ip size 0",
    "stick-table type ip size 1x",
    "stick-table type ip size abc",
    "stick-table type ip size 1k expire",
    "stick-table type ip size 1k expire 1x",
    "stick-table type ip size 1k expire 30d",
    "stick-table type ip size 1k expire 0",
    "stick-table type ip size 1k store",
    "stick-table type ip size 1k store foo",
    "stick-table type ip size 1k store gpc0,foo",
    "stick-table type ip size 1k store conn_rate",
    "stick-table type ip size 1k store conn_rate()",
    "stick-table type ip size 1k store conn_rate(1x)",
    "stick-table type ip size 1k store conn_rate(30d)",
    "stick-table type ip size 1k store conn_rate(0)",
    "stick-table type ip size 1k store conn_rate(10s",
    "stick-table type ip size 1k store gpc0(3)",
    "stick-table type ip size 1k store gpc",
    "stick-table type ip size 1k store gpc(0)",
    "stick-table type ip size 1k store gpc(101)",
    "stick-table type ip size 1k store gpc(100)",
    "stick-table type ip size 1k store gpc(x)",
    "stick-table type ip size 1k store gpc(2),gpc0",
    "stick-table type ip size 1k store gpc0,gpc(2)",
    "stick-table type ip size 1k store gpc0,gpc0",
    "stick-table type ip size 1k store gpc_rate(2)",
    "stick-table type ip size 1k store gpc_rate(2,10s)",
    "stick-table type ip size 1k store gpc_rate(2,10s),gpc0_rate(1s)",
    "stick-table type ip size 1k store gpt(2),gpt0",
    "stick-table type ip size 1k store gpt(0)",
    "stick-table type ip size 1k store server_id,server_name,server_key",
    "stick-table type ip size 1k nopurge nopurge",
    "stick-table type ip size 1k bogus",
    "stick-table type ip size 1k peers",
    "stick-table type ip size 1k srvkey",
    "stick-table type ip size 1k srvkey foo",
    "stick-table type ip size 1k srvkey name",
    "stick-table type ip size 1k write-to",
    "stick-table type ip size 1k write-to a/b",
    "stick-table type ip len 5 size 1k",
    "stick-table type string len size 1k",
    "stick-table type string len 0 size 1k",
    "stick-table type string len 1x size 1k",
    "stick-table type string len 5 size 1k",
    "stick-table type binary len 3 size 1k",
    "stick-table type string size 1k",
    "stick-table type integer size 1k store gpc0 store gpc1 expire 1d nopurge",
    "stick-table type string len 40000000000 size 1k",
    "stick-table type ip size 1k type ip",
    "stick-table type ip size 1k store gpc0 ,gpc1",
    "stick-table type ip size 1k store gpc0, gpc1",
    "stick-table type ip size 1k store ,",
    "stick-table type ip size 1k recv-only",
    "stick-table type ip size 5g",
    "stick-table type ip size 1k expire 1us",
    "stick-table type ip size 1k store conn_rate(1us)",
    "stick-table type ip size 1k store conn_rate(10),sess_rate(1m),http_req_rate(1h),http_err_rate(1d),bytes_in_rate(2s),bytes_out_rate(3s),http_fail_cnt,http_fail_rate(1s)",
    "stick-table type ip size 1k store gpc_rate(2,1x)",
    "stick-table type ip size 1k store gpc_rate(2,)",
    "stick-table type ip size 1k store gpc_rate(,1s)",
    "stick-table type ip size 1k if TRUE",
)

LINES = (
    "http-request track-sc0",
    "http-request track-sc0 foo",
    "http-request track-sc0 src",
    "http-request track-sc0 src table",
    "http-request track-sc0 src table nosuch",
    "http-request track-sc0 src table t_none",
    "http-request track-sc0 src table t_ip",
    "http-request track-sc3 src table t_ip",
    "http-request track-sc src table t_ip",
    "http-request track-scx src table t_ip",
    "http-request track-sc1 src table t_ip foo",
    "http-request track-sc1 src foo",
    "http-request track-sc1 src table t_ip if",
    "http-request track-sc0 src table t_int",
    "http-request track-sc0 hdr(x) table t_ip",
    "http-request track-sc0 hdr(x),bytes(0,1) table t_bin",
    "http-request track-sc0 method table t_int",
    "http-request track-sc0 res.hdr(x) table t_str",
    "http-request track-sc0 src table t_srv",
    "tcp-request connection track-sc0 src table t_ip",
    "tcp-request connection track-sc0 hdr(x) table t_str",
    "tcp-request connection track-sc0",
    "tcp-request connection track-sc5 src table t_ip",
    "tcp-request session track-sc0 src table t_ip",
    "tcp-request session track-sc0 hdr(x) table t_str",
    "tcp-request content track-sc0 req.len table t_int",
    "tcp-request content track-sc0 src table t_ip",
    "tcp-request content track-sc0 src table t_ip if TRUE",
    "tcp-request content track-sc0 nosuch table t_int",
    "tcp-request content track-sc0 src table",
    "tcp-request content track-sc0 src table t_ip bogus",
    "tcp-request content track-sc0 src table nosuch",
    "http-response track-sc0 src table t_ip",
    "http-response track-sc0 res.hdr(x) table t_str",
    "http-response track-sc0 hdr(x) table t_str",
    "http-request sc-inc-gpc0(0)",
    "http-request sc-inc-gpc0(3)",
    "http-request sc-inc-gpc0(x)",
    "http-request sc-inc-gpc0()",
    "http-request sc-inc-gpc0",
    "http-request sc-inc-gpc0(0",
    "http-request sc-inc-gpc0(0) foo",
    "http-request sc-inc-gpc1(3)",
    "http-request sc-inc-gpc(1,0)",
    "http-request sc-inc-gpc(100,0)",
    "http-request sc-inc-gpc(1)",
    "http-request sc-inc-gpc(1,x)",
    "http-request sc-inc-gpc(x,1)",
    "http-request sc-inc-gpc(1,3)",
    "http-request sc-inc-gpc",
    "http-request sc-set-gpt0(0)",
    "http-request sc-set-gpt0(0) 5",
    "http-request sc-set-gpt0(0) 5x",
    "http-request sc-set-gpt0(0) foo",
    "http-request sc-set-gpt0(0) -5",
    "http-request sc-set-gpt0(0) 5 foo",
    "http-request sc-set-gpt0(3) 5",
    "http-request sc-set-gpt0(x) 5",
    "http-request sc-set-gpt0 5",
    "http-request sc-set-gpt0(0) src,ipmask(8)",
    "http-request sc-set-gpt0(0) res.hdr(x)",
    "http-request sc-set-gpt0(0) hdr(x)",
    "http-request sc-set-gpt(1,0) 5",
    "http-request sc-set-gpt(1,3) 5",
    "http-request sc-set-gpt(200,0) 5",
    "http-request sc-set-gpt(1) 5",
    "http-request sc-set-gpt(1,0)",
    "http-request sc-set-gpt(1,0) 99999999999",
    "tcp-request connection sc-inc-gpc0(0)",
    "tcp-request connection sc-inc-gpc0(9)",
    "tcp-request session sc-set-gpt0(0) foo",
    "tcp-request session sc-set-gpt0(0) hdr(x)",
    "tcp-request content sc-inc-gpc(1,2)",
    "tcp-response content sc-inc-gpc1(1)",
    "http-response sc-inc-gpc0(1)",
    "http-response sc-set-gpt0(0) res.hdr(x)",
    "http-after-response sc-inc-gpc0(0)",
    "http-request deny if { sc0_conn_cnt gt 1 }",
    "http-request deny if { sc0_conn_cnt(nosuch) gt 1 }",
    "http-request deny if { sc0_conn_cnt(t_ip) gt 1 }",
    "http-request deny if { sc_conn_cnt(0) gt 1 }",
    "http-request deny if { sc_conn_cnt(3) gt 1 }",
    "http-request deny if { sc_conn_cnt gt 1 }",
    "http-request deny if { sc_conn_cnt(0,nosuch) gt 1 }",
    "http-request deny if { src_conn_cnt gt 1 }",
    "http-request deny if { src_conn_cnt(t_ip) gt 1 }",
    "http-request deny if { src_conn_cnt(nosuch) gt 1 }",
    "http-request deny if { src_conn_cnt(t_none) gt 1 }",
    "http-request deny if { sc_get_gpc(0,0) gt 1 }",
    "http-request deny if { sc_get_gpc(0) gt 1 }",
    "http-request deny if { src_get_gpc(0,t_ip) gt 1 }",
    "http-request deny if { table_cnt gt 1 }",
    "http-request deny if { table_avl(t_ip) gt 1 }",
    "http-request deny if { table_avl(nosuch) gt 1 }",
    "http-request set-header x %[src,table_conn_cnt(t_ip)]",
    "http-request set-header x %[src,table_conn_cnt(nosuch)]",
    "http-request set-header x %[src,table_conn_cnt]",
    "http-request set-header x %[src,in_table(t_ip)]",
    "http-request set-header x %[src,in_table(t_str)]",
    "http-request set-header x %[src,table_expire(t_ip)]",
    "http-request set-header x %[src,table_expire(t_ip,5)]",
    "http-request set-header x %[src,table_gpc(0,t_ip)]",
    "http-request set-header x %[src,table_gpc(t_ip)]",
    "http-request set-header x %[src,table_server_id(t_none)]",
    "http-request set-header x %[req.body_size,table_conn_cnt(t_ip)]",
    "http-request set-header x %[hdr(x),table_conn_cnt(t_bin)]",
)

STICK_LINES = (
    "stick",
    "stick foo",
    "stick on",
    "stick on foo",
    "stick on src",
    "stick on src table",
    "stick on src table nosuch",
    "stick on src table t_none",
    "stick on src table t_ip",
    "stick on src foo",
    "stick on src if",
    "stick on src table t_ip if TRUE",
    "stick on hdr(x) table t_ip",
    "stick on hdr(x),bytes(0,1) table t_int",
    "stick match src",
    "stick match src table t_ip",
    "stick match res.hdr(x) table t_str",
    "stick match",
    "stick store-request src table t_ip",
    "stick store-request res.hdr(x) table t_str",
    "stick store-request",
    "stick store-response res.hdr(x) table t_str",
    "stick store-response src table t_ip",
    "stick store-response hdr(x) table t_str",
    "stick store-response",
    "stick on src unless nosuch",
    "stick on cookie(x) table t_str unless { path / }",
    "stick on src table t_noid",
    "stick on url_param(x) table t_int",
    "stick on req.len table t_bin",
)

SECTIONS = (
    "backend b\n stick-table type ip size 1k\n stick-table type ip size 2k\n",
    "defaults\n stick-table type ip size 1k\n",
    "defaults x\n stick on src\n",
    "frontend f\n bind 127.0.0.1:1\n timeout client 1s\n stick on src\n stick-table type ip size 1k\n",
    "frontend f\n bind 127.0.0.1:1\n timeout client 1s\n stick-table type ip size 1k\nbackend f\n stick-table type ip size 1k\n",
    "backend b\n stick-table type ip size 1k expire 100us\n",
    "defaults x\n timeout client 1s\n tcp-request content track-sc0 src\nfrontend f from x\n bind 127.0.0.1:1\n stick-table type ip size 1k\n",
    "backend a\n disabled\n stick-table type ip size 1k\nbackend b\n stick match src table a\n",
)

BASE = """
backend t_none
backend t_ip
 stick-table type ip size 1k store conn_cnt,gpc(5)
backend t_int
 stick-table type integer size 1k
backend t_str
 stick-table type string size 1k
backend t_bin
 stick-table type binary size 1k
backend t_srv
 stick-table type ip size 1k store server_id
"""

ALL = (
    "server_id,gpt0,gpc0,gpc0_rate(10s),conn_cnt,conn_rate(10s),conn_cur,sess_cnt,sess_rate(10s),http_req_cnt,http_req_rate(10s),"
    "http_err_cnt,http_err_rate(10s),bytes_in_cnt,bytes_in_rate(10s),bytes_out_cnt,bytes_out_rate(10s),gpc1,gpc1_rate(10s),server_key,"
    "http_fail_cnt,http_fail_rate(10s)"
)
TARGETS = ("request", "conn", "sess", "cont", "resp", "stk", "fetch", "keys", "small", "tcp", "set", "back", "log", "metrics", "tcpstick", "nostick", "order", "variety")
CONFIG = f"""
global
 stats socket DIR/stats level admin
 nbthread 1
defaults named
 mode http
 timeout client 5s
 timeout server 300ms
 timeout connect 1s
 timeout tarpit 50ms
 retries 0
 http-reuse never
frontend origin
 bind unix@DIR/o
 http-request return status 404 if {{ path_beg /404 }}
 http-request return status 500 if {{ path_beg /500 }}
 http-request return status 503 if {{ path_beg /503 }}
 http-request silent-drop if {{ path_beg /drop }}
 timeout tarpit 2s
 http-request tarpit if {{ path_beg /hang }}
 http-request return status 200 content-type text/plain string ok
frontend tcporigin
 bind unix@DIR/t
 http-request return status 200 content-type text/plain string tcp
listen request
 bind FD_request
 stick-table type ip size 100 expire 10m store {ALL}
 http-request track-sc0 src
 http-request deny if {{ path_beg /deny4 }}
 http-request deny status 500 if {{ path_beg /deny500 }}
 http-request tarpit if {{ path_beg /tarpit }}
 http-request return status 404 if {{ path_beg /ret404 }}
 http-request return status 500 if {{ path_beg /ret500 }}
 http-request auth if {{ path_beg /auth }}
 http-request redirect location / if {{ path_beg /redir }}
 http-request reject if {{ path_beg /reject }}
 http-request set-var(txn.p) path
 http-response deny if {{ var(txn.p) -m beg /rdeny }}
 http-response set-header x-a %[sc0_conn_cnt],%[sc0_http_req_cnt],%[sc0_http_err_cnt],%[sc_conn_cur(0)],%[sc0_trackers],%[sc0_tracked],%[sc1_tracked],%[sc0_bytes_in_rate]
 use-server dead if {{ path_beg /dead }}
 server s unix@DIR/o
 server dead unix@DIR/nosuch weight 0
listen conn
 bind FD_conn
 stick-table type ip size 100 expire 10m store {ALL}
 tcp-request connection track-sc0 src
 http-request deny if {{ path_beg /deny }}
 http-response set-header x-a %[sc0_conn_cnt],%[sc0_sess_cnt],%[sc0_conn_cur],%[sc0_http_req_rate],%[sc0_kbytes_in]
 server s unix@DIR/o
listen sess
 bind FD_sess
 stick-table type ip size 100 expire 10m store {ALL}
 tcp-request session track-sc1 src
 tcp-request session sc-inc-gpc0(1)
 http-request sc-inc-gpc0(1) if {{ path_beg /inc }}
 http-response set-header x-a %[sc1_get_gpc0],%[sc1_gpc0_rate],%[sc1_sess_rate]
 server s unix@DIR/o
listen cont
 bind FD_cont
 stick-table type ip size 100 expire 10m store {ALL}
 tcp-request content track-sc2 src
 server s unix@DIR/o
listen resp
 bind FD_resp
 stick-table type string len 5 size 100 store conn_cnt,sess_cnt,http_req_cnt,http_err_cnt,http_fail_cnt,bytes_in_cnt,bytes_out_cnt
 http-request set-var(txn.p) path
 http-response track-sc0 var(txn.p)
 server s unix@DIR/o
listen stk
 bind FD_stk
 stick-table type string len 8 size 100 expire 1m
 stick on url_param(k)
 http-request set-var(txn.k) url_param(k)
 http-response set-header x-s %[srv_id],%[var(txn.k),table_server_id(stk)],%[table_avl(stk)],%[table_cnt(stk)]
 server s1 unix@DIR/o
 server s2 unix@DIR/o
listen fetch
 bind FD_fetch
 http-request track-sc0 src table a
 http-request track-sc1 hdr(x-k) table str if {{ hdr(x-k) -m found }}
 http-request track-sc2 int(7) table arr if {{ path_beg /arr }}
 http-request track-sc0 hdr(x-k) table str
 http-request set-var(txn.x) sc0_inc_gpc0 if {{ path_beg /inc0 }}
 http-request set-var(txn.x) sc0_inc_gpc1 if {{ path_beg /inc1 }}
 http-request set-var(txn.x) sc0_clr_gpc0 if {{ path_beg /clr0 }}
 http-request set-var(txn.x) src_inc_gpc0(b) if {{ path_beg /srcinc }}
 http-request set-var(txn.x) src_clr_gpc0(b) if {{ path_beg /srcclr }}
 http-request set-var(txn.x) src_updt_conn_cnt(b) if {{ path_beg /updt }}
 http-request set-var(txn.x) sc_inc_gpc(1,2) if {{ path_beg /arr/inc }}
 http-request set-var(txn.x) sc0_inc_gpc0(b) if {{ path_beg /other }}
 http-request set-var(txn.x) sc0_get_gpc0(b) if {{ path_beg /get }}
 http-request sc-inc-gpc(0,2) if {{ path_beg /arr/act }}
 http-request sc-set-gpt(1,2) 9 if {{ path_beg /arr/act }}
 http-request sc-set-gpt0(0) 5 if {{ path_beg /gpt5 }}
 http-request sc-set-gpt0(0) hdr(x-v) if {{ path_beg /gptx }}
 http-request sc-inc-gpc0(0) if {{ path_beg /act }}
 http-request sc-inc-gpc1(0) if {{ path_beg /act }}
 http-request sc-inc-gpc1(1) if {{ path_beg /str }}
 http-request return status 200 hdr x-v "%[var(txn.x)]|%[sc0_get_gpc0]|%[sc0_get_gpc1]|%[sc0_get_gpt0]|%[sc0_gpc0_rate]|%[sc0_conn_cnt(b)]|%[sc1_conn_cnt]|%[sc1_get_gpc0]" hdr x-w "%[sc_get_gpc(1,2)]|%[sc_get_gpt(1,2)]|%[sc_gpc_rate(1,2)]|%[sc_get_gpc(9,2)]|%[sc2_get_gpc0]|%[sc_conn_cnt(5)]|%[src_conn_cnt(a)]|%[src_conn_cnt(six)]|%[src_get_gpc0(b)]|%[sc0_http_err_cnt]|%[sc0_tracked(b)]"
listen keys
 bind FD_keys
 http-request track-sc0 hdr(k) table int if {{ path_beg /int }}
 http-request track-sc0 hdr(k) table str if {{ path_beg /str }}
 http-request track-sc0 hdr(k) table bin if {{ path_beg /bin }}
 http-request track-sc0 hdr(k) table six if {{ path_beg /six }}
 http-request track-sc0 hdr(k) table a if {{ path_beg /a }}
 http-request return status 200 hdr x-t "%[sc0_tracked]|%[hdr(k),in_table(int)]|%[hdr(k),in_table(str)]|%[hdr(k),in_table(bin)]|%[hdr(k),in_table(six)]|%[hdr(k),in_table(a)]" hdr x-c "%[hdr(k),table_gpc0(str)]|%[hdr(k),table_conn_cnt(a)]|%[hdr(k),table_trackers(a)]|%[hdr(k),table_http_req_cnt(a)]|%[hdr(k),table_expire(str)]|%[hdr(k),table_expire(a,5)]|%[hdr(k),table_idle(str,7)]|%[hdr(k),table_gpc(1,arr)]|%[hdr(k),table_gpt(9,arr)]|%[hdr(k),table_gpc_rate(1,arr)]|%[hdr(k),table_kbytes_in(a)]|%[hdr(k),table_server_id(str)]"
listen tcpstick
 mode tcp
 bind FD_tcpstick
 stick-table type ip size 10 expire 1m srvkey addr
 stick on src
 server s1 unix@DIR/t
 server s2 unix@DIR/t2
listen nostick
 bind FD_nostick
 stick-table type string size 10 store gpc0 expire 1m
 stick match url_param(k)
 stick store-request url_param(k) if {{ path_beg /keep }}
 http-response set-header x-s %[srv_id]
 server s1 unix@DIR/o
 server s2 unix@DIR/o non-stick
 server s3 unix@DIR/o
listen order
 bind FD_order
 stick-table type string size 10
 use-server s2 if {{ path_beg /use }}
 stick on url_param(k)
 stick on url_param(j)
 stick on url_param(j) table str2
 http-response set-header x-s %[srv_id]
 server s1 unix@DIR/o
 server s2 unix@DIR/o
 server s3 unix@DIR/o
listen variety
 bind FD_variety
 tcp-request connection track-sc0 src table v
 tcp-request session track-sc1 src table v
 tcp-request content track-sc2 src table v
 tcp-request connection sc-set-gpt0(0) 3
 tcp-request content sc-inc-gpc0(2)
 http-request track-sc0 path table vs
 http-request deny if {{ path_beg /deny }}
 http-response sc-inc-gpc1(1)
 http-response sc-set-gpt0(1) status
 http-response set-header x-v %[sc0_conn_cnt]|%[sc0_conn_cnt(v)]|%[sc1_conn_cnt]|%[sc2_conn_cnt]|%[sc1_trackers]|%[sc1_get_gpt0]|%[src_get_gpc1(v)]|%[sc0_sess_cnt]|%[sc2_http_req_cnt]
 server s unix@DIR/o
backend v
 stick-table type ip size 10 store conn_cnt,conn_cur,sess_cnt,http_req_cnt,http_err_cnt,gpc0,gpc1,gpt0,bytes_in_cnt
backend vs
 stick-table type string size 10 store conn_cnt,conn_cur,sess_cnt,http_req_cnt,http_err_cnt,gpc0,gpc1,gpt0,bytes_in_cnt
backend str2
 stick-table type string size 10
frontend tcporigin2
 bind unix@DIR/t2
 http-request return status 200 content-type text/plain string two
frontend metrics
 bind FD_metrics
 http-request use-service prometheus-exporter
listen small
 bind FD_small
 http-request track-sc0 hdr(k) table three if {{ path_beg /three }}
 http-request track-sc0 hdr(k) table full if {{ path_beg /full }}
 http-request track-sc0 hdr(k) table quick if {{ path_beg /quick }}
 http-request return status 200 hdr x-t "%[sc0_tracked]|%[table_cnt(three)]|%[table_avl(full)]|%[table_cnt(quick)]|%[hdr(k),in_table(three)]|%[hdr(k),in_table(quick)]"
listen tcp
 mode tcp
 bind FD_tcp
 stick-table type ip size 100 expire 10m store {ALL}
 tcp-request content track-sc0 src
 server s unix@DIR/t
listen set
 bind FD_set
 http-request track-sc0 src table c
 http-request deny if {{ sc0_http_req_rate gt 2 }}
 http-request deny status 429 if {{ sc0_get_gpc0(c) gt 1 }}
 http-request return status 200
frontend back
 bind FD_back
 default_backend b
listen log
 bind FD_log
 stick-table type string size 10 expire 10m
 stick store-response res.hdr(x-id) table log
 stick match hdr(x-id) table log
 http-response set-header x-s %[srv_id]
 http-response set-header x-id %[var(txn.id)] if {{ var(txn.id) -m found }}
 http-request set-var(txn.id) url_param(id)
 server s1 unix@DIR/o
 server s2 unix@DIR/o
backend a
 stick-table type ip size 1k expire 10m store conn_cnt,conn_cur,gpc0,gpc1,gpt0,gpc0_rate(10s),http_req_cnt,bytes_in_cnt
backend b
 stick-table type ip size 1k expire 10m store gpc0,conn_cnt,http_req_cnt,http_err_cnt
 http-request track-sc0 src
 http-request deny if {{ path_beg /deny }}
 server s unix@DIR/o
backend c
 stick-table type ip size 1k store http_req_rate(10s),gpc0
backend arr
 stick-table type integer size 4 store gpt(2),gpc(2),gpc_rate(2,10s)
backend bin
 stick-table type binary len 4 size 10 store gpc0
backend str
 stick-table type string size 10 store gpc0,gpc1,server_key,server_id,conn_cnt
backend six
 stick-table type ipv6 size 10 store gpc0,conn_cnt
backend int
 stick-table type integer size 10 store gpc0
backend none
 stick-table type integer size 4
backend three
 stick-table type string size 3 store conn_cnt
backend full
 stick-table type string size 2 nopurge store conn_cnt
backend quick
 stick-table type string size 5 expire 150ms store conn_cnt
"""

PLAYS: dict[str, tuple[str | bytes | float, ...]] = {}


def commands(*lines: str) -> None:
    """One play for each command."""
    for line in lines:
        PLAYS[f"{len(PLAYS)} {line}"[:60]] = ("> " + PREPARE, "> " + line, "> show table str", "> show table arr", "> show table a")


PREPARE = "set table str key abc data.gpc0 3; set table str key d data.gpc0 5 data.server_id 2; set table arr key 5; set table a key 1.2.3.4 data.conn_cnt 7"

for _target in ("/", "/404", "/500", "/503", "/drop", "/hang", "/deny4", "/deny500", "/tarpit", "/ret404", "/ret500", "/auth", "/redir", "/reject", "/rdeny", "/dead"):
    PLAYS[f"request {_target}"] = (f"request {_target}", "close", "> show table request", "> clear table request", "> show table request")
for _section in ("conn", "sess", "cont"):
    for _name, _steps in {
        "one": ("SECTION /",),
        "three": ("SECTION /", "SECTION /404", "SECTION /500"),
        "deny": ("SECTION /deny",),
        "again": ("SECTION /inc", "SECTION /inc", "close", "SECTION /inc"),
        "garbage": (b"SECTION GARBAGE\r\n\r\n",),
        "no length": (b"SECTION GET / HTTP/1.1\r\nContent-Length: x\r\n\r\n",),
    }.items():
        _play = tuple(step.replace(b"SECTION", _section.encode()) if isinstance(step, bytes) else step.replace("SECTION", _section) for step in _steps)
        PLAYS[f"{_section} {_name}"] = (*_play, f"> show table {_section}", "close", f"> show table {_section}", f"> clear table {_section}")
    PLAYS[f"{_section} idle"] = (f"{_section} ".encode(), f"> show table {_section}", f"{_section} /", f"> show table {_section}", f"> clear table {_section}; clear table {_section} key 127.0.0.1", "close", f"> show table {_section}", f"> clear table {_section}")
PLAYS["response"] = ("resp /", "resp /404", "resp /500", "resp /1234567", "resp /1234568", "> show table resp", "> clear table resp")
PLAYS["stick on"] = (*(f"stk {target}" for target in ("/?k=a", "/?k=b", "/?k=a", "/?k=b", "/?k=", "/", "/?k=abcdefghijk", "/?k=abcdefghzzz", "/?k=a%20b")), "> show table stk", "> clear table stk key a", "> show table stk key b", "> show table stk key a")
PLAYS["stick store-response"] = ("log /?id=one", "log /?id=two", "log /", "log / x-id: one", "log / x-id: two", "log / x-id: one", "> show table log")
for _target in ("/", "/inc0", "/inc1", "/clr0", "/srcinc", "/srcclr", "/updt", "/arr/inc", "/other", "/get", "/arr/act", "/gpt5", "/act", "/str", "/arr"):
    PLAYS[f"fetch {_target}"] = (f"fetch {_target}", f"fetch {_target}", f"fetch {_target} x-k: abc", "fetch /clr0", "fetch /", "> show table a", "> show table b", "> show table arr", "> show table str", "close", "> show table a", "> clear table a", "> clear table b", "> clear table arr", "> clear table str")
for _value in ("5", "-3", "12x", "x", "99999999999", ""):
    PLAYS[f"gpt {_value!r}"] = (f"fetch /gptx x-v: {_value}", "> show table a", "> clear table a")
for _kind in ("int", "str", "bin", "six", "a"):
    for _value in ("5", "-1", "abc", "4294967297", "1.2.3.4", "::1", "::ffff:1.2.3.4", "2001:db8::1", "", "a b=c\\d", "caf\xe9", "x" * 40, "1.2.3", "7,8"):
        PLAYS[f"key {_kind} {_value!r}"] = (f"keys /{_kind} k: {_value}", f"keys /none k: {_value}", "close", f"> show table {_kind}", f"> clear table {_kind}")
PLAYS["eviction"] = (*(f"small /three k: {key}" for key in "abcadef"), "> show table three", "> clear table three")
PLAYS["nopurge"] = (*(f"small /full k: {key}" for key in "abcab"), "> show table full", "> clear table full key a", "small /full k: c", "> show table full", "> clear table full")
PLAYS["expiry"] = ("small /quick k: a", "small /quick k: b", 0.1, "small /quick k: a", 0.09, "small / k: b", "small / k: a", "> show table quick", 0.2, "> show table quick", "small / k: a")
PLAYS["tcp"] = (b"tcp GET / HTTP/1.1\r\nHost: a\r\n\r\n", "> show table tcp", "close", "> show table tcp", "> clear table tcp")
PLAYS["rate limit"] = ("set /", "set /", "set /", "set /", "> show table c", "> set table c key 127.0.0.1 data.http_req_rate 1", "set /", "set /", "> set table c key 127.0.0.1 data.gpc0 2 data.http_req_rate 0", "set /", "> clear table c")
PLAYS["backend"] = ("back /", "back /404", "back /deny", "> show table b", "close", "> show table b", "> clear table b")
REQUEST = b"tcpstick GET / HTTP/1.1\r\nHost: a\r\n\r\n"
PLAYS["stick tcp"] = (REQUEST, "close", REQUEST, "close", REQUEST, "> show table tcpstick", "close")
PLAYS["stick match and store"] = (*(f"nostick {target}" for target in ("/?k=a", "/keep?k=b", "/keep?k=c", "/?k=b", "/?k=c", "/keep?k=d", "/?k=d", "/?k=a")), "> show table nostick")
PLAYS["stick by command"] = ("> set table nostick key z data.server_id 3", "nostick /?k=z", "nostick /?k=z", "> set table nostick key z data.server_id 9", "nostick /?k=z", "> show table nostick")
PLAYS["stick order"] = (*(f"order {target}" for target in ("/?k=a&j=b", "/?k=a&j=c", "/use?k=a", "/?k=a", "/?j=b", "/use?k=n", "/?k=n", "/?j=n", "/?k=m&j=n")), "> show table order", "> show table str2")
PLAYS["several counters"] = ("variety /", "variety /404", "> show table v", "> show table vs", "close", "variety /deny", "> show table v", "close", "> show table v", "> show table vs", "variety /", b"variety GARBAGE\r\n\r\n", "> show table v")
PLAYS["metrics"] = ("keys /str k: abc", b"metrics GET /metrics?scope=sticktable HTTP/1.0\r\n\r\n", "> clear table str")
PLAYS["all tables"] = ("> show table",)
commands(
    "set table arr key 5 data.gpt0 3", "set table arr key 5 data.gpt 3", "set table arr key 5 data.gpc 3 data.gpc_rate 4", "set table arr key 5 data.gpt[1] 3",
    "set table arr key 256 data.gpc[1] 1", "set table arr key -1", "set table arr key x", "set table arr key 4294967295", "set table arr key 4294967296",
    "set table arr key 1; set table arr key 2; set table arr key 3; set table arr key 4; set table arr key 6", "show table arr data.gpt0 gt 1",
    "show table arr data.gpc gt 1", "show table arr data.gpc eq 0", "set table bin key ab data.gpc0 1", "set table str key a=b\\\\ data.gpc0 -1",
    "set table str key a\\ b data.gpc0 12x", "set table str key x data.gpc0 99999999999", "set table str key x data.gpc0 4294967297", "set table str key d data.server_key foo",
    "set table str key d data.server_key 3", "set table str key d data.server_id 7 data.nosuch 6", "set table str key d data.server_id 9999999999", "set table str key d data.server_id",
    "set table str key d foo 1", "set table str key", "set table str", "set table str foo", "set table str data.gpc0 gt 1", "set table", "set table nosuch key a",
    "set table six key ::1 data.gpc0 1; show table six", "set table six key 1.2.3.4 data.gpc0 1", "set table six key zz", "set table none key 7; show table none",
    "show table none data.gpc0 gt 1", "show table str data.gpc0 gt 0 data.gpc0 lt 5", "show table str data.gpc0 ge 3", "show table str data.gpc0 le 3", "show table str data.gpc0 ne 3",
    "show table str data.gpc0 lt 5", "show table str data.gpc0 gt 0 data.gpc0 lt 5 data.gpc0 ne 1 data.gpc0 ne 2 data.gpc0 ne 3",
    "show table str data.gpc0 gt 0 data.gpc0 lt 5 data.gpc0 ne 1 data.gpc0 ne 2", "show table str data.gpc0 gt 0 key d", "show table str key d data.gpc0 gt 0",
    "show table str key", "show table bin key ab", "show table none key x", "show table six key zz", "clear table", "clear table nosuch", "clear table str key nosuch",
    "clear table str data.gpc0 eq 3", "clear table str foo", "clear table str key d", "clear table str", "clear table bin key a", "clear table str key", "clear table str data.gpc0",
    "set table a key 1.2.3.4.5", "set table a key 300.1.1.1", "set table a key localhost", "set table a key 1.2.3", "set table a key ::1", "set table a key 1.2.3.4 data.gpc0_rate 5 data.bytes_in_cnt 5000000000 data.conn_cur 4",
    "set table a key 1.2.3.4 data.conn_cnt", "set table a key 1.2.3.4 data.conn_cnt x", "set table a key 1.2.3.4 data.conn_cnt +5", "set table a key 1.2.3.4 data.conn_cnt -5", "set table a key 1.2.3.4 conn_cnt 5",
    "show table a data.conn_cnt gt 6 data.gpc0 eq 0", "show table a data.conn_cnt foo 6", "show table a data.conn_cnt gt x", "show table a data.conn_cnt gt", "show table a data.conn_cnt", "show table a data.", "show table a data.bytes_out_cnt gt 1",
    "show table a data.gpc0_rate lt 1", "show table a bogus", "show table nosuch", "show table str data.server_key eq 0", "set table str key " + "y" * 50, "set table str key f data.gpc0 0x10", "set table str key f data.gpc0 010",
)  # fmt: skip

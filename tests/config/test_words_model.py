"""What words leave in the model: inheritance, defaults, references, numbers."""

from __future__ import annotations

from pathlib import Path

import pytest
from both import inside

from pylb.base.errors import Alert
from pylb.config import model, registry
from pylb.config.report import Report
from pylb.config.sections import read_config

TIMEOUTS = " timeout client 1s\n timeout server 2s\n timeout connect 3s\n"


def read(directory: Path, text: str, env: dict[str, str] | None = None) -> tuple[model.Config | None, str]:
    """The configuration and what was said."""
    said: list[str] = []
    (directory / "t.cfg").write_text(text)
    with inside(directory):
        config = read_config(["t.cfg"], Report(write=said.append), {} if env is None else env)
    return config, "".join(said)


def good(directory: Path, text: str) -> model.Config:
    config, said = read(directory, text)
    assert config is not None, said
    return config


def test_defaults_hand_settings_down(tmp_path: Path) -> None:
    config = good(tmp_path, f"defaults\n mode http\n maxconn 7\n retries 5\n{TIMEOUTS}listen a\n bind :1\n retries 2\nbackend b\n server s 127.0.0.1:1\n")
    a, b = config.proxies
    assert (a.mode, a.maxconn, a.retries) == ("http", 7, 2)
    assert (b.mode, b.retries, b.timeouts.server, b.timeouts.client) == ("http", 5, 2000, None)


def test_each_defaults_section_starts_anew(tmp_path: Path) -> None:
    config = good(tmp_path, f"defaults\n mode http\n{TIMEOUTS}defaults\n{TIMEOUTS}listen a\n bind :1\n")
    assert config.proxies[0].mode == "tcp"


def test_a_defaults_section_by_name(tmp_path: Path) -> None:
    text = f"defaults web\n mode http\n{TIMEOUTS}defaults plain from web\n mode tcp\nfrontend a from web\n bind :1\nfrontend b\n bind :2\n"
    a, b = good(tmp_path, text).proxies
    assert (a.mode, b.mode, b.timeouts.client) == ("http", "tcp", 1000)


def test_what_a_proxy_changes_stays_its_own(tmp_path: Path) -> None:
    text = f"defaults\n{TIMEOUTS} option redispatch\nlisten a\n bind :1\n no option redispatch\n errorfile 503 /dev/null\nlisten b\n bind :2\n"
    a, b = good(tmp_path, text).proxies
    assert not a.has("redispatch") and b.has("redispatch")
    assert a.error_files and not b.error_files


def test_rules_of_named_defaults_come_first(tmp_path: Path) -> None:
    text = f"defaults d\n mode http\n{TIMEOUTS} http-request allow if FALSE\nfrontend a from d\n bind :1\n http-request deny\n"
    assert [rule.action for rule in good(tmp_path, text).proxies[0].http_request] == ["allow", "deny"]


def test_numbers(tmp_path: Path) -> None:
    text = f"defaults\n{TIMEOUTS}listen a\n bind :1,:2\n id 3\n server x 127.0.0.1:1 id 2\n server y 127.0.0.1:2\n"
    text += "backend b\n server z 127.0.0.1:3\nfrontend c\n bind :3\n"
    a, b, c = good(tmp_path, text).proxies
    assert [a.id, b.id, c.id] == [3, 2, 4]
    assert [server.id for server in a.servers] == [2, 3]
    assert [listener.id for listener in a.binds] == [1, 2]


def test_full_connections_are_a_tenth_of_what_may_come(tmp_path: Path) -> None:
    text = f"defaults\n maxconn 100\n{TIMEOUTS}frontend a\n bind :1\n default_backend c\nfrontend b\n bind :2\n use_backend c if TRUE\nbackend c\n"
    assert good(tmp_path, text).proxies[2].full_connections == 20


def test_default_server(tmp_path: Path) -> None:
    text = f"defaults\n{TIMEOUTS} default-server inter 5s\nbackend b\n default-server rise 4\n server x 127.0.0.1:1 check fall 6\n"
    check = good(tmp_path, text).proxies[0].servers[0].check
    assert (check.enabled, check.inter, check.rise, check.fall) == (True, 5000, 4, 6)


def test_server_template(tmp_path: Path) -> None:
    servers = good(tmp_path, f"defaults\n{TIMEOUTS}backend b\n server-template w 2-3 127.0.0.1:80 check weight 7\n").proxies[0].servers
    assert [(server.name, server.weight) for server in servers] == [("w2", 7), ("w3", 7)]
    assert servers[0].check is not servers[1].check


def test_tls_defaults_reach_lines(tmp_path: Path) -> None:
    text = f"global\n ssl-default-server-options ssl-min-ver TLSv1.2\ndefaults\n{TIMEOUTS}backend b\n"
    text += " server a 127.0.0.1:1 ssl verify none\n server c 127.0.0.1:1 check check-ssl verify none\n"
    a, c = good(tmp_path, text).proxies[0].servers
    assert a.tls is not None and a.tls.min_version == "TLSv1.2"
    assert c.tls is None and c.check.tls is not None


def test_environment_words_change_later_lines(tmp_path: Path) -> None:
    config, said = read(tmp_path, f'global\n setenv PORT 81\ndefaults\n{TIMEOUTS}listen a\n bind ":${{PORT}}"\n', {})
    assert config is not None, said
    assert config.proxies[0].binds[0].address.port == 81


def test_options_of_checks_replace_each_other(tmp_path: Path) -> None:
    config = good(tmp_path, f"defaults\n{TIMEOUTS}backend b\n option httpchk HEAD /x HTTP/1.1\nbackend c\n option httpchk\n option tcp-check\n")
    assert (config.proxies[0].health_check.method, config.proxies[0].health_check.uri) == (b"HEAD", b"/x")
    assert config.proxies[1].health_check.kind == "tcp-check"


@pytest.mark.parametrize("word", ["email-alert level alert", "filter trace"])
def test_missing_words_are_errors(tmp_path: Path, word: str) -> None:
    config, said = read(tmp_path, f"defaults\n{TIMEOUTS}listen a\n bind :1\n {word}\n")
    assert config is None
    name = word if word.startswith("filter") else word.split()[0]
    assert f"pylb: '{name}' is not implemented yet." in said


def test_every_word_has_a_manual_entry() -> None:
    entries = [entry for family in registry.keyword.families.values() for entry in family]
    entries += [*registry.bind_keyword, *registry.server_keyword, *registry.section]
    assert [entry.name for entry in entries if not entry.manual] == []


def test_names_are_registered_once() -> None:
    with pytest.raises(ValueError, match="registered twice"):
        registry.keyword("retries", sections=("backend",))(lambda proxy, args: None)


def test_a_missing_file_is_told(tmp_path: Path) -> None:
    with inside(tmp_path), pytest.raises(Alert, match="Cannot open configuration file/directory nowhere.cfg"):
        read_config(["nowhere.cfg"], Report(write=lambda text: None), {})

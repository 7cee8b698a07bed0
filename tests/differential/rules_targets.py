"""Cases of the comparison with haproxy: `log` lines, and when a line is written. `LOG_SOCKET` receives all of them."""

from __future__ import annotations

from rules_rig import Case, get

LATE = "log-format %HM%HP%B\n"


def case(name: str, *targets: str, more: str = LATE, targets_asked: tuple[str, ...] = ("/0", "/1"), per_request: int = 1) -> Case:
    """Requests logged to these targets only."""
    lines = "no log\n" + "".join(f"log LOG_SOCKET {target}\n" for target in targets)
    return Case(f"target_{name}", lines + more, send=[get(target) for target in targets_asked], logs=per_request * len(targets_asked))


LONG = ("/" + "y" * 3000,)
MANY = tuple(f"/{number}" for number in range(8))
LENGTHS = {"raw": 81, "short": 82, "priority": 83, "local": 95}
TARGETS = [
    case("sampled", "sample 1:2 local1", targets_asked=MANY),
    case("sampled_twice", "sample 2-3,5:5 local1", "sample 1,4:5 local2", targets_asked=MANY),
    case("sampled_all", "sample 1:1 local1", targets_asked=MANY),
    case("levels", "local1 notice", "local2 info", "local3 debug notice", "local4 emerg", "local5 debug debug", "local6 info warning", per_request=4),
    case("set_level", "local1 notice", "local2 info", "local3 debug notice", more=LATE + "http-request set-log-level err if { path /1 }\n", per_request=2),
    *[case(f"length_{form}", f"len {length} format {form} local1", more="log-format %HP%B\n", targets_asked=LONG) for form, length in LENGTHS.items()],
    case("usual_length", "format raw local1", "len 1024 format raw local1", more="log-format %HP%HP%B\n", targets_asked=LONG, per_request=2),
    case("forms", "format raw local1", "format short local2", "format priority local3", per_request=3),
    case("tag", "local1", more=LATE + "log-tag foo\n"),
    case("blanks", "format raw local1", more='log-format "a  b   c%HP%B  "\n'),
    case("twice", "format raw local1", "format raw local1", per_request=2),
    Case("target_after_global", f"log LOG_SOCKET format raw local3\nlog global\n{LATE}", send=[get("/a")], logs=2),
    Case("target_of_backend", back="log LOG_SOCKET format raw local3\n", send=[get("/a")], logs=1),
    Case("target_error_format", f"error-log-format err,%ci,%[fc_err],%[fc_err_str],%ST,%ts\n{LATE}", send=[b"GARBAGE\r\n\r\n"], logs=1),
    Case("target_error_format_unused", f"error-log-format err\n{LATE}http-request deny", send=[get("/a")], logs=1),
]
EARLY = [
    Case(f"early_{number}", f"log-format {form}\n{more}", send=[get("/a"), get("/b")], logs=lines)
    for number, (form, more, lines) in enumerate(
        (
            ("x", "", 2),
            ("%HP", "", 4),
            ("%r", "", 4),
            ("%HM\\ %b", "", 4),
            ("%HM\\ %s", "", 2),
            ("%HM\\ %ci", "", 2),
            ("%HM\\ %[src]", "", 2),
            ("%HM\\ %ST", "", 2),
            ("%HM\\ %tsc", "", 4),
            ("%HM\\ %ts", "", 2),
            ("%HM\\ %B", "", 2),
            ("%HP", "capture request header host len 3", 2),
            ("%HP", "http-request deny", 2),
            ("%HP\\ %ST", "http-request deny", 2),
            ("%HP", "http-request return status 200", 2),
            ("%ST", "http-request return status 200", 2),
            ("%HP", "option dontlog-normal", 0),
            ("%HP", "option dontlog-normal\nhttp-request deny", 2),
            ("%HP", "option logasap", 4),
            ("%HP", "http-request set-log-level silent", 2),
            ("%HP", "http-request set-log-level emerg", 4),
            ("%HP", "monitor-uri /a", 2),
        )
    )
]

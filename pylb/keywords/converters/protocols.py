"""Converters that read other protocols: Protocol Buffers, gRPC, MQTT, FIX (configuration.txt 7.3.1)."""

from __future__ import annotations

import struct
from collections.abc import Callable

from pylb.base.errors import Alert
from pylb.sample.context import CompileContext
from pylb.sample.registry import converter
from pylb.sample.types import Binary, Type, Value

# -- Protocol Buffers

VARINTS = ("int32", "uint32", "sint32", "int64", "uint64", "sint64", "bool", "enum")
FIXED = {"fixed64": (1, "<Q"), "sfixed64": (1, "<q"), "double": (1, "<d"), "fixed32": (5, "<I"), "sfixed32": (5, "<i"), "float": (5, "<f")}
VARINT, EIGHT, BLOCK, FOUR = 0, 1, 2, 5


def varint(data: bytes, at: int) -> tuple[int, int] | None:
    """A number of seven bits a byte and the offset behind it."""
    value = shift = 0
    while at < len(data) and shift < 70:
        byte = data[at]
        value |= (byte & 127) << shift
        at += 1
        shift += 7
        if byte < 128:
            return value, at
    return None


def field_value(data: bytes, path: tuple[int, ...]) -> tuple[int, int, bytes] | None:
    """Wire type, number and bytes of the field at a path."""
    at = 0
    while at < len(data):
        key = varint(data, at)
        if key is None:
            return None
        number, kind = key[0] >> 3, key[0] & 7
        found = _value_at(data, key[1], kind)
        if found is None:
            return None
        value, body, at = found
        if number == path[0]:
            if len(path) == 1:
                return kind, value, body
            return field_value(body, path[1:]) if kind == BLOCK else None
    return None


def _value_at(data: bytes, at: int, kind: int) -> tuple[int, bytes, int] | None:
    """Number, bytes and end of a value."""
    if kind == VARINT:
        found = varint(data, at)
        return None if found is None else (found[0], data[at : found[1]], found[1])
    if kind in (EIGHT, FOUR):
        size = 8 if kind == EIGHT else 4
        return (0, data[at : at + size], at + size) if at + size <= len(data) else None
    if kind != BLOCK:
        return None
    length = varint(data, at)
    if length is None or length[1] + length[0] > len(data):
        return None
    return 0, data[length[1] : length[1] + length[0]], length[1] + length[0]


def typed(kind: int, number: int, body: bytes, wanted: str | None) -> Value | None:
    """A field's value as the type asked for."""
    if wanted in FIXED:
        wire, layout = FIXED[wanted]
        return None if kind != wire else int(struct.unpack(layout, body)[0])
    if wanted in VARINTS:
        if kind != VARINT:
            return None
        if wanted.startswith("sint"):
            return number >> 1 ^ -(number & 1)
        if wanted == "bool":
            return number != 0
        bits = 32 if wanted.endswith("32") else 64
        number &= (1 << bits) - 1
        return number - (1 << bits) if wanted.startswith("int") and number >> (bits - 1) else number
    return Binary(body)


def _protobuf(name: str, unwrap: Callable[[bytes], bytes | None]) -> None:
    @converter(name, input=Type.BIN, output=Type.BIN, args="Protocol buffers field number[,string]", factory=True)
    def extract(context: CompileContext, path: tuple[int, ...], wanted: str | None = None) -> Callable[[bytes], Value | None]:
        """The field at a path of field numbers."""
        if wanted and wanted not in FIXED and wanted not in VARINTS:
            raise Alert(f"Wrong protocol buffer type '{wanted}'")

        def read(value: bytes) -> Value | None:
            message = unwrap(value)
            found = None if message is None else field_value(message, path)
            return None if found is None else typed(*found, wanted or None)

        return read


def grpc_message(value: bytes) -> bytes | None:
    """The first message behind gRPC's five-byte prefix."""
    if len(value) < 5:
        return None
    length = int.from_bytes(value[1:5], "big")
    return value[5 : 5 + length] if len(value) >= 5 + length else None


_protobuf("protobuf", lambda value: value)
_protobuf("ungrpc", grpc_message)

# -- FIX

SOH = b"\x01"
FIX_TAGS = {"BeginString": 8, "BodyLength": 9, "CheckSum": 10, "MsgType": 35, "SenderCompID": 49, "TargetCompID": 56}
FIX_VERSIONS = frozenset((b"FIX.4.0", b"FIX.4.1", b"FIX.4.2", b"FIX.4.3", b"FIX.4.4", b"FIXT.1.1"))


@converter("fix_is_valid", input=Type.BIN, output=Type.BOOL)
def fix_is_valid(value: bytes) -> bool:
    """Does the data begin with a whole, sound FIX message?"""
    fields = value.split(SOH)
    if len(fields) < 4 or not value.startswith(b"8="):
        return False
    length = fields[1][2:]
    if fields[0][2:] not in FIX_VERSIONS or not fields[1].startswith(b"9=") or not length.isdigit() or not fields[2].startswith(b"35="):
        return False
    body = len(fields[0]) + len(fields[1]) + 2
    end = body + int(length)
    trailer = value[end : end + 7]
    return (
        len(trailer) == 7
        and trailer[:3] == b"10="
        and trailer[3:6].isdigit()
        and trailer[6:] == SOH
        and int(trailer[3:6]) == sum(value[:end]) % 256
        and all(_sound(field) for field in value[: end - 1].split(SOH))
    )


def _sound(field: bytes) -> bool:
    tag, equal, text = field.partition(b"=")
    return bool(tag.isdigit() and equal and text)


@converter("fix_tag_value", input=Type.BIN, output=Type.BIN, args="string", factory=True)
def fix_tag_value(context: CompileContext, name: str) -> Callable[[bytes], bytes | None]:
    """The value of a tag of a FIX message."""
    number = int(name) if name.isdigit() else FIX_TAGS.get(name)
    if number is None:
        raise Alert(f"Unknown FIX tag name '{name}'")
    prefix = b"%d=" % number

    def extract(value: bytes) -> bytes | None:
        return next((Binary(field[len(prefix) :]) for field in value.split(SOH)[:-1] if field.startswith(prefix)), None)

    return extract


# -- MQTT

MQTT_TYPES = (
    "", "connect", "connack", "publish", "puback", "pubrec", "pubrel", "pubcomp", "subscribe", "suback", "unsubscribe", "unsuback",
    "pingreq", "pingresp", "disconnect", "auth",
)  # fmt: skip
CONNECT_FIELDS = ("flags", "protocol_name", "protocol_version", "client_identifier", "will_topic", "will_payload", "username", "password", "keepalive")
CONNACK_FIELDS = ("flags", "protocol_version", "reason_code")
V5_FIELDS = {
    "connect": ("17", "33", "39", "34", "25", "23", "21", "22"),
    "connack": ("17", "33", "36", "37", "39", "18", "34", "31", "40", "41", "42", "19", "26", "28", "21", "22"),
}


def mqtt_packet(value: bytes) -> tuple[str, int, bytes] | None:
    """Type, flags and body of the packet at the beginning."""
    if len(value) < 2:
        return None
    length = varint(value, 1)
    if length is None or length[1] > 5 or len(value) < length[1] + length[0]:
        return None
    return MQTT_TYPES[value[0] >> 4], value[0] & 15, value[length[1] : length[1] + length[0]]


def _string(body: bytes, at: int) -> tuple[bytes, int] | None:
    if at + 2 > len(body):
        return None
    end = at + 2 + int.from_bytes(body[at : at + 2], "big")
    return (body[at + 2 : end], end) if end <= len(body) else None


def mqtt_connect(body: bytes) -> dict[str, Value] | None:
    """The fields of a CONNECT packet (MQTT 3.1, 3.1.1 and 5.0)."""
    name = _string(body, 0)
    if name is None or name[0] not in (b"MQTT", b"MQIsdp") or name[1] + 4 > len(body):
        return None
    version, flags = body[name[1]], body[name[1] + 1]
    fields: dict[str, Value] = {
        "protocol_name": name[0], "protocol_version": b"%d" % version, "flags": b"%d" % flags,
        "keepalive": b"%d" % int.from_bytes(body[name[1] + 2 : name[1] + 4], "big"),
    }  # fmt: skip
    at = name[1] + 4
    if flags & 1 or (version == 5 and (skipped := varint(body, at)) is None):
        return None
    if version == 5 and skipped is not None:
        at = skipped[1] + skipped[0]
    wanted = ["client_identifier"] + ["will_topic", "will_payload"] * (flags >> 2 & 1) + ["username"] * (flags >> 7) + ["password"] * (flags >> 6 & 1)
    for field in wanted:
        if field == "will_topic" and version == 5:
            will = varint(body, at)
            at = will[1] + will[0] if will is not None else at
        found = _string(body, at)
        if found is None:
            return None
        fields[field], at = found
    return fields if at == len(body) else None


def mqtt_connack(body: bytes) -> dict[str, Value] | None:
    """The fields of a CONNACK packet."""
    if len(body) < 2:
        return None
    version = b"5" if len(body) > 2 else b"4"
    return {"flags": b"%d" % body[0], "reason_code": b"%d" % body[1], "protocol_version": version}


@converter("mqtt_is_valid", input=Type.BIN, output=Type.BOOL)
def mqtt_is_valid(value: bytes) -> bool | None:
    """Is the data a sound MQTT packet?"""
    packet = mqtt_packet(value)
    if packet is None:
        return None
    kind, flags, body = packet
    if kind == "connect":
        return flags == 0 and mqtt_connect(body) is not None
    if kind == "connack":
        return flags == 0 and mqtt_connack(body) is not None
    return bool(kind)


@converter("mqtt_field_value", input=Type.BIN, output=Type.STR, args="string,string", factory=True)
def mqtt_field_value(context: CompileContext, kind: str, field: str) -> Callable[[bytes], Value | None]:
    """A field of a CONNECT or CONNACK packet."""
    if kind not in ("connect", "connack"):
        raise Alert(f"Unknown MQTT type '{kind}'")
    names = CONNECT_FIELDS if kind == "connect" else CONNACK_FIELDS
    if field not in names and field not in V5_FIELDS[kind]:
        raise Alert(f"Unknown MQTT field name '{field}' for packet type '{kind}'")
    read = mqtt_connect if kind == "connect" else mqtt_connack

    def extract(value: bytes) -> Value | None:
        packet = mqtt_packet(value)
        fields = read(packet[2]) if packet is not None and packet[0] == kind else None
        return None if fields is None else fields.get(field)

    return extract

"""xxHash: the 32-bit, 64-bit and XXH3 64-bit functions, after their public specification (doc/xxhash_spec.md of the xxHash project)."""

from __future__ import annotations

import struct

M32, M64 = 0xFFFFFFFF, 0xFFFFFFFFFFFFFFFF
A1, A2, A3, A4, A5 = 0x9E3779B1, 0x85EBCA77, 0xC2B2AE3D, 0x27D4EB2F, 0x165667B1
B1, B2, B3, B4, B5 = 0x9E3779B185EBCA87, 0xC2B2AE3D27D4EB4F, 0x165667B19E3779F9, 0x85EBCA77C2B2AE63, 0x27D4EB2F165667C5
SECRET = bytes.fromhex(
    "b8fe6c3923a44bbe7c01812cf721ad1cded46de9839097db7240a4a4b7b3671fcb79e64eccc0e578825ad07dccff7221b8084674f743248ee03590e6813a264c"
    "3c2852bb91c300cb88d0658b1b532ea371644897a20df94e3819ef46a9deacd8a8fa763fe39c343ff9dcbbc7c70b4f1d8a51e04bcdb45931c89f7ec9d9787364"
    "eac5ac8334d3ebc3c581a0fffa1363eb170ddd51b7f0da49d316552629d4689e2b16be587d47a1fc8ff8b8d17ad031ce45cb3a8f95160428afd7fbcabb4b407e"
)


def _turn32(value: int, bits: int) -> int:
    return (value << bits | value >> (32 - bits)) & M32


def _turn64(value: int, bits: int) -> int:
    return (value << bits | value >> (64 - bits)) & M64


def xxh32(data: bytes, seed: int = 0) -> int:
    """XXH32."""
    seed &= M32
    at, size = 0, len(data)
    if size >= 16:
        lanes = [(seed + A1 + A2) & M32, (seed + A2) & M32, seed, (seed - A1) & M32]
        while at + 16 <= size:
            for lane, word in enumerate(struct.unpack_from("<4I", data, at)):
                lanes[lane] = _turn32((lanes[lane] + word * A2) & M32, 13) * A1 & M32
            at += 16
        value = sum(_turn32(lane, bits) for lane, bits in zip(lanes, (1, 7, 12, 18), strict=True))
    else:
        value = seed + A5
    value = (value + size) & M32
    while at + 4 <= size:
        value = _turn32((value + struct.unpack_from("<I", data, at)[0] * A3) & M32, 17) * A4 & M32
        at += 4
    for byte in data[at:]:
        value = _turn32((value + byte * A5) & M32, 11) * A1 & M32
    value = (value ^ value >> 15) * A2 & M32
    value = (value ^ value >> 13) * A3 & M32
    return value ^ value >> 16


def _round64(lane: int, word: int) -> int:
    return _turn64((lane + word * B2) & M64, 31) * B1 & M64


def xxh64(data: bytes, seed: int = 0) -> int:
    """XXH64."""
    seed &= M64
    at, size = 0, len(data)
    if size >= 32:
        lanes = [(seed + B1 + B2) & M64, (seed + B2) & M64, seed, (seed - B1) & M64]
        while at + 32 <= size:
            lanes = [_round64(lane, word) for lane, word in zip(lanes, struct.unpack_from("<4Q", data, at), strict=True)]
            at += 32
        value = sum(_turn64(lane, bits) for lane, bits in zip(lanes, (1, 7, 12, 18), strict=True)) & M64
        for lane in lanes:
            value = ((value ^ _round64(0, lane)) * B1 + B4) & M64
    else:
        value = seed + B5
    return _avalanche64(_tail64(data, at, (value + size) & M64))


def _tail64(data: bytes, at: int, value: int) -> int:
    """The bytes that fill no stripe."""
    size = len(data)
    while at + 8 <= size:
        value = (_turn64(value ^ _round64(0, struct.unpack_from("<Q", data, at)[0]), 27) * B1 + B4) & M64
        at += 8
    if at + 4 <= size:
        value = (_turn64(value ^ struct.unpack_from("<I", data, at)[0] * B1 & M64, 23) * B2 + B3) & M64
        at += 4
    for byte in data[at:]:
        value = _turn64(value ^ byte * B5 & M64, 11) * B1 & M64
    return value


def _avalanche64(value: int) -> int:
    value = (value ^ value >> 33) * B2 & M64
    value = (value ^ value >> 29) * B3 & M64
    return value ^ value >> 32


# -- XXH3


def _fold(one: int, other: int) -> int:
    product = (one & M64) * (other & M64)
    return (product & M64) ^ product >> 64


def _u64(data: bytes, at: int) -> int:
    return int.from_bytes(data[at : at + 8], "little")


def _u32(data: bytes, at: int) -> int:
    return int.from_bytes(data[at : at + 4], "little")


def _avalanche3(value: int) -> int:
    value = (value ^ value >> 37) * 0x165667919E3779F9 & M64
    return value ^ value >> 32


def _mix16(data: bytes, at: int, secret: bytes, where: int, seed: int) -> int:
    return _fold(_u64(data, at) ^ _u64(secret, where) + seed, _u64(data, at + 8) ^ (_u64(secret, where + 8) - seed) & M64)


def xxh3(data: bytes, seed: int = 0) -> int:
    """XXH3 with 64 bits."""
    seed &= M64
    size = len(data)
    if size <= 16:
        return _short3(data, size, seed)
    if size <= 240:
        return _middle3(data, size, seed)
    return _long3(data, size, _seeded(seed))


def _short3(data: bytes, size: int, seed: int) -> int:
    """Up to 16 bytes."""
    if size > 8:
        low = (_u64(SECRET, 24) ^ _u64(SECRET, 32)) + seed & M64
        high = (_u64(SECRET, 40) ^ _u64(SECRET, 48)) - seed & M64
        first, last = _u64(data, 0) ^ low, _u64(data, size - 8) ^ high
        swapped = int.from_bytes(first.to_bytes(8, "little"), "big")
        return _avalanche3(size + swapped + last + _fold(first, last) & M64)
    if size >= 4:
        mixed = seed ^ int.from_bytes((seed & M32).to_bytes(4, "little"), "big") << 32
        flip = (_u64(SECRET, 8) ^ _u64(SECRET, 16)) - mixed & M64
        value = flip ^ _u32(data, size - 4) + (_u32(data, 0) << 32)
        value ^= _turn64(value, 49) ^ _turn64(value, 24)
        value = value * 0x9FB21C651E98DF25 & M64
        value ^= (value >> 35) + size
        value = value * 0x9FB21C651E98DF25 & M64
        return value ^ value >> 28
    if size:
        combined = data[0] << 16 | data[size >> 1] << 24 | data[size - 1] | size << 8
        flip = (_u32(SECRET, 0) ^ _u32(SECRET, 4)) + seed & M64
        return _avalanche64(combined ^ flip)
    return _avalanche64(seed ^ _u64(SECRET, 56) ^ _u64(SECRET, 64))


def _middle3(data: bytes, size: int, seed: int) -> int:
    """17 to 240 bytes."""
    value = size * B1
    if size <= 128:
        for step in reversed(range((size - 1) // 32 + 1)):
            value += _mix16(data, 16 * step, SECRET, 32 * step, seed) + _mix16(data, size - 16 * (step + 1), SECRET, 32 * step + 16, seed)
        return _avalanche3(value & M64)
    for step in range(8):
        value += _mix16(data, 16 * step, SECRET, 16 * step, seed)
    value = _avalanche3(value & M64)
    for step in range(8, size // 16):
        value += _mix16(data, 16 * step, SECRET, 16 * (step - 8) + 3, seed)
    return _avalanche3(value + _mix16(data, size - 16, SECRET, 136 - 17, seed) & M64)


def _seeded(seed: int) -> bytes:
    """The secret for long inputs."""
    if not seed:
        return SECRET
    out = bytearray()
    for at in range(0, 192, 16):
        out += ((_u64(SECRET, at) + seed) & M64).to_bytes(8, "little") + ((_u64(SECRET, at + 8) - seed) & M64).to_bytes(8, "little")
    return bytes(out)


def _stripe(lanes: list[int], data: bytes, at: int, secret: bytes, where: int) -> None:
    for lane in range(8):
        word = _u64(data, at + 8 * lane)
        key = word ^ _u64(secret, where + 8 * lane)
        lanes[lane ^ 1] = (lanes[lane ^ 1] + word) & M64
        lanes[lane] = (lanes[lane] + (key & M32) * (key >> 32)) & M64


def _long3(data: bytes, size: int, secret: bytes) -> int:
    """More than 240 bytes: stripes of 64, blocks of 16 stripes."""
    lanes = [A3, B1, B2, B3, B4, A2, B5, A1]
    blocks = (size - 1) // 1024
    for block in range(blocks):
        for stripe in range(16):
            _stripe(lanes, data, block * 1024 + stripe * 64, secret, 8 * stripe)
        for lane in range(8):
            value = lanes[lane]
            lanes[lane] = (value ^ value >> 47 ^ _u64(secret, 128 + 8 * lane)) * A1 & M64
    for stripe in range((size - 1 - blocks * 1024) // 64):
        _stripe(lanes, data, blocks * 1024 + stripe * 64, secret, 8 * stripe)
    _stripe(lanes, data, size - 64, secret, 192 - 64 - 7)
    value = size * B1
    for pair in range(4):
        value += _fold(lanes[2 * pair] ^ _u64(secret, 11 + 16 * pair), lanes[2 * pair + 1] ^ _u64(secret, 19 + 16 * pair))
    return _avalanche3(value & M64)

# SPDX-License-Identifier: LGPL-2.1-or-later
"""Reading network addresses and options as people write them. Nothing here needs a network.

`a=1,b,port=80` is a list of options: `next_option` takes one after the other. Addresses: IPv4 in dotted form (RFC 6943: four decimal
parts, no leading zeros), IPv6 as in RFC 4291 section 2.2, hardware addresses, ports, and Plan 9's dial strings `net!host!service`.
"""

from lang import Errno, Error, u8, u32, u64
from lib.show import Ip6, Mac


def parse_ip4(text: str) -> u32:
    """Raises EINVAL."""
    address: u32 = 0
    rest = text
    for _i in range(4):
        part, rest = rest.split1(".")
        if len(part) == 0 or len(part) > 3 or not part.isdigit() or len(part) > 1 and part[0] == ord("0"):
            raise Error(Errno.EINVAL, f"{text!r} is no IPv4 address")
        value = u32(part)
        if value > 255:
            raise Error(Errno.EINVAL, f"{text!r} is no IPv4 address: {value} is above 255")
        address = address << 8 | value
    if len(rest) > 0 or text.endswith("."):
        raise Error(Errno.EINVAL, f"{text!r} is no IPv4 address: it has more than four parts")
    return address


def hex_value(digit: u8) -> u32:
    """16 for what is none."""
    if ord("0") <= digit <= ord("9"):
        return u32(digit - ord("0"))
    lower = digit | 0x20
    return u32(lower - ord("a")) + 10 if ord("a") <= lower <= ord("f") else u32(16)


def parse_hex(text: str, most: u64) -> u32:
    """One to `most` hexadecimal digits. Raises EINVAL."""
    value: u32 = 0
    for digit in text:
        if hex_value(digit) == 16:
            raise Error(Errno.EINVAL, f"{text!r} is no hexadecimal number")
        value = value << 4 | hex_value(digit)
    if len(text) == 0 or len(text) > most:
        raise Error(Errno.EINVAL, f"{text!r} is no number of 1 to {most} hexadecimal digits")
    return value


def parse_ip6(text: str, into: Ip6) -> None:
    """Raises EINVAL. An IPv4 address alone becomes v4 in v6, as Plan 9 has it."""
    if text.find(":") < 0:
        address = parse_ip4(text)
        for i in range(u64(10)):
            into.bytes[i] = 0
        into.bytes[10] = 0xFF
        into.bytes[11] = 0xFF
        put_group(into, 6, address >> 16)
        put_group(into, 7, address & 0xFFFF)
        return
    gap = text.find("::")
    front = text if gap < 0 else text[: u64(gap)]
    back = text[:0] if gap < 0 else text[u64(gap) + 2 :]
    head = count_groups(front)
    tail = count_groups(back)
    if gap < 0 and head != 8 or gap >= 0 and head + tail > 7:
        raise Error(Errno.EINVAL, f"{text!r} is no IPv6 address: {head + tail} groups")
    for i in range(u64(16)):
        into.bytes[i] = 0
    put_groups(into, 0, front)
    put_groups(into, 8 - tail, back)


def count_groups(text: str) -> u64:
    if len(text) == 0:
        return 0
    colons: u64 = 0
    for byte in text:
        if byte == ord(":"):
            colons += 1
    return colons + 1 if text.find(".") < 0 else colons + 2


def put_groups(into: Ip6, first: u64, text: str) -> None:
    place = first
    rest = text
    while len(rest) > 0:
        part, rest = rest.split1(":")
        if part.find(".") >= 0:
            address = parse_ip4(part)
            put_group(into, place, address >> 16)
            put_group(into, place + 1, address & 0xFFFF)
            place += 2
        else:
            put_group(into, place, parse_hex(part, 4))
            place += 1
    if text.endswith(":"):
        raise Error(Errno.EINVAL, f"{text!r} ends with a colon")


def put_group(into: Ip6, i: u64, value: u32) -> None:
    into.bytes[2 * i] = u8(value >> 8)
    into.bytes[2 * i + 1] = u8(value & 255)


def parse_mac(text: str, into: Mac) -> None:
    """Six bytes of two digits, with colons or dashes between, or twelve digits. Raises EINVAL."""
    step: u64 = 2 if len(text) == 12 else 3
    if len(text) != 12 and len(text) != 17:
        raise Error(Errno.EINVAL, f"{text!r} is no hardware address")
    for i in range(u64(6)):
        if step == 3 and i > 0 and text[3 * i - 1] != ord(":") and text[3 * i - 1] != ord("-"):
            raise Error(Errno.EINVAL, f"{text!r} is no hardware address")
        into.bytes[i] = u8(parse_hex(text[step * i : step * i + 2], 2))


def parse_port(text: str) -> u32:
    """1 to 65535. Raises EINVAL."""
    if len(text) == 0 or len(text) > 5 or not text.isdigit() or not 0 < u32(text) < 65536:
        raise Error(Errno.EINVAL, f"{text!r} is no port")
    return u32(text)


def split_dial(text: str) -> tuple[str, str, str]:
    """(network, host, service) of `net!host!service`; `host!service` is on network `net`. Raises EINVAL."""
    first, rest = text.split1("!")
    second, third = rest.split1("!")
    if len(rest) == 0 or third.find("!") >= 0:
        raise Error(Errno.EINVAL, f"{text!r} is no address to dial")
    if len(third) == 0:
        return "net", first, second
    return first, second, third


def next_option(options: str) -> tuple[str, str, str]:
    """(name, value, what is left) of a list with commas; the value of `name` alone is empty."""
    one, rest = options.split1(",")
    name, value = one.split1("=")
    return name.strip(), value.strip(), rest


def find_option(options: str, wanted: str) -> str | None:
    """The value of the first option of that name; None if there is none."""
    rest = options
    while len(rest) > 0:
        name, value, rest = next_option(rest)
        if name == wanted:
            return value
    return None

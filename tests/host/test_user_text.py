# SPDX-License-Identifier: GPL-2.0-or-later
"""Addresses, options and dumps, as programs read and print them, against Python's own."""

from __future__ import annotations

import ipaddress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from compiler.host import CompiledError, Unit, load

MANY = settings(max_examples=80)

SOURCE = """
from lang import Span, text, u8, u32, u64
from lib.net import find_option, next_option, parse_ip4, parse_ip6, parse_mac, parse_port, split_dial
from lib.show import Ip4, Ip6, Mac, hexdump

shown = text(4000)


def show_ip4(address: u32) -> str:
    shown.clear()
    shown.write(f"{Ip4(address)}")
    return shown.view


def show_ip6(address: Ip6) -> str:
    shown.clear()
    shown.write(f"{address}")
    return shown.view


def show_mac(address: Mac) -> str:
    shown.clear()
    shown.write(f"{address}")
    return shown.view


def show_dump(data: Span[u8], address: u64) -> str:
    shown.clear()
    hexdump(shown, data, address)
    return shown.view


def option(options: str, name: str) -> str:
    found = find_option(options, name)
    return found if found is not None else "(none)"
"""


@pytest.fixture(scope="module")
def unit() -> Unit:
    return load(SOURCE, over="tests/host/machine")


@pytest.mark.feature("parlib-56")
@MANY
@given(st.integers(0, 2**32 - 1))
def test_ipv4_addresses(unit: Unit, address: int) -> None:
    text = str(ipaddress.IPv4Address(address))
    assert unit.show_ip4(address) == text and unit.parse_ip4(text) == address


@pytest.mark.feature("parlib-55")
@pytest.mark.parametrize("text", ["", "1.2.3", "1.2.3.4.5", "256.1.1.1", "1.2.3.", "01.2.3.4", "a.b.c.d", "1..2.3", "1.2.3.4.", "-1.2.3.4"])
def test_nonsense_is_no_ipv4_address(unit: Unit, text: str) -> None:
    with pytest.raises(CompiledError):
        unit.parse_ip4(text)


GROUPS = st.lists(st.sampled_from([0, 0, 0, 1, 0xFFFF, 0x2001]) | st.integers(0, 0xFFFF), min_size=8, max_size=8)


@pytest.mark.feature("parlib-56")
@MANY
@given(GROUPS)
def test_ipv6_addresses(unit: Unit, groups: list[int]) -> None:
    packed = b"".join(group.to_bytes(2, "big") for group in groups)
    theirs = ipaddress.IPv6Address(packed)
    ours = unit.Ip6()
    unit.parse_ip6(str(theirs), ours)
    assert bytes(ours.bytes) == packed
    if theirs.ipv4_mapped is None:
        assert unit.show_ip6(ours) == str(theirs)
    unit.parse_ip6(theirs.exploded, ours)
    assert bytes(ours.bytes) == packed


@pytest.mark.feature("parlib-55")
def test_ipv4_within_ipv6(unit: Unit) -> None:
    address = unit.Ip6()
    for text, shown in (("::ffff:10.0.2.15", "10.0.2.15"), ("10.0.2.15", "10.0.2.15"), ("64:ff9b::1.2.3.4", "64:ff9b::102:304")):
        unit.parse_ip6(text, address)
        assert unit.show_ip6(address) == shown


@pytest.mark.feature("parlib-55")
@pytest.mark.parametrize("text", ["::1::", "1:2:3:4:5:6:7", "1:2:3:4:5:6:7:8:9", "g::", ":1", "12345::", "1:2:3:4:5:6:7:8::", "1:"])
def test_nonsense_is_no_ipv6_address(unit: Unit, text: str) -> None:
    with pytest.raises(CompiledError):
        unit.parse_ip6(text, unit.Ip6())


@pytest.mark.feature("parlib-56")
@MANY
@given(st.binary(min_size=6, max_size=6))
def test_hardware_addresses(unit: Unit, raw: bytes) -> None:
    address = unit.Mac()
    for separator in (":", "-", ""):
        unit.parse_mac(raw.hex(separator) if separator else raw.hex(), address)
        assert bytes(address.bytes) == raw and unit.show_mac(address) == raw.hex(":")


@pytest.mark.feature("parlib-55")
def test_ports_dial_strings_and_options(unit: Unit) -> None:
    assert unit.parse_port("80") == 80 and unit.parse_port("65535") == 65535
    for text in ("0", "65536", "", "x", "1000000"):
        with pytest.raises(CompiledError):
            unit.parse_port(text)
    with pytest.raises(CompiledError):
        unit.parse_mac("00:11:22:33:44", unit.Mac())
    assert unit.split_dial("tcp!host!80") == ("tcp", "host", "80") and unit.split_dial("host!http") == ("net", "host", "http")
    for text in ("host", "a!b!c!d", ""):
        with pytest.raises(CompiledError):
            unit.split_dial(text)
    assert unit.next_option("a=1,b,port=80") == ("a", "1", "b,port=80")
    assert [unit.option("a=1, b ,port=80", name) for name in ("a", "b", "port", "c")] == ["1", "", "80", "(none)"]


@pytest.mark.feature("parlib-56")
@MANY
@given(st.binary(max_size=100), st.integers(0, 2**31))
def test_hexdump(unit: Unit, data: bytes, address: int) -> None:
    wanted = ""
    for start in range(0, len(data), 16):
        line = data[start : start + 16]
        cells = "".join((" " if i % 8 == 0 else "") + (f"{line[i]:02x} " if i < len(line) else "   ") for i in range(16))
        text = "".join(chr(b) if 32 <= b < 127 else "." for b in line)
        wanted += f"{address + start:08x} {cells} |{text}|\n"
    assert unit.show_dump(data, address) == wanted

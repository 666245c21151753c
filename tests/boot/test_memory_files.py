# SPDX-License-Identifier: GPL-2.0-or-later
"""#mem: what the kernel says about its own memory, while programs use it."""

from __future__ import annotations

import re

import pytest

from tests.boot.guest import Guest

pytestmark = pytest.mark.xdist_group("smp4")


def free(guest: Guest) -> dict[str, int]:
    return {name: int(value) for name, value in re.findall(r"^(\w+) Memory *: +(\d+)$", guest.output("cat '#mem/free'"), re.MULTILINE)}


def kmemstat(guest: Guest) -> dict[str, tuple[str, int, int, int, int, str]]:
    """By name: kind, object size, all, used, allocations ever, source."""
    row = re.compile(r"^([\w-]+) *: ([AS]) : *(\d+): *(\d+): *(\d+): *(\d+): (\S*)$", re.MULTILINE)
    found = row.findall(guest.output("cat '#mem/kmemstat'"))
    return {name: (kind, int(size), int(total), int(used), int(ever), source) for name, kind, size, total, used, ever, source in found}


@pytest.mark.feature("kmem-21")
def test_the_totals_drop_while_a_process_holds_100_mib(guest: Guest) -> None:
    before = free(guest)
    assert before["Total"] == before["Used"] + before["Free"]
    pid = guest.output("hog 100 600 & echo pid $!").split("pid ")[1].split()[0]
    guest.expect("allocated 100 MiB", 30)
    during = free(guest)
    assert during["Total"] == before["Total"] and before["Free"] - during["Free"] >= 100 << 20
    guest.run(f"kill {pid}")
    guest.wait_until_gone("ps", rf"^ *{pid} .* hog")
    assert free(guest)["Free"] > before["Free"] - (1 << 20)


@pytest.mark.feature("kmem-05", "kmem-21")
def test_arenas_add_up(guest: Guest) -> None:
    shown = guest.output("cat '#mem/arena_stats'")
    arenas = {name: text for name, text in re.findall(r"^Arena: (\S+)\n((?:  .*\n)+)", shown, re.MULTILINE)}
    assert {"base", "kpages", "vmap"} <= set(arenas), shown
    numbers = {name: dict(re.findall(r"(\w[\w ]*): (\d+)", text)) for name, text in arenas.items()}
    assert numbers["base"]["quantum"] == str(2 << 20) and numbers["kpages"]["quantum"] == "4096"
    assert "source: base" in arenas["kpages"] and "source: none" in arenas["base"]
    # The buddy allocator has what the arena gave it, and the ends of memory that are less than a block of the arena's.
    total = kmemstat(guest)
    assert 0 <= total["kpages"][2] - total["base"][3] < 64 << 20
    assert total["kpages"][3] <= total["kpages"][2] and total["base"][3] <= total["base"][2]


@pytest.mark.feature("kmem-07", "kmem-21")
def test_caches_tell_of_slabs_and_magazines(guest: Guest) -> None:
    shown = guest.output("cat '#mem/slab_stats'")
    caches = {name: text for name, text in re.findall(r"^Cache: (\S+)\n((?:  .*\n)+)", shown, re.MULTILINE)}
    assert {"heap-16", "heap-2048", "magazine"} <= set(caches), shown
    counts = r"slabs: (\d+), of (\d+) objects each\n  objects out of slabs: (\d+), in slabs: (\d+), ever: (\d+)"
    found = re.search(counts, caches["heap-64"])
    assert found
    slabs, each, out, inside, ever = map(int, found.groups())
    assert slabs * each == out + inside and ever >= out > 0
    assert re.search(r"magazines of \d+: \d+ full, \d+ empty", caches["heap-64"])
    name, size, total, used, _, source = kmemstat(guest)["heap-64"]
    assert (name, source) == ("S", "kpages") and size >= 64 and used <= total


@pytest.mark.feature("kmem-09")
def test_a_trace_names_who_allocates(guest: Guest) -> None:
    def command(words: str) -> None:
        guest.output(f"echo '{words}' > '#mem/slab_trace'")

    command("start heap-96")
    try:
        assert "heap-96 (traced)" in guest.output("cat '#mem/slab_stats'")
        guest.output("for i in 1 2 3 4 5; do true | true; done")
    finally:
        command("stop heap-96")
    command("print heap-96")
    shown = guest.output("cat '#mem/slab_trace'")
    sites = re.findall(r"^(\d+) allocations, (\d+) of them in use, by\n((?:    .*\n)+)", shown, re.MULTILINE)
    assert sites and all(int(live) <= int(count) for count, live, _ in sites), shown
    assert any(int(count) >= 5 and re.search(r"kern\.\S+  kern/\w+/\w+\.py:\d+", calls) for count, _, calls in sites), shown
    assert "(traced)" not in guest.output("cat '#mem/slab_stats'")
    command("reset heap-96")
    assert guest.output("cat '#mem/slab_trace'").startswith("heap-96: 0 places")


@pytest.mark.feature("kmem-09")
def test_a_trace_of_nothing_is_an_error_that_says_so(guest: Guest) -> None:
    assert "no cache is called nosuch" in guest.run("echo 'start nosuch' > '#mem/slab_trace'").output
    assert "slab_trace takes" in guest.run("echo 'sing heap-64' > '#mem/slab_trace'").output
    assert "cannot be traced" in guest.run("echo 'start magazine' > '#mem/slab_trace'").output

# SPDX-License-Identifier: GPL-2.0-or-later
"""What system calls about files, children and memory promise: user/utest/filetest.py, run in the guest, read here name by name."""

import re

import pytest

from tests.boot.guest import Guest

pytestmark = pytest.mark.xdist_group("smp4")

# A test of filetest -> rows of the ledger that it shows.
SHOWS = {
    "files.write_and_read": ["sys-37"],
    "files.open_modes": [],
    "files.open_errors": [],
    "files.close": ["sys-39"],
    "files.stat": [],
    "files.seek": [],
    "files.dup": [],
    "files.remove": ["sys-46"],
    "files.rename": ["sys-52"],
    "files.directories": [],
    "files.working_directory": ["sys-49"],
    "files.pipe": [],
    "files.bad_addresses": ["vm-17"],
    "links.made_and_read": ["sys-47"],
    "links.refused": ["sys-47"],
    "links.stat": ["sys-40"],
    "links.on_the_way": ["sys-47"],
    "links.true_paths": ["sys-49"],
    "links.loops": ["ns-10"],
    "links.opened": ["ns-10"],
    "links.moved_and_removed": ["sys-47"],
    "links.programs": [],
    "children.run_once": ["sys-08", "sys-09"],
    "children.wait": ["sys-15"],
    "children.descriptors": ["sys-53"],
    "children.working_directory": [],
    "children.kill": ["sys-10"],
    "memory.map": [],
    "memory.map_file": [],
    "memory.populate": ["sys-32"],
    "calls.ids": ["sys-06"],
    "calls.unknown_number": [],
    "calls.entries": ["core-07"],
    "calls.block": ["sys-02"],
}


def test_devices_are_reached_by_their_names(guest: Guest) -> None:
    assert guest.output("cat '#proc/1/status'").startswith("name: sh\n")
    assert guest.output("echo through a device > '#tmpfs/named'; cat /tmp/named; rm /tmp/named") == "through a device\n"
    assert "consctl" in guest.output("ls '#cons'").split() and "bin" in guest.output("ls '#kfs'").split()
    assert guest.output("cd '#proc/1'; pwd; cat status | head -n 1; cd ../../..; pwd; cd /").splitlines() == [
        "#proc/1",
        "name: sh",
        "#proc",
    ]


def test_an_unknown_device_is_an_error_that_names_it(guest: Guest) -> None:
    for command in ("cat '#nosuch/file'", "echo > '#nosuch'", "mkdir '#nosuch/x'", "cat '#'"):
        answer = guest.run(command)
        assert answer.status != 0 and "there is no device #" in answer.output, answer.output
    assert "#proc is where a device sits" in guest.run("rmdir '#proc'").output


@pytest.mark.parametrize("name", [pytest.param(name, marks=[pytest.mark.feature(row) for row in rows]) for name, rows in SHOWS.items()])
def test_promise(guest: Guest, name: str) -> None:
    answer = guest.run(f"filetest {name}", 60)
    assert re.search(rf"^PASSED {re.escape(name)} ", answer.output, re.MULTILINE) and answer.status == 0, answer.output


def test_every_promise_is_asked_for(guest: Guest) -> None:
    output = guest.output("filetest", 60)
    assert sorted(re.findall(r"^PASSED (\S+)", output, re.MULTILINE)) == sorted(SHOWS)

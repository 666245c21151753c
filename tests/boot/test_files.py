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
    "calls.block": ["sys-02"],
}


@pytest.mark.parametrize("name", [pytest.param(name, marks=[pytest.mark.feature(row) for row in rows]) for name, rows in SHOWS.items()])
def test_promise(guest: Guest, name: str) -> None:
    answer = guest.run(f"filetest {name}", 60)
    assert re.search(rf"^PASSED {re.escape(name)} ", answer.output, re.MULTILINE) and answer.status == 0, answer.output


def test_every_promise_is_asked_for(guest: Guest) -> None:
    output = guest.output("filetest", 60)
    assert sorted(re.findall(r"^PASSED (\S+)", output, re.MULTILINE)) == sorted(SHOWS)

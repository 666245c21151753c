# SPDX-License-Identifier: GPL-2.0-or-later
"""`check --report`: the tables of the kernel and of the programs as they are now."""

import json
import os
import re
import subprocess
import sys

from compiler.driver import REPO, Options


def report(world):
    """The printed tables, and the figures in them."""
    words = [sys.executable, "-m", "compiler", "check", "--world", world, "--report"]
    done = subprocess.run(words, cwd=REPO, env=os.environ | {"COLUMNS": "200"}, capture_output=True, text=True, timeout=900, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout, json.loads(Options().proofs(world).read_text())


def test_the_kernel_s_stacks_locks_and_errors():
    printed, found = report("kernel")
    stacks = {n["name"].split(".")[-1]: n for n in found["stacks"]}
    assert {
        "kernel_start",
        "bring_up",
        "ap_entry",
        "handle_syscall",
        "trap_from_user",
        "trap_from_kernel",
        "trap_on_ist",
        "idle_loop",
        "finish_park",
    } <= stacks.keys()
    for name, n in stacks.items():
        assert n["limit"] == 0 or 0 < n["path"] + n["interrupt"] + n["panic"] <= n["limit"], name
        assert n["chain"][0][0].endswith(name) and (len(n["chain"]) > 3 or ".ktest." in n["chain"][0][0]), name
    # Each exported entry of the boot code, the traps and the other cores has a row with its figures.
    call = stacks["handle_syscall"]
    assert re.search(rf"handle_syscall +{call['path']:,} .* {call['limit']:,} .*%  +handle_syscall", printed)
    # Every step that was found goes down the declared order.
    order = {name: i for i, name in enumerate(found["order"])}
    assert len(order) > 15
    for lock in found["locks"]:
        assert all(order[outer] < order[lock["name"]] for outer in lock["after"] if {outer, lock["name"]} <= order.keys())
    after = {lock["name"]: lock["after"] for lock in found["locks"]}
    assert "Proc.lock" in after["KmsgQueue.lock"] and "VmSpace.lock" in after["page_stock.lock"]
    may = {f"{m}.{name}" for m, entry in found["raises"].items() for name in entry["may"]}
    assert "kern.sync.qlock.QLock.acquire" in may and "kern.core.kmsg.send_routine" not in may
    assert "Locks, in the order in which they may be taken" in printed and "Functions that may raise" in printed


def test_vcore_context_fits_its_stack():
    printed, found = report("user")
    stacks = {n["name"]: n for n in found["stacks"]}
    assert stacks.keys() == {"vcore_entry", "vcore_restarted", "vcore_reentered", "uthread_ended", "uthread_landing"}
    assert all(n["path"] + n["panic"] <= n["limit"] for n in stacks.values())
    assert "vcore_entry" in printed

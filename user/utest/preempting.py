# SPDX-License-Identifier: LGPL-2.1-or-later
"""A child that takes vcores of its parent at random moments: program `storm` with --preempt, for tests that must get over that."""

from lang import array, i32, pause, text, u64
from kern.abi.file import FdPair, SpawnFlag
from parlib.vcore import max_vcores, proc_info
from rt.args import environment
from rt.process import create, getpid, run


def start_preempting(count: u64, seed: u64) -> i32:
    """Start it, for so many preemptions; its pid, to wait for."""
    pid = text(12)
    pid.write(f"{getpid()}")
    number = text(24)
    number.write(f"{count}")
    start = text(24)
    start.write(f"{seed}")
    arguments = array(5, str)
    arguments[0] = "storm"
    arguments[1] = "--preempt"
    arguments[2] = pid.view
    arguments[3] = number.view
    arguments[4] = start.view
    none = array(1, FdPair)
    child = create("/bin/storm", arguments[:], environment(), none[:0], SpawnFlag.DUP_FDS)
    run(child)
    return child


def preemptions_made() -> u64:
    """How often a vcore of ours was taken so far. Whoever asks for that is answered when the core has been told, which may be a while
    before it is counted: so those that are under way are waited for."""
    total: u64 = 0
    for v in range(max_vcores()):
        entry = proc_info().vcoremap[v]
        while entry.nr_preempts_done.load() != entry.nr_preempts_sent.load():
            pause()
        total += entry.nr_preempts_done.load()
    return total

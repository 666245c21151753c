# SPDX-License-Identifier: GPL-2.0-or-later
"""/proc/N/ctl: what can be done to a process from outside, one command a write.

kill [CODE]         end it
preempt             take all its cores, if it is a many-core process
preempt V           take the core of vcore V
warn V USEC         announce that the core of vcore V will be taken, and take it when the time is over, unless it was yielded
trace [all|off]     log its system calls, with arguments and results; with those of the children that it makes from now on; no longer
user NAME           whose it is, and its children to come
Cores that were taken are free at once; the process gets others, or the same, as soon as the scheduler looks at its wants.
No locks of its own. `warn` blocks the writer for the time given.
"""

from lang import Error, array, i32, u32, u64
from kern.abi.errno import Errno
from kern.abi.proc import MAX_VCORES
from kern.core import alloc, sched
from kern.dev.proc_dev import ProcFile, proc_files
from kern.proc.destroy import proc_destroy
from kern.proc.preempt import preempt_all, preempt_core, warn
from kern.proc.proc import NAME_LEN, Proc
from kern.sync.rendez import sleep_ns
from kern.time.clock import NS_PER_USEC

KILL_EXIT_CODE: u64 = 137
LONGEST_USEC: u64 = 10_000_000


@proc_files
class Ctl(ProcFile):
    name: str = "ctl"
    permissions: u32 = 0o222

    def obey(self, p: Proc, command: str) -> None:
        obey(p, command)


def obey(p: Proc, command: str) -> None:
    """One command. Raises EINVAL; ESRCH for a process that has ended; ENXIO for a vcore that does not run."""
    if p.is_dying():
        raise Error(Errno.ESRCH, f"process {p.pid} has ended")
    word, rest = command.strip().split1(" ")
    first, second = rest.strip().split1(" ")
    match word:
        case "kill":
            proc_destroy(p, i32(number(first, KILL_EXIT_CODE, 255)))
        case "preempt":
            if first:
                take(p, u32(number(first, 0, u64(p.max_vcores) - 1)))
            else:
                take_all(p)
        case "trace":
            p.traced = trace_wanted(first)
            p.traces_children = first == "all"
        case "user":
            rename_user(p, first)
        case "warn":
            announce(p, u32(number(first, 0, u64(p.max_vcores) - 1)), number(second.strip(), 0, LONGEST_USEC))
        case _:
            raise Error(Errno.EINVAL, f"ctl takes kill, preempt, trace, user and warn, not {word}")


def trace_wanted(word: str) -> bool:
    if word and word != "off" and word != "all":
        raise Error(Errno.EINVAL, f"trace takes all, off or nothing, not {word}")
    return word != "off"


def rename_user(p: Proc, name: str) -> None:
    if not name or len(name) > NAME_LEN:
        raise Error(Errno.EINVAL, f"a user's name has 1 to {NAME_LEN} characters")
    p.user.clear()
    p.user.append(name)


def number(word: str, default: u64, highest: u64) -> u64:
    if not word:
        return default
    value = u64(word)
    if value > highest:
        raise Error(Errno.EINVAL, f"{value} is more than {highest}")
    return value


def take(p: Proc, vcoreid: u32) -> None:
    """Preempt one vcore."""
    pcore = p.info.vcoremap[vcoreid].pcoreid
    if not p.is_mapped(vcoreid) or not preempt_core(p, pcore, 0):
        raise Error(Errno.ENXIO, f"vcore {vcoreid} does not run")
    sched.poke()


def take_all(p: Proc) -> None:
    pcores = array(MAX_VCORES, u32)
    count = preempt_all(p, pcores[0:MAX_VCORES])
    for pcore in pcores[:count]:
        alloc.put_idle(p, pcore)
    sched.poke()


def announce(p: Proc, vcoreid: u32, grace_usec: u64) -> None:
    """Warn, wait, and take what was not given up."""
    if not warn(p, vcoreid, grace_usec):
        raise Error(Errno.ENXIO, f"vcore {vcoreid} does not run")
    sleep_ns(grace_usec * NS_PER_USEC)
    if p.info.vcoremap[vcoreid].preempt_pending.load() != 0 and p.is_mapped(vcoreid):
        take(p, vcoreid)

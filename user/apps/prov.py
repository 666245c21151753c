# SPDX-License-Identifier: LGPL-2.1-or-later
"""prov: guarantees cores to a process, or to a program that it starts. Whoever uses one of them now loses it when its owner wants it."""

from lang import Error, Span, array, i32, struct, text, u32, u64
from kern.abi.proc import MAX_CORES, Resource
from lib.args import Options, complain_about, help_wanted, misuse
from lib.command import Command
from lib.files import read_file
from lib.output import out
from lib.strings import discard, next_field, number_or_none
from parlib.vcore import proc_info
from rt.args import args
from rt.process import kill, run, wait
from syscalls import sys_poke_ksched, sys_provision

USAGE = """usage: prov [-t TYPE] (-v LIST | -m) -p PID
       prov [-t TYPE] (-v LIST | -m) [-c | --] PROGRAM [ARG…]
       prov -s
  -t TYPE  of resource: c, cores (which it is anyway); m, memory    -v LIST  of cores, as 1,3-5,9
  -m  all cores    -p PID  the process; 0 takes the guarantee back    -s  who is guaranteed what"""
MAX_PID = 32767


@struct
class Request:
    kind: Resource = Resource.CORES
    cores: u64                              # how many are marked
    by_pid: bool
    pid: i32
    show: bool


marked = array(MAX_CORES, bool)


def main() -> i32:
    if help_wanted(USAGE):
        return 0
    options = Options(args=args())
    request = Request()
    status = take_options(options, request)
    if status != 0:
        return status
    if request.show:
        return show()
    if request.cores == 0:
        return misuse("which cores? -v LIST, or -m for all", USAGE)
    words = options.operands()
    if request.by_pid:
        return provision_all(request.pid, request) if len(words) == 0 else misuse("either -p PID or a program", USAGE)
    if len(words) == 0:
        return misuse("to whom? -p PID, or a program", USAGE)
    return start(words, request)


def take_options(options: Options, request: Request) -> i32:
    """0, or the status to end with."""
    while (option := options.next()) != 0:
        match option:
            case 115:                       # s
                request.show = True
            case 109:                       # m
                for core in range(u32(1), proc_info().core_count):
                    mark(u64(core), u64(core), request)
            case 99:                        # c: what follows is the program
                return 0
            case 112:                       # p
                pid = options.number()
                if options.value_missing or pid > MAX_PID:
                    return misuse("-p needs a process id", USAGE)
                request.by_pid = True
                request.pid = i32(pid)
            case 116:                       # t
                if not take_type(options.value(), request):
                    return misuse("-t takes c or m", USAGE)
            case 118:                       # v
                value = options.value()
                if not mark_list(value, request):
                    return misuse(f"{value}: this is no list of cores", USAGE)
            case _:
                return options.refuse(USAGE)
    return 0


def take_type(word: str, request: Request) -> bool:
    if not word or word[0] not in "cm":
        return False
    request.kind = Resource.CORES if word[0] == ord("c") else Resource.MEMORY
    return True


def mark_list(list: str, request: Request) -> bool:
    rest = list
    while len(rest) > 0:
        part, rest = rest.split1(",")
        first, last = part.split1("-")
        low = number_or_none(first)
        high = number_or_none(last) if last else low
        if low is None or high is None or low > high or high >= u64(MAX_CORES):
            return False
        mark(low, high, request)
    return request.cores > 0


def mark(first: u64, last: u64, request: Request) -> None:
    for core in range(first, last + 1):
        if not marked[core]:
            marked[core] = True
            request.cores += 1


def provision_all(pid: i32, request: Request) -> i32:
    status: i32 = 0
    for core in range(MAX_CORES):
        if marked[core]:
            status = max(status, provision(pid, request.kind, core))
    if pid != 0 and status == 0:
        sys_poke_ksched(pid, Resource.CORES)
    return status


def provision(pid: i32, kind: Resource, core: u32) -> i32:
    try:
        sys_provision(pid, kind, core)
    except Error as e:
        name = text(20)
        name.write(f"core {core}")
        return complain_about(name.view, e.message)
    return 0


def start(words: Span[str], request: Request) -> i32:
    """Run a program that has its guarantees from its first instruction on; its status."""
    command = Command(words=words)
    if not command.is_found(USAGE):
        return command.status
    try:
        pid = command.create()
        status = provision_all(pid, request)
        if status != 0:
            kill(pid)
            wait(pid)
            return status
        run(pid)
        return wait(pid)
    except Error as e:
        return complain_about(words[0], e.message)


def show() -> i32:
    """A line for each core: to whom it is guaranteed, and who uses it."""
    content = read_file("/proc/cores")
    rest: str = content
    while len(rest) > 0:
        line, rest = rest.split1("\n")
        core, at = next_field(line, 0)
        for _ in range(3):
            skipped, at = next_field(line, at)
        used, at = next_field(line, at)
        owner, at = next_field(line, at)
        out.print(f"core {core:>3} provisioned to {owner:>5}, used by {used:>5}\n")
    out.flush()
    discard(content)
    return 0

# SPDX-License-Identifier: LGPL-2.1-or-later
"""Words for system calls: three out of four are what the declaration asks for, by the argument's name and type; else near anything.

Where memory is asked for there are two places. `stage` is this program's own and holds what looks right: paths, structures whose fields
are plausible, event queues with mailboxes of each kind. The *playground* is pages that come and go: whatever the fuzzer maps, protects and
unmaps, it does there, and a second thread does so meanwhile.
All follows from `Random.state`: the same seed gives the same words.
"""

from lang import Array, Span, Uaddr, addr_of, array, as_bytes, copy_bytes, i32, struct, u8, u16, u32, u64, wrap
from kern.abi.call_model import WordKind, WordModel
from kern.abi.event import EventMailbox, EventMsg, EventQueue
from kern.abi.file import FdPair, OpenMode, SpawnArgs, StatChange
from kern.abi.proc import PROCDATA_ADDR, PROCINFO_ADDR, USER_STACK_TOP, USER_TOP
from kern.abi.tap import TapCommand, TapFilter, TapRequest
from kern.abi.time import TimeSpec

KERNEL: u64 = 0xFFFF_8000_0000_0000
PLAYGROUND: u64 = 0x0021_0000_0000
PLAY_PAGES: u64 = 64
NOWHERE: u64 = 0x0050_0000_0000             # nothing of the program's is mapped from here on
PAGE: u64 = 4096
STAGE: u64 = 16384
SECOND: u64 = STAGE // 2                    # where in the stage a call's second path is,
THINGS: u64 = STAGE // 4                    # ... and what is no path
QUEUES: u64 = 8
CHILDREN: u64 = 8
PATHS: Array[str] = (
    "a",
    "b",
    "c",
    "dir",
    "dir/a",
    "dir/b",
    "dir/dir",
    "dir/a/x",
    ".",
    "..",
    "/",
    "",
    "/bin",
    "/bin/true",
    "/bin/true/x",
    "/bin/hello",
    "/none/x",
    "/none",
    "/dev/null",
    "/dev",
    "/proc",
    "/proc/1/status",
    "/proc/1/maps",
    "/tmp",
    "#mem/free",
    "#none",
    "#random/urandom",
    "/etc",
    "/bin/nothing",
    "/proc/99999/status",
    "#kprof/sleepers",
    "#sched/diag",
    "/dev/zero",
    "link",
    "dir/link",
    "link/a",
    "link/../b",
    "../c",
)
RUNNABLE: Array[str] = ("/bin/true", "/bin/hello")
STARTS = ("proc_create", "exec")            # calls that are about a program
ANYBODY: Array[i32] = (-1, 0, 99999, 32767, -5, 2147483647)


@struct
class Random:
    state: u64

    def next(self) -> u64:
        """The next number of the sequence (xorshift)."""
        x = self.state
        x = x ^ (x << 13)
        x = x ^ (x >> 7)
        x = x ^ (x << 17)
        self.state = x
        return x

    def below(self, n: u64) -> u64:
        return (self.next() >> 8) % n

    def one_in(self, n: u64) -> bool:
        return self.below(n) == 0


@struct
class Family:
    """Processes that a call may be about: nobody else's."""

    me: i32
    children: Array[i32] = array(CHILDREN)
    count: u64

    def add(self, pid: i32) -> None:
        self.children[self.count % CHILDREN] = pid
        self.count += 1


@struct(align=64)
class Values:
    """One thread's."""

    random: Random
    family: Family
    wrecks: bool                            # whether it may end itself by its calls
    other_call: u64                         # the address of a structure that is under way, or was
    mailboxes: Array[EventMailbox] = array(4)
    queues: Array[EventQueue] = array(QUEUES)
    stage: Array[u8] = array(STAGE)


def argument(v: Values, call: str, words: Span[WordModel], i: u64, before: u64) -> u64:
    """The i'th word of a call; `before` is the one before it."""
    model = words[i]
    if v.random.one_in(5) and not is_dangerous(v, model, before):
        return word(v)
    match model.kind:
        case WordKind.UNSIGNED:
            return unsigned(v, model, call)
        case WordKind.SIGNED:
            return wrap(u64, signed(v, call, model))
        case WordKind.BOOL:
            return v.random.below(2)
        case WordKind.MEMBER:
            return member(v, model, call)
        case WordKind.ADDRESS:
            return address(v, model)
        case WordKind.POINTER:
            return pointer(v, model, call)
        case WordKind.COUNT:
            return count(v, model, before)


def is_dangerous(v: Values, model: WordModel, before: u64) -> bool:
    """Where just any number might be somebody else's process, or memory that the program itself lives in."""
    if model.kind == WordKind.COUNT and before < PLAYGROUND:
        return not v.wrecks                 # the kernel would fill what is behind the stage
    return model.name == "pid" or model.name in ("addr", "length") and not v.wrecks


def unsigned(v: Values, model: WordModel, call: str) -> u64:
    match model.name:
        case "length" if call == "mmap" and v.random.one_in(16):
            return v.random.next() >> (v.random.below(16) + 8) | 1 << 40  # more than there can be: what there is, is for others too
        case "length":
            return v.random.below(8) * PAGE + (0 if v.random.one_in(2) else v.random.below(PAGE))
        case "pages":
            return v.random.below(PLAY_PAGES)
        case "usec":
            return v.random.below(300)
        case "permissions" | "mask":
            return v.random.below(0o1000)
        case _:
            return v.random.below(16) if v.random.one_in(2) else v.random.below(300)


def signed(v: Values, call: str, model: WordModel) -> i32:
    if model.name == "pid":
        return pid(v, call)
    if model.name == "dirfd" and not v.random.one_in(3):
        return -100
    if model.name == "exit_code":
        return i32(v.random.below(256))
    if v.random.one_in(8):
        return i32(v.random.below(200)) - 100
    return i32(v.random.below(14))


def pid(v: Values, call: str) -> i32:
    """The process itself, children of its, and such as there are not."""
    ends_it = call in ("kill", "proc_destroy") and not v.wrecks
    if v.family.count > 0 and not v.random.one_in(3):
        return v.family.children[v.random.below(min(v.family.count, CHILDREN))]
    if v.random.one_in(2) and not ends_it:
        return v.family.me
    found = ANYBODY[v.random.below(u64(len(ANYBODY)))]
    return 99998 if ends_it and found <= 0 else found


def member(v: Values, model: WordModel, call: str) -> u64:
    """Any of the bits; of the flags of a mapping, or a pipe, mostly such as make sense together."""
    if call == "pipe" and not v.random.one_in(4):
        return v.random.next() & u64(OpenMode.NONBLOCK | OpenMode.CLOEXEC)
    if model.of == "MapFlags" and not v.random.one_in(4):
        kind = u64(1) if v.random.one_in(4) else u64(2)
        return kind | (v.random.next() & 0x8030)
    return v.random.next() & model.bits


def address(v: Values, model: WordModel) -> u64:
    match model.name:
        case "addr":
            return playground_page(v)
        case "call":
            return v.other_call
        case "queue":
            return queue(v)
        case "msg":
            return 0 if v.random.one_in(2) else message(v)
        case _:
            return 0 if v.random.one_in(3) else place(v, 64)


def playground_page(v: Values) -> u64:
    page = PLAYGROUND + v.random.below(PLAY_PAGES) * PAGE
    match v.random.below(16):
        case 0 | 1:
            return 0
        case 2:
            return page + v.random.below(PAGE)
        case 3:
            return KERNEL + v.random.below(0x1000_0000)
        case 4:
            return USER_TOP - v.random.below(4) * PAGE
        case _:
            return page


def queue(v: Values) -> u64:
    """A queue into one of the mailboxes, or into a default one of a vcore, or into nonsense."""
    chosen = v.queues[v.random.below(QUEUES)]
    boxes = v.random.below(8)
    chosen.mbox = Uaddr(addr_of(v.mailboxes[boxes % 4]) if boxes < 4 else u64(0) if boxes < 7 else word(v))
    chosen.flags = wrap(u32, v.random.next() & 0x3FF)
    chosen.vcore = u32(v.random.below(6))
    if v.wrecks and v.random.one_in(8):
        scramble(v, as_bytes(v.mailboxes[boxes % 4]))
    v.mailboxes[boxes % 4].kind = u32(v.random.below(4))
    return addr_of(chosen)


def message(v: Values) -> u64:
    return put(v, as_bytes(EventMsg(ev_type=u16(v.random.below(64)), arg2=wrap(u32, v.random.next()), arg3=word(v))))


def put(v: Values, data: Span[u8], index: u64 = 0) -> u64:
    """As one of the elements that a call is given; returns where the first of them is."""
    start = THINGS + index * len(data)
    copy_bytes(v.stage[start : start + len(data)], data)
    return addr_of(v.stage) + THINGS


def pointer(v: Values, model: WordModel, call: str) -> u64:
    """To what looks like it, in the stage; or to wherever there is, or is not, memory."""
    if v.random.one_in(4):
        return place(v, u64(model.size))
    match model.of:
        case "str":
            return path(v, SECOND if model.name in ("new_path", "target") else u64(0), call)
        case "SpawnArgs":
            return spawn_args(v)
        case "TimeSpec":
            nsec = v.random.below(400_000) if not v.random.one_in(8) else v.random.next() >> 30
            return put(v, as_bytes(TimeSpec(sec=0, nsec=nsec)))
        case "EventMsg":
            return message(v)
        case "FdPair":
            for i in range(u64(4)):
                put(v, as_bytes(FdPair(first=i32(v.random.below(14)), second=i32(v.random.below(20)) - 1)), i)
        case "TapRequest":
            tap_requests(v)
        case "StatChange":
            return stat_change(v)
        case _:
            if v.random.one_in(4):
                scramble(v, v.stage[THINGS : THINGS + 256])
    return addr_of(v.stage) + THINGS


def path(v: Values, at: u64, call: str) -> u64:
    """At that place of the stage. The text's length is the word behind, which `count` finds."""
    room = v.stage[at : at + SECOND]
    if v.random.one_in(16):
        for i in range(u64(1200)):
            room[i] = u8(ord("/") if i % 100 == 0 else ord("x"))
        room[1200] = 0
    else:
        chosen = likely_path(v, call)
        copy_bytes(room[: len(chosen)], chosen)
        room[len(chosen)] = 0
    return addr_of(v.stage) + at


def likely_path(v: Values, call: str) -> str:
    """Mostly a program where one is asked for; and links are made that lead to themselves."""
    if call in STARTS and not v.random.one_in(4):
        return RUNNABLE[v.random.below(u64(len(RUNNABLE)))]
    if call == "symlink" and v.random.one_in(2):
        return "link"
    return PATHS[v.random.below(u64(len(PATHS)))]


def spawn_args(v: Values) -> u64:
    """Behind the structure stand its strings and its descriptors: of the child's first ones, mostly."""
    strings = THINGS + 1024
    copy_bytes(v.stage[strings : strings + 10], "true\0x=yz\0")
    fds = strings + 64
    for i in range(u64(3)):
        copy_bytes(v.stage[fds + i * 8 : fds + i * 8 + 8], as_bytes(FdPair(first=i32(v.random.below(14)), second=i32(i))))
    start = addr_of(v.stage)
    made = SpawnArgs(argc=1, envc=1, strings=start + strings, strings_len=10, fds=start + fds)
    made.nfds = u32(v.random.below(4)) if v.random.one_in(2) else 0
    made.flags = u32(v.random.below(2))
    put(v, as_bytes(made))
    if v.random.one_in(6):
        v.stage[THINGS + v.random.below(64)] = wrap(u8, v.random.next())
    return start + THINGS


def tap_requests(v: Values) -> None:
    for i in range(u64(3)):
        request = TapRequest(fd=i32(v.random.below(14)), command=u32(v.random.below(5)), filter=wrap(u32, v.random.next() & 0x7FF))
        if v.random.one_in(2):              # what a pipe tells of
            request.command = TapCommand.ADD
            request.filter = u32(TapFilter.READABLE | TapFilter.WRITABLE)
        request.ev_id = u32(v.random.below(64))
        request.queue = Uaddr(queue(v))
        put(v, as_bytes(request), i)


def stat_change(v: Values) -> u64:
    """Of one thing, or of any of them. The name stands behind the structure."""
    name = PATHS[v.random.below(4)]
    at = THINGS + 1024
    copy_bytes(v.stage[at : at + len(name)], name)
    fields = v.random.below(16) if v.random.one_in(3) else u64(1) << v.random.below(4)  # bits of StatField
    change = StatChange(fields=u32(fields), mode=u32(v.random.below(0o1000)), size=v.random.below(20_000), mtime_ns=v.random.next())
    change.name = addr_of(v.stage) + at
    change.name_len = len(name) if not v.random.one_in(8) else v.random.below(300)
    return put(v, as_bytes(change))


def count(v: Values, model: WordModel, before: u64) -> u64:
    """Of the elements behind the pointer."""
    at = before - addr_of(v.stage)
    if model.of == "str" and (at == 0 or at == SECOND):
        length: u64 = 0
        while v.stage[at + length] != 0:
            length += 1
        return length
    if model.size == 1:
        return v.random.below(3000) if not v.random.one_in(4) else v.random.below(16)
    return v.random.below(4)


def place(v: Values, size: u64) -> u64:
    """Memory that is there, that ends too early, that somebody is changing, or that is none."""
    start = PLAYGROUND + v.random.below(PLAY_PAGES) * PAGE
    match v.random.below(6):
        case 0:
            return start + PAGE - min(size, 8)  # across the end of a page
        case 1:
            return start + v.random.below(PAGE)
        case 2:
            return word(v)
        case _:
            return start


def scramble(v: Values, bytes: Span[u8]) -> None:
    for i in range(len(bytes)):
        if v.random.one_in(4):
            bytes[i] = wrap(u8, v.random.next())


def word(v: Values) -> u64:
    """A word that is likely to be near something that matters. Who must live on gets none of what it has to live with: the kernel would
    write there, as it is asked to, and a program whose locks are nonsense may wait forever."""
    match v.random.below(12):
        case 0:
            return 0
        case 1:
            return v.random.next()
        case 2:
            return v.random.below(16)
        case 3:
            return v.random.below(4096)
        case 4:
            return PLAYGROUND + v.random.below(PLAY_PAGES * PAGE)
        case 5:
            return PROCINFO_ADDR + v.random.below(65536)
        case 6:
            return PROCDATA_ADDR + v.random.below(65536) if v.wrecks else PROCINFO_ADDR - v.random.below(4096)
        case 7:
            return KERNEL + v.random.below(0x1000_0000)
        case 8:
            return USER_TOP - v.random.below(65536)
        case 9:
            return u64(0) - v.random.below(65536)
        case 10:
            return USER_STACK_TOP + 4096 - v.random.below(0x1_0000 if v.wrecks else u64(4096))
        case _:
            return (v.random.below(0x40_0000) << 12) + (0 if v.wrecks else NOWHERE)

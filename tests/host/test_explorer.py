# SPDX-License-Identifier: GPL-2.0-or-later
"""The interleaving explorer: it finds each of a set of seeded bugs, in so many words, and passes their right forms and the real units."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from compiler.driver import REPO
from compiler.host.explore import Explorer, constant_of, explore

FOLDER = "tests/host/explorer"

# Scenario: kind of failure, the thread that fails, a line that must be in its schedule.
SEEDED = {
    "seqlock_bugs.py": {
        "NoWriterBarrier": ("ASSERTION", "reader", "newer value"),
        "NoReaderBarrier": ("ASSERTION", "reader", "newer value"),
        "RelaxedEnd": ("ASSERTION", "reader", "newer value"),
    },
    "bugs.py": {
        "LostWakeup": ("DEADLOCK", "sleeper", "self.sleeping.store(1)"),
        "LostWakeupByReordering": ("DEADLOCK", "sleeper", "newer value"),
        "Aba": ("ASSERTION", "two", "self.head.cas(first, second)"),
        "LostNotification": ("ASSERTION", "check", "self.notif_disabled.store(0)"),
        "LostNotificationByReordering": ("ASSERTION", "check", "newer value"),
        "GetFromZero": ("ASSERTION", "finder", "self.count.add(1)"),
        "RelaxedPut": ("RACE", "last", "self.count.sub(1, order=RELAXED)"),
        "UnlockForgetsNewcomer": ("DEADLOCK", "two", "self.tail.cas(me, 0)"),
        "RelaxedLock": ("RACE", "two", "self.word.swap(1, order=RELAXED)"),
        "RelaxedPublication": ("RACE", "receiver", "self.box.store(1, order=RELAXED)"),
        "UsesFreed": ("FREED", "reader", "found.value"),
        "NeverEnds": ("LIVELOCK", "one", "self.turn.store"),
    },
}
UNITS = (
    "units.py",
    "crowds.py",
    "handover.py",
    "shortage.py",
    "turns.py",
    "lending.py",
    "parked.py",
    "events.py",
    "taken.py",
    "shooting.py",
    "files.py",
)
RIGHT = {"seqlock_bugs.py": ["Right"], "bugs.py": ["NoLostWakeup", "LateWaiter", "NoAba", "NoLostNotification"]}


@pytest.fixture(scope="module")
def explorers() -> dict[str, Explorer]:
    return {name: Explorer(f"{FOLDER}/{name}") for name in ("seqlock_bugs.py", "bugs.py", *UNITS)}


@pytest.mark.parametrize(("file", "name"), [(f, n) for f, names in SEEDED.items() for n in names])
def test_a_seeded_bug_is_found(explorers: dict[str, Explorer], file: str, name: str) -> None:
    kind, thread, line = SEEDED[file][name]
    result = explorers[file].explore(name, preemptions=3, stale_reads=3)
    assert result.failure is not None, f"{result}"
    assert (result.failure.kind, result.failure.thread) == (kind, thread)
    shown = result.failure.render()
    assert line in shown and f"{FOLDER}/{file}:" in shown


@pytest.mark.parametrize(("file", "name"), [(f, n) for f, names in RIGHT.items() for n in names])
def test_the_right_form_passes_every_schedule(explorers: dict[str, Explorer], file: str, name: str) -> None:
    assert explorers[file].explore(name, preemptions=3, stale_reads=3).raise_failure().complete


@pytest.mark.parametrize(("file", "name"), [(f, n) for f in UNITS for n in Explorer.names(f"{FOLDER}/{f}")])
def test_a_real_unit_passes_every_schedule(explorers: dict[str, Explorer], file: str, name: str) -> None:
    result = explorers[file].explore(name).raise_failure()
    print(result)
    assert result.complete


def test_every_scenario_is_expected_to_do_something() -> None:
    for file in ("seqlock_bugs.py", "bugs.py"):
        assert set(Explorer.names(f"{FOLDER}/{file}")) == set(SEEDED[file]) | set(RIGHT[file])


# A barrier or a step taken out of a real unit: module, the line, what it becomes, the scenario that must notice.
WEAKENED = [
    ("kern/sync/rcu.py", "            fence(SEQ_CST)\n", "            pass\n", "RcuReplacing"),
    ("kern/abi/seqcount.py", "        fence(RELEASE)\n", "        pass\n", "SeqCounting"),
    ("kern/abi/seqcount.py", "        fence(ACQUIRE) ", "        pass ", "SeqCounting"),
    ("kern/sync/spinlock.py", "self.word.store(0, order=RELEASE)", "self.word.store(0, order=RELAXED)", "Spinning"),
    ("user/parlib/mcs.py", "waiting.store(u32(0), order=RELEASE)", "waiting.store(u32(0), order=RELAXED)", "McsLocking"),
    ("kern/sync/poke.py", "if self.pokes.sub(seen) == seen:", "if self.pokes.swap(0) > 0:", "Poking"),
    ("kern/sync/checklist.py", "and_(~bit, order=RELEASE)", "and_(~bit, order=RELAXED)", "CheckingIn"),
    ("kern/sync/rwlock.py", "            self.written = writer is not None\n", "", "ReadersAndWriters"),
    ("kern/lib/bcq.py", "store(place + 1, order=RELEASE)", "store(place + 1, order=RELAXED)", "BoundedQueue"),
    ("kern/sync/atomics.py", "while seen != 0:", "while True:", "LastOneOut"),
    ("kern/sync/membar.py", "    fence(RELEASE)\n", "    pass\n", "MessagePassing"),
    ("kern/sync/membar.py", "    fence(ACQUIRE)\n", "    pass\n", "MessagePassing"),
    ("kern/sync/membar.py", "    fence(SEQ_CST)\n", "    pass\n", "StoreBuffering"),
    ("kern/sync/membar.py", "    fence(SEQ_CST)\n", "    pass\n", "IndependentReads"),
    ("kern/event/notify.py", "    if vcpd.notif_disabled.load() != 0:\n        return\n", "    return\n", "Notification"),
    (
        "kern/core/errand.py",
        "    errand.stops[core.mine.core_id].asked.store(False)\n    errand.fn()\n",
        "    errand.fn()\n    errand.stops[core.mine.core_id].asked.store(False)\n",
        "NotifiedAgain",
    ),
    (
        "kern/proc/yield_.py",
        "    if vcpd.notif_pending.load() != 0:\n        p.online.push_back(vc)\n        return False\n",
        "",
        "DeliveryAgainstYield",
    ),
    (
        "kern/proc/yield_.py",
        "    p.online.remove(vc)\n",
        "    entry.preempt_pending.store(0)\n    p.online.remove(vc)\n",
        "WarnedYield",
    ),
    (
        "kern/proc/change_vcore.py",
        "        if find_refusal(p, me, target) != Errno.OK:\n            return False\n",
        "",
        "PreemptionAgainstChange",
    ),
    (
        "kern/proc/run.py",
        "    while entry.nr_preempts_done.load() != preempts_sent:\n        relax()\n",
        "",
        "ChangeIntoTaken",
    ),
    ("kern/proc/preempt.py", "        if entry.nr_preempts_done.load() + 1 == entry.nr_preempts_sent.load():\n    ", "", "TakenTwice"),
    ("kern/proc/change_vcore.py", "    tell_lost(p, me, target)\n", "", "LostChange"),
    ("kern/proc/change_vcore.py", "    if p.is_mapped(target):\n        return Errno.EBUSY\n", "", "FinishedThere"),
    (
        "user/parlib/preempt.py",
        "    while change_vcore(vcore, rem, come_back_fresh) == u32(Errno.EAGAIN):\n        pass ",
        "    change_vcore(vcore, rem, come_back_fresh) ",
        "TakenWhoHelps",
    ),
    ("kern/event/ucq.py", "        make_writable(index)\n", "", "NoPageForSlots"),
    ("kern/event/ucq.py", "    with finishing:\n        fill(", "    fill(", "ForkedMeanwhile"),
    ("kern/event/ucq.py", "    with finishing:\n        if full", "    if True:\n        if full", "ForkedAtTheEnd"),
    ("kern/event/ceq.py", "with finishing: ", "if True: ", "ForkedCoalescing"),
    (
        "kern/event/ucq.py",
        '            store_u64(ucq + offsetof(Ucq, "prod_idx"), full + UCQ_SLOTS if full != 0 else 0)\n',
        "",
        "LastSlot",
    ),
    ("user/parlib/ucq.py", "        if prod == index:\n            return ", "        pass ", "LastSlot"),
    (
        "user/parlib/ucq.py",
        "    while is_on(page, prod := ucq.prod_idx.load()):",
        "    while page.next.load() == 0:\n        prod = ucq.prod_idx.load()",
        "TwoTakers",
    ),
    ("user/parlib/ucq.py", "wrap(u64, (old & ~PLACE) + TURN) | page", "page", "Overtaken"),
    (
        "user/parlib/ucq.py",
        "        if ucq.spare_page.cas(there, addr_of(first)):\n",
        "        ucq.spare_page.store(addr_of(first))\n        if first is not None:\n",
        "UsedAgain",
    ),
    (
        "kern/event/ucq.py",
        "store_u64(stock, rest if rest != 0 and cas_u64(spare, 0, rest) != 0 else 0)",
        "store_u64(spare, rest)",
        "UsedAgain",
    ),
    ("kern/event/ucq.py", "if e.errno != Errno.EFAULT:", "if e.errno != Errno.OK:", "PageGone"),
    ("kern/core/runqueue.py", "    if queue.count == 1 and is_about", "    if is_about", "TwoArrive"),
    ("kern/core/runqueue.py", "    else:\n        start_ticking()\n", "", "LongTurn"),
    ("kern/core/runqueue.py", "        enqueue(owner)\n    else:\n", "        pass\n    else:\n", "Granted"),
    ("kern/core/lending.py", "    if core.mine.owning_proc is not None:\n        limit_turn()\n", "    pass\n", "McpBehindScp"),
    ("kern/core/lending.py", "        mcp_turn = True\n", "        pass\n", "McpBehindScp"),
    ("kern/core/runqueue.py", "    lending.end_turn()\n", "", "ScpBehindMcp"),
    ("kern/core/lending.py", "    mcp_turn = False\n    return lend()", "    return lend()", "OneOfEachForEver"),
    ("kern/core/lending.py", "        move_to_tail(owner)\n", "        pass\n", "TwoMcps"),
    ("kern/core/lending.py", "    if alloc.idle_count() == 0:\n        limit_turn()\n", "", "TwoMcps"),
    ("kern/core/sched.py", "    lending.lend()\n", "    pass\n", "TwoMcps"),
    ("kern/ns/byte_queue.py", "waits = not (call.aborted or is_given_up) and (", "waits = (", "AbortOfOne"),
    ("kern/ns/byte_queue.py", "is_given_up = must_give_up(call)", "is_given_up = False", "AbortOfOne"),
    (
        "kern/ns/byte_queue.py",
        "(self.writers > 0 if is_empty else self.reading.load(order=RELAXED))",
        "self.writers > 0",
        "ParkAgainstWrite",
    ),
    (
        "kern/syscall/parked.py",
        "    with call.queue.cv.lock.irqs_off():\n        call.aborted",
        "    if True:\n        call.aborted",
        "ParkAgainstAbort",
    ),
    ("kern/syscall/parked.py", "        if not call.link.linked:\n            return False\n", "", "ParkAgainstAbort"),
    ("kern/ns/byte_queue.py", "            proc_get(call.proc) ", "            pass ", "ProcessDeath"),
    ("kern/ns/byte_queue.py", "        if is_writer:\n            self.serve_parked()\n", "", "LastWriterGone"),
    ("kern/ns/byte_queue.py", "None if self.parked.is_empty() else self.next_parked()", "None", "LastWriterGone"),
    (
        "kern/ns/byte_queue.py",
        "                self.end_read(moved)\n                self.serve_parked()\n",
        "                self.end_read(moved)\n",
        "TwoReads",
    ),
    (
        "kern/ns/byte_queue.py",
        "        call.make_anew()\n        return False\n    call.io",
        "        call.answer()\n        return False\n    call.io",
        "BufferNotThere",
    ),
    ("kern/mm/shootdown.py", "    mmu.outdate(p.space) ", "    pass ", "Left"),
    ("kern/mm/shootdown.py", "    fence(SEQ_CST)                          # our page", "    pass  # our page", "Visited"),
    (
        "kern/mm/shootdown.py",
        "            await_core(target)\n\n\ndef flush_kernel",
        "            pass\n\n\ndef flush_kernel",
        "Visited",
    ),
    ("kern/mm/shootdown.py", "    pause()\n    serve_flush()\n", "    pause()\n", "Both"),
    (
        "kern/core/current.py",
        "    mmu.load(p.space)\n    cpu.irqs_restore(saved)\n    if old",
        "    cpu.irqs_restore(saved)\n    if old",
        "Visited",
    ),
    ("kern/ns/chan.py", "e.errno != Errno.EEXIST or is_new:", "e.errno == Errno.EEXIST or is_new:", "Creating"),
    ("kern/ns/chan.py", "e.errno != Errno.EEXIST or is_new:", "e.errno == Errno.EEXIST or is_new:", "CreatingWhatGoes"),
    ("kern/event/ceq.py", 'store_u32(ceq + offsetof(Ceq, "ring_overflowed"), 1)', "pass", "Coalescing"),
    ("user/parlib/ceq.py", "    event.posted.store(u32(0))\n", "", "Coalescing"),
]


@pytest.mark.parametrize(("module", "line", "instead", "name"), WEAKENED)
def test_a_real_unit_without_one_of_its_barriers_or_steps_fails(tmp_path: Path, module: str, line: str, instead: str, name: str) -> None:
    text = (REPO / module).read_text()
    assert line in text, f"{module} has changed: what is to be taken out of it now?"
    weak = tmp_path / module.removeprefix("user/")
    weak.parent.mkdir(parents=True, exist_ok=True)
    weak.write_text(text.replace(line, instead))
    file = next(f for f in UNITS if name in Explorer.names(f"{FOLDER}/{f}"))
    folders = constant_of(REPO / FOLDER / file, "STAND_INS")
    over = [tmp_path, *([folders] if isinstance(folders, str) else folders)]
    # What REAL names would be left alone, the weak one too.
    named = weak.relative_to(tmp_path).with_suffix("").as_posix().replace("/", ".")
    scenarios = tmp_path / file
    scenarios.write_text((REPO / FOLDER / file).read_text().replace(f'"{named}"', '"nothing"'))
    assert explore(scenarios, name, over=over).failure is not None


STORE_BUFFERS = '''
"""The classic litmus tests: what may be seen, and what not."""

from lang import ACQUIRE, RELAXED, RELEASE, SEQ_CST, Atomic, fence, struct, u32


@struct
class Litmus:
    x: Atomic[u32]
    y: Atomic[u32]
    a: Atomic[u32]
    b: Atomic[u32]
    c: Atomic[u32]
    d: Atomic[u32]
BODY
'''
SB = """
    def thread_one(self) -> None:
        self.x.store(1, order=STORE)
        FENCE
        self.a.store(self.y.load(order=LOAD))

    def thread_two(self) -> None:
        self.y.store(1, order=STORE)
        FENCE
        self.b.store(self.x.load(order=LOAD))

    def check(self) -> None:
        assert self.a.load() + self.b.load() > 0
"""
MP = """
    def thread_one(self) -> None:
        self.x.store(1, order=RELAXED)
        self.y.store(1, order=STORE)

    def thread_two(self) -> None:
        self.a.store(self.y.load(order=LOAD))
        self.b.store(self.x.load(order=RELAXED))

    def check(self) -> None:
        assert self.a.load() <= self.b.load()
"""
COHERENCE = """
    def thread_one(self) -> None:
        self.x.store(1, order=RELAXED)
        self.x.store(2, order=RELAXED)

    def thread_two(self) -> None:
        self.a.store(self.x.load(order=RELAXED))
        self.b.store(self.x.load(order=RELAXED))

    def check(self) -> None:
        assert self.a.load() <= self.b.load()
"""
IRIW = """
    def thread_one(self) -> None:
        self.x.store(1, order=STORE)

    def thread_two(self) -> None:
        self.y.store(1, order=STORE)

    def thread_three(self) -> None:
        self.a.store(self.x.load(order=LOAD))
        self.b.store(self.y.load(order=LOAD))

    def thread_four(self) -> None:
        self.c.store(self.y.load(order=LOAD))
        self.d.store(self.x.load(order=LOAD))

    def check(self) -> None:
        assert not (self.a.load() == 1 and self.b.load() == 0 and self.c.load() == 1 and self.d.load() == 0)
"""


@pytest.mark.parametrize(
    ("body", "store", "load", "between", "allowed"),
    [
        (SB, "RELAXED", "RELAXED", "pass", True),
        (SB, "RELEASE", "ACQUIRE", "pass", True),
        (SB, "SEQ_CST", "SEQ_CST", "pass", False),
        (SB, "RELAXED", "RELAXED", "fence(SEQ_CST)", False),
        (SB, "RELAXED", "RELAXED", "fence(ACQ_REL)", True),
        (SB, "SEQ_CST", "RELAXED", "pass", True),
        (MP, "RELAXED", "ACQUIRE", "pass", True),
        (MP, "RELEASE", "RELAXED", "pass", True),
        (MP, "RELEASE", "ACQUIRE", "pass", False),
        (COHERENCE, "", "", "pass", False),
        (IRIW, "RELEASE", "ACQUIRE", "pass", True),
        (IRIW, "SEQ_CST", "SEQ_CST", "pass", False),
    ],
)
def test_memory_is_as_weak_as_the_language_says_and_no_weaker(
    tmp_path_factory: pytest.TempPathFactory, body: str, store: str, load: str, between: str, allowed: bool
) -> None:
    text = STORE_BUFFERS.replace("BODY", body).replace("STORE", store or "RELAXED").replace("LOAD", load or "RELAXED")
    path = tmp_path_factory.mktemp("litmus") / "litmus.py"
    path.write_text(text.replace("FENCE", between).replace("RELEASE, SEQ_CST", "RELEASE, ACQ_REL, SEQ_CST"))
    result = explore(path, "Litmus", preemptions=2, stale_reads=2)
    assert (result.failure is not None) == allowed, str(result)


def test_a_failing_schedule_is_replayed_wherever_it_was_found(explorers: dict[str, Explorer]) -> None:
    """In another process' explorer, too, which has not searched: the same steps, to the same failure."""
    again = Explorer(f"{FOLDER}/bugs.py")
    for name in SEEDED["bugs.py"]:
        failure = explorers["bugs.py"].explore(name, preemptions=3, stale_reads=3).failure
        assert failure is not None
        replayed = again.replay(name, failure.choices).failure
        assert replayed is not None and (replayed.kind, replayed.thread, replayed.choices) == (
            failure.kind,
            failure.thread,
            failure.choices,
        )
        assert [(s.thread, s.file, s.line) for s in replayed.schedule] == [(s.thread, s.file, s.line) for s in failure.schedule]


@pytest.mark.parametrize(
    ("choices", "why"),
    [
        ("", "begins with its bounds"),
        ("2+2+3:", "no choice"),
        ("2+2+3:2/2", "no choice"),
        ("2+2+3:0/2*99999", "more than a run has"),
        ("2+2+3:0/9", "other choices to make"),
        ("2+2+900:0/2", "share less"),
    ],
)
def test_what_is_no_schedule_is_refused(explorers: dict[str, Explorer], choices: str, why: str) -> None:
    with pytest.raises(ValueError, match=why):
        explorers["bugs.py"].replay("NoLostWakeup", choices)


def test_the_command_shows_the_schedule() -> None:
    def command(*args: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run([sys.executable, "-m", "compiler", "explore", *args], cwd=REPO, capture_output=True, text=True, timeout=300)

    found = command(f"{FOLDER}/bugs.py", "--test", "LostWakeup")
    assert found.returncode == 1
    assert "`sleeper` waits for what nobody will ever do" in found.stdout and "bugs.py:" in found.stdout
    schedule = re.search(r"--test (LostWakeup@\S+)", found.stdout)
    assert schedule
    again = command(f"{FOLDER}/bugs.py", "--test", schedule[1])
    assert again.returncode == 1 and "1 schedules (failed)" in again.stdout and "--test" not in again.stdout
    steps = found.stdout[found.stdout.index("`sleeper`") : found.stdout.index("to see it again")].strip()
    assert steps in again.stdout
    assert command(f"{FOLDER}/bugs.py", "--test", "LostWakeup@1+1+0:x").returncode == 2
    assert command(f"{FOLDER}/bugs.py", "--test", "NoLostWakeup", "--preemptions", "1").returncode == 0
    listed = command(f"{FOLDER}/bugs.py", "--list")
    assert "LostWakeup" in listed.stdout and "wake-up in between" in listed.stdout
    wrong = command(f"{FOLDER}/bugs.py", "--test", "Nothing")
    assert wrong.returncode == 2 and "it has LostWakeup" in wrong.stdout

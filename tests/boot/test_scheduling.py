# SPDX-License-Identifier: GPL-2.0-or-later
"""Who gets which core, when, and for how long: vcores by order, guarantees, policies, turns, deaths."""

import re
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from scripts.qemu import Ending, Settings
from tests.boot.conftest import TEST_OPTIONS, Pool
from tests.boot.guest import Guest
from tests.boot.test_cores import on_cores
from tests.boot.test_proc import end, states, unit_tests

smp4 = pytest.mark.xdist_group("smp4")
LAB = {
    "max_vcores": ["proc-18"],
    "single_core_yields": ["proc-22", "sys-11"],
    "request": ["proc-19", "proc-21", "sys-29"],
    "newest_first": ["proc-17"],
    "yield_table": ["proc-22", "sys-11"],
    "warning": ["proc-23"],
    "change_vcore": ["proc-26", "sys-12"],
    "notify": ["proc-27", "proc-28", "sys-25"],
    "contexts": ["core-08"],
    "entries": ["core-07"],
    "migration": ["core-09"],
    "mailboxes": ["event-08", "event-18"],
    "pop_ctx": ["sys-33"],
    "halt": ["proc-29", "sys-26"],
    "accounting": ["proc-16", "proc-30"],
    "preempt_all": ["proc-24", "proc-40"],
    "storm": ["proc-25"],
}


@pytest.mark.xdist_group("smp4")
@pytest.mark.parametrize("name", unit_tests("lab", LAB))
def test_vcores_by_order(guest: Guest, name: str) -> None:
    answer = guest.run(f"utest {name}", 120)
    assert answer.status == 0 and re.search(rf"^PASSED {name} ", answer.output, re.MULTILINE), answer.output


def story_of_the_readme() -> list[tuple[str, str]]:
    """The commands of README's transcript about cores that change hands, each with what it prints."""
    text = (Path(__file__).parents[2] / "README.md").read_text(encoding="utf-8")
    block = text.split("<!-- cores change hands -->")[1].split("<!-- end -->")[0]
    lines = [line.removeprefix("    ") for line in block.strip("\n").split("\n")]
    story: list[tuple[str, str]] = []
    for line in lines:
        if line.startswith("pykaros$ "):
            story.append((line.removeprefix("pykaros$ "), ""))
        elif line and story:
            story[-1] = (story[-1][0], story[-1][1] + line + "\n")
    return story


@pytest.mark.feature("proc-32", "proc-33")
@pytest.mark.xdist_group("story")
def test_the_story_of_the_readme_happens(fresh: Callable[[Settings], Guest], arch: str) -> None:
    """On a machine just booted the commands print just what README says, but for the numbers of the processes."""
    story = story_of_the_readme()
    assert len(story) >= 4
    told = without_pids("".join(f"{command}\n{printed}" for command, printed in story))
    for _ in range(3):  # it sleeps for half a second here and there, in which a loaded host may not get far enough
        guest = fresh(Settings(arch=arch, smp=4, append=TEST_OPTIONS))
        happened = without_pids("".join(f"{command}\n{guest.run(command).output}" for command, _ in story))
        if happened == told:
            return
        guest.close()
    assert happened == told


def without_pids(text: str) -> str:
    """Each process' number is replaced by a letter, in the order in which they come."""
    names: dict[str, str] = {}

    def name(found: re.Match[str]) -> str:
        return found[1] + names.setdefault(found[2], chr(ord("A") + len(names)))

    return re.sub(r"(process |used by +|^\[1\] )(\d+)", name, text, flags=re.MULTILINE)


@smp4
@pytest.mark.feature("proc-34", "sys-21", "proc-33")
def test_prov_shows_takes_back_and_death_takes_back(guest: Guest) -> None:
    guest.output("hold 1 > /dev/null &")
    pid = states(guest)["hold"][1]
    guest.output(f"prov -t c -v 1-2,3 -p {pid}; prov -v 2 -p 0")
    assert re.findall(r"provisioned to +(\S+),", guest.output("prov -s")) == ["-", pid, "-", pid]
    end(guest, "hold")
    guest.until("prov -s", r"\Acore   0 provisioned to     -, used by     -\ncore   1 provisioned to     -, used by     -\n")
    assert re.findall(r"provisioned to +(\S+),", guest.output("prov -s")) == ["-"] * 4


@smp4
@pytest.mark.feature("core-06", "proc-20", "sys-21", "proc-33")
def test_prov_is_refused_what_cannot_be_guaranteed(guest: Guest) -> None:
    for words in ("-v 0 -p 1", "-v 77 -p 1", "-t m -v 1 -p 1", "-v 1 -p 31999", "-p 1", "-v x -p 1", ""):
        answer = guest.run(f"prov {words}")
        assert answer.status != 0 and answer.output, words
    assert guest.run("prov -v 2-3 -c sh -c 'exit 7'").status == 7
    assert guest.run("prov -m -- nosuchprogram").status == 127


def scps(guest: Guest, name: str) -> tuple[dict[str, str], list[str]]:
    """Of the single-core processes of that name: those that have a core, and which; and those that wait for one."""
    pids = re.findall(rf"^ *(\d+) .* {name}$", guest.output("ps"), re.MULTILINE)
    shown = guest.output("cat '#sched/diag'")
    running = {pid: core for pid, core in re.findall(r" (\d+)@(\d+)", shown) if pid in pids}
    return running, [pid for pid in re.findall(r"^runnable:(.*)$", shown, re.MULTILINE)[0].split() if pid in pids]


def cpu_ms(guest: Guest, pid: str) -> tuple[int, int]:
    """Milliseconds that a process has run, and how old it is."""
    shown = guest.output(f"cat /proc/{pid}/status")
    return int(re.findall(r"^cpu_ms: (\d+)$", shown, re.MULTILINE)[0]), int(re.findall(r"^age_ms: (\d+)$", shown, re.MULTILINE)[0])


def kill_all(guest: Guest, *names: str) -> None:
    pids = " ".join(re.findall(rf"^ *(\d+) .* (?:{'|'.join(names)})$", guest.output("ps"), re.MULTILINE))
    guest.output(f"kill {pids}; wait {pids}; true")


@smp4
@pytest.mark.feature("core-06", "proc-31")
def test_single_core_processes_run_at_once_on_as_many_cores(guest: Guest) -> None:
    """Each of the two is on its core for nearly all of the time; on one core they would have half of it each."""
    guest.output("spin & spin &")
    deadline = time.monotonic() + 60
    while True:
        assert time.monotonic() < deadline, f"they never had a core each for most of a second:\n{guest.report()}"
        running, waiting = scps(guest, "spin")
        before = {pid: cpu_ms(guest, pid) for pid in running}
        guest.output("sleep 1")
        after = {pid: cpu_ms(guest, pid) for pid in running}
        if len(set(running.values())) == 2 and not waiting:
            if all(ran - before[pid][0] > 0.7 * (age - before[pid][1]) for pid, (ran, age) in after.items()):
                break
    kill_all(guest, "spin")


@smp4
@pytest.mark.feature("core-06", "proc-31", "proc-37")
def test_single_core_processes_leave_a_core_that_is_granted(guest: Guest) -> None:
    """Four fill all cores. A many-core process gets three: what ran there takes turns on core 0, until it ends."""
    guest.output("spin & spin & spin & spin & hold 3 > /tmp/held &")
    guest.until("cat /tmp/held", "has cores 1 2 3")
    running, waiting = scps(guest, "spin")
    assert set(running.values()) <= {"0"} and len({*running, *waiting}) == 4, (running, waiting)
    pids = [*running, *waiting]
    before = {pid: cpu_ms(guest, pid)[0] for pid in pids}
    deadline = time.monotonic() + 30
    while min(cpu_ms(guest, pid)[0] - before[pid] for pid in pids) < 30:
        assert time.monotonic() < deadline, "one gets no turns"
    assert all(core == "0" for core in scps(guest, "spin")[0].values())
    kill_all(guest, "hold")
    deadline = time.monotonic() + 30
    while len(set(scps(guest, "spin")[0].values())) < 3:
        assert time.monotonic() < deadline, "they do not spread"
    kill_all(guest, "spin")
    guest.output("rm /tmp/held")


@pytest.mark.feature("core-06", "proc-31", "proc-37")
@on_cores(1, 4, 8)
def test_single_core_processes_lose_nothing_on_their_way_from_core_to_core(boot: Callable[[int], Guest], smp: int) -> None:
    answer = boot(smp).run("utest moves", 120)
    assert answer.status == 0 and answer.output.count("PASSED moves.") == 2, answer.output


@on_cores(1)
def test_who_takes_vcores_needs_a_core_to_do_it_on(boot: Callable[[int], Guest], smp: int) -> None:
    answer = boot(smp).run("storm -n 1")
    assert answer.status == 2 and "single core" in answer.output


@smp4
@pytest.mark.feature("proc-31", "proc-39")
def test_a_hundred_single_core_processes_end_and_leave_nothing(guest: Guest) -> None:
    """A hundred at once, each a pipeline's worth of work, while a many-core process takes cores from them and gives them back."""
    crowd = "for i in $(seq 100); do seq 1 300 | tail -n 1 > /tmp/last$i & done; for i in 1 2 3 4 5; do hold 2 0.1 > /dev/null; done; wait"
    guest.output(f"echo '{crowd}' > /tmp/crowd; sh /tmp/crowd; rm /tmp/last*", 120)
    before = free_kib(guest)
    guest.output("sh /tmp/crowd", 120)
    assert guest.output("cat /tmp/last* | sort | uniq -c").split() == ["100", "300"]
    guest.output("rm /tmp/last* /tmp/crowd")
    guest.until("cat '#sched/diag'", r"^runnable:\nmcps:\nidle:( \d){3}$")
    assert len(states(guest)) == 2, "more than the shell and ps"
    assert any(before - free_kib(guest) < 1024 for _ in range(50)), "memory"


@smp4
@pytest.mark.feature("proc-31", "proc-35")
def test_the_scheduler_shows_its_lists(guest: Guest) -> None:
    guest.until("cat '#sched/diag'", r"^idle:( \d){3}$")
    guest.output("echo sort > '#sched/ctl'")
    assert "policy: first\n" in (shown := guest.output("cat '#sched/diag'")) and "idle: 1 2 3\n" in shown
    deadline = time.monotonic() + 60
    while True:  # a core that comes to be idle after `next` is before it in the list
        guest.output("echo next 3 > '#sched/ctl'; hold 1 > /tmp/held &")
        if guest.until("cat /tmp/held", r"has core (\d)")[1] == "3":
            break
        assert time.monotonic() < deadline, "the core that is to be next never is"
        end(guest, "hold")
        guest.until("cat '#sched/diag'", r"^idle:( \d){3}$")
    guest.output("spin &")
    shown = guest.output("cat '#sched/diag'")
    running = states(guest)
    assert f"mcps: {running['hold'][1]}\n" in shown and re.search(r"^idle: (1 2|2 1)$", shown, re.MULTILINE), shown
    assert re.search(rf"^running:.* {running['spin'][1]}@[012]\b.*\nrunnable:\n", shown, re.MULTILINE), shown
    for command in ("next 3", "next 0", "next 99", "dance"):
        assert guest.run(f"echo {command} > '#sched/ctl'").status != 0, command
    end(guest, "hold", "spin")
    guest.until("cat '#sched/diag'", r"^idle:( \d){3}$")
    guest.output("rm /tmp/held")


@pytest.mark.feature("proc-36", "boot-20", "boot-21")
@pytest.mark.xdist_group("sockets")
def test_packed_cores_on_two_sockets(pool: Pool, arch: str) -> None:
    """Two nodes of four cores each: two processes begin on different ones, and then get what is near."""
    words: list[str] = ["-smp", "8,sockets=2,cores=2,threads=2" if arch == "x86_64" else "8"]
    for node in range(2):
        words += ["-object", f"memory-backend-ram,id=m{node},size=512M"]
        words += ["-numa", f"node,nodeid={node},cpus={4 * node}-{4 * node + 3},memdev=m{node}"]
    begin = "hold 2 > /tmp/{0} & while ! grep -q 'cores . .' /tmp/{0}; do sleep 0.1; done"
    run = f"cat '#sched/topology'; {begin.format('a')}; {begin.format('b')}; tail -n 1 /tmp/a; tail -n 1 /tmp/b; grep policy '#sched/diag'"
    append = f'{TEST_OPTIONS} cores_policy=packed run="{run}"'
    machine = pool.machine(f"{arch}-sockets", Settings(arch=arch, smp=8, append=append, extra=tuple(words)))
    assert machine.wait(60) == (Ending.STATUS, 0)
    shown = machine.seen()
    places = [tuple(map(int, found)) for found in re.findall(r"^(\d) (\d) (\d) (\d)\r?$", shown, re.MULTILINE)]
    per_processor = 2 if arch == "x86_64" else 1
    assert places == [(core, core // 4, core // 4, core // per_processor) for core in range(8)], shown
    first, second = (list(map(int, found.split())) for found in re.findall(r"has cores ([\d ]+)", shown))
    assert "policy: packed" in shown
    # Core 0 has the single-core processes, so the first goes to the other node.
    assert {core // 4 for core in first} == {1} and {core // 4 for core in second} == {0}
    if arch == "x86_64":
        assert first[0] // 2 == first[1] // 2, "the nearest is the other thread of the same processor"


@smp4
@pytest.mark.feature("proc-37")
def test_two_spinning_processes_get_half_each(guest: Guest) -> None:
    guest.output("hold 3 > /tmp/held &")
    guest.until("cat /tmp/held", "has cores 1 2 3")  # so there is one core for both
    guest.output("spin & spin &")
    deadline = time.monotonic() + 60  # a turn in which the host stops the emulator counts whole, so shares even out only in time
    times = [0, 0]
    while sum(times) <= 500 or min(times) <= 0.35 * sum(times):
        assert time.monotonic() < deadline, times
        guest.output("sleep 0.5")
        times = [int(ms) for ms in re.findall(r"^ *\d+ +\d+ +\w+ +SCP +\d+ +(\d+) +\d+ spin$", guest.output("ps"), re.MULTILINE)]
    kill_all(guest, "spin", "hold")
    guest.output("rm /tmp/held")
    assert len(times) == 2


@smp4
@pytest.mark.feature("proc-38")
def test_a_single_core_process_is_woken_from_another_core_at_once(guest: Guest) -> None:
    answer = guest.run("utest wake", 60)
    assert answer.status == 0 and "PASSED wake.latency" in answer.output, answer.output


@smp4
@pytest.mark.feature("proc-41", "proc-42", "proc-43", "boot-17")
def test_procinfo_shows_every_field(guest: Guest) -> None:
    shown = dict(re.findall(r"^([\w\[\]]+): (.*)$", guest.output("procinfo; date +%s"), re.MULTILINE))
    assert shown["max_vcores"] == "3" and shown["is_mcp"] == "0" and int(shown["pid"]) > int(shown["ppid"]) == 1
    assert shown["core_count"] == "4" and int(shown["tsc_freq"]) > 1_000_000 and int(shown["bus_freq"]) > 1_000_000
    assert int(shown["timing_overhead"]) < 100_000 and int(shown["cpu_features"], 16) != 0
    assert (int(shown["extended_state"], 16) & 3) == (3 if guest.settings.arch == "x86_64" else 0)
    here = re.search(r"pcoreid (\d+)", shown["vcoremap[0]"])[1]
    assert "valid 1" in shown["vcoremap[0]"] and shown[f"pcoremap[{here}]"] == "vcoreid 0, valid 1"
    assert shown["res_req[CORES]"].startswith("wanted 0") and "res_grant[APPLE_PIES]" in shown
    assert "entry 0x" in shown["vcores[0]"] and "of" in shown["kernel_evts"]
    assert abs(int(shown["time"]) - time.time()) < 30


@smp4
@pytest.mark.feature("proc-04")
def test_any_process_may_end_any_other(guest: Guest) -> None:
    """An orphan of somebody else's; and nobody."""
    guest.output("sh -c 'spin & true'")
    pid = states(guest)["spin"][1]
    assert "ppid: 0" in guest.output(f"cat /proc/{pid}/status")
    guest.output(f"kill {pid}")
    guest.wait_until_gone("ps", "spin")
    assert "no process" in guest.run("kill 31999").output


def free_kib(guest: Guest) -> int:
    return next(int(line.split()[-1]) for line in guest.output("free").splitlines() if line.startswith("KiB"))


@smp4
@pytest.mark.feature("proc-39")
def test_a_process_with_a_hundred_blocked_calls_leaves_nothing_behind(guest: Guest) -> None:
    guest.output("block 100 2000")  # the stacks that are kept for the next who blocks
    before = free_kib(guest)
    for _ in range(3):
        guest.output("block 100 60000 &")
        guest.until(f"grep -c . /proc/{states(guest)['block'][1]}/blocked", r"^(1\d\d)$")
        end(guest, "block")
        guest.wait_until_gone("ps", "block")
    guest.until("cat '#sched/diag'", r"^idle:( \d){3}$")
    assert any(before - free_kib(guest) < 512 for _ in range(50)), (before, free_kib(guest))


@smp4
@pytest.mark.feature("proc-39")
def test_a_storm_of_deaths_gives_all_cores_back(guest: Guest) -> None:
    """A hundred many-core processes, each killed while it asks for cores, has them, or loses them to the next."""
    pair = "hold 3 > /dev/null & a=$!; hold 2 > /dev/null & b=$!; prov -v 2 -p $b; kill $a; kill $b"
    guest.output(f"echo 'for i in $(seq 1 $1); do {pair}; done; wait' > /tmp/storm; sh /tmp/storm 3; echo")
    before = free_kib(guest)
    guest.run("sh /tmp/storm 50", 180)  # a shell of its own: its children are nobody's when it ends
    guest.output("rm /tmp/storm")
    guest.until("cat '#sched/diag'", r"^mcps:\nidle:( \d){3}$")
    assert re.findall(r"provisioned to +(\S+),", guest.output("prov -s")) == ["-"] * 4
    assert any(before - free_kib(guest) < 1024 for _ in range(50)), "memory"
    assert "20 threads finished" in guest.output("threads 20 3", 60)


@smp4
@pytest.mark.feature("core-01")
def test_coreinfo_shows_what_each_core_does(guest: Guest) -> None:
    guest.output("hold 1 > /tmp/held &")
    pid = states(guest)["hold"][1]
    core = guest.until("cat /tmp/held", r"has core (\d)")[1]
    shown = guest.output("cat '#sched/coreinfo'")
    end(guest, "hold")
    guest.output("rm /tmp/held")
    line = re.compile(
        r"^core (\d): cur_proc (\d+) owning_proc (\d+)(?: vcore (\d+))? kthread 0x\w+ \((.*)\) sysc 0x(\w+) locks \d ", re.MULTILINE
    )
    found = {found[0]: found for found in line.findall(shown)}
    assert sorted(found) == ["0", "1", "2", "3"], shown
    assert found[core][1:4] == (pid, pid, "0"), shown
    # One runs the very call that reads the file.
    assert any(each[1] == each[2] != "0" and each[5] != "0" for id, each in found.items() if id != core), shown


@smp4
@pytest.mark.feature("core-20")
def test_printx_tells_every_fault_on_the_console(guest: Guest) -> None:
    quiet = "faults null 2> /dev/null > /dev/null"
    assert "trap of" not in guest.run(quiet).output
    guest.output("echo on > '#kprof/kprintx'")
    assert guest.output("cat '#kprof/kprintx'") == "on\n"
    told = guest.run(quiet).output
    guest.output("echo off > '#kprof/kprintx'")
    assert re.search(r"trap of faults \(process \d+, vcore 0\) at 0x\w+: bad memory access to 0x0", told), told
    assert "trap of" not in guest.run(quiet).output
    assert guest.run("echo perhaps > '#kprof/kprintx'").status != 0


@smp4
@pytest.mark.feature("core-22")
def test_threads_change_without_system_calls(guest: Guest) -> None:
    """200,000 switches, each of which sets the thread pointer, in a program that makes some dozens of calls."""
    answer = guest.run("strace switch 2", 120)
    assert "200000 switches among 2 threads" in answer.output
    assert len(re.findall(r"^\w+\(.*\) = ", answer.output, re.MULTILINE)) < 500, "the calls"

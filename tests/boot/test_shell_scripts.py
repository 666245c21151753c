# SPDX-License-Identifier: GPL-2.0-or-later
"""The shell as a language, keys that need a real console, and what programs of our own show of threads and memory."""

import re
import time

import pytest

from tests.boot.guest import Guest, plain

pytestmark = pytest.mark.xdist_group("smp4")


@pytest.mark.parametrize(
    ("line", "shows"),
    [
        ("for i in 1 2 3; do echo n$i; done", "n1\nn2\nn3\n"),
        ("if test 1 -lt 2; then echo yes; else echo no; fi", "yes\n"),
        ("if false; then echo a; elif true; then echo b; else echo c; fi", "b\n"),
        ("x=5; while [ $x -gt 0 ]; do echo $x; x=0; done", "5\n"),
        ("until true; do echo never; done; echo after", "after\n"),
        ("for i in 1 2 3; do if [ $i = 2 ]; then continue; fi; if [ $i = 3 ]; then break; fi; echo $i; done", "1\n"),
        ("{ echo b; echo a; } | sort", "a\nb\n"),
        ("(cd /tmp; pwd); pwd", "/tmp\n/\n"),
        ('echo "$(echo in $(echo side))"', "in side\n"),
        ("X=for-one env | grep X=; env | grep X=; true", "X=for-one\n"),
        ("export Y=why; sh -c 'echo $Y $0 $1' name arg; unset Y", "why name arg\n"),
        ("echo ${NONE:-default}", "default\n"),
        ("echo 'a b c' | while read x y; do echo \"$y $x\"; done", "b c a\n"),
        ("! false; echo $?", "0\n"),
        ("sh -c 'exit 3'; echo $?", "3\n"),
        ("echo one 2>&1 > /dev/null | cat; cat /nothing 2>&1 | wc -l", "1\n"),
        ("yes | head -n 2", "y\ny\n"),
        ("seq 3 -1 1 | sort -n | uniq -c | wc -l", "3\n"),
    ],
)
def test_language(guest: Guest, line: str, shows: str) -> None:
    assert guest.output(f"cd /; {line}") == shows


def test_script_file_with_parameters(guest: Guest) -> None:
    guest.output("echo 'echo $# \"$@\" $1' > /tmp/script; echo 'shift; echo $1' >> /tmp/script")
    assert guest.output("sh /tmp/script one 'two three'") == "2 one two three one\ntwo three\n"
    guest.output("echo 'echo fine; echo a | | b' > /tmp/script")
    answer = guest.run("sh /tmp/script")
    assert answer.status == 2 and "/tmp/script:1:21: syntax error" in answer.output
    guest.output("rm /tmp/script")


def test_a_command_may_take_several_lines(guest: Guest) -> None:
    guest.send("for i in 1 2\n")
    guest.expect("> ")
    guest.send("do echo line$i\n")
    guest.expect("> ")
    assert guest.run("done").output == "line1\nline2\n"


@pytest.mark.parametrize(
    "line",
    [
        "sleep 100",
        "(sleep 100; echo never)",
        "sleep 100 | sleep 100 | cat",
        "while true; do true; done",
        "while true; do sleep 1; done; echo never",
        "primes 1000000000",
    ],
)
@pytest.mark.parametrize("delay", [0, 0.3])
def test_interrupt_key(guest: Guest, line: str, delay: float) -> None:
    """Whenever the key comes: it may be typed before the program has even been started."""
    start = guest.position
    guest.send(line + "\n")
    time.sleep(delay)
    guest.send("\x03")
    guest.wait_for_prompt()
    assert "never\r" not in guest.shown(start, guest.position).partition("\n")[2]
    guest.wait_until_gone("ps", "sleep|primes")


ENDED = "while jobs > /tmp/jobs; grep running /tmp/jobs > /dev/null; do sleep 0.05; done"


@pytest.mark.parametrize(
    ("line", "shows"),
    [
        ("(exit 3) & wait $!; echo $?; wait $! 2> /dev/null; echo $?", "3\n127\n"),
        (f"(exit 3) & {ENDED}; wait $!; echo $?", "3\n"),
        (f"for i in $(seq 32); do true & done; {ENDED}; (exit 4) & wait $!; echo $?; wait", "4\n"),
        ("(exit 3) & P=$!; (exit 4) & wait $P 99999 2> /dev/null; echo $?; wait $P $! 2> /dev/null; echo $?; jobs", "127\n4\n"),
        ("(exit 3) & wait; echo $?; wait $! 2> /dev/null; echo $?", "0\n127\n"),
    ],
)
def test_wait_gives_the_status_of_a_job_once(guest: Guest, line: str, shows: str) -> None:
    assert guest.output(f"sh -c '{line}'; rm -f /tmp/jobs") == shows


def test_wait_gives_the_status_of_a_job_that_was_told_of(guest: Guest) -> None:
    start = guest.position
    guest.output("(exit 5) & P=$!")
    guest.wait_until_gone("jobs", "exit 5")
    assert "done (5)" in guest.shown(start, guest.position)
    assert guest.output("wait $P; echo $?; wait $P 2> /dev/null; echo $?") == "5\n127\n"


def test_the_end_of_each_job_is_told_however_many_one_line_starts(guest: Guest) -> None:
    start = guest.position
    guest.output("for i in $(seq 70); do true & done", 60)
    guest.wait_until_gone("jobs", "true")
    ends = re.findall(r"^\[(\d+)\] done \(0\)  true\r?$", guest.shown(start, guest.position), re.MULTILINE)
    assert sorted(int(number) for number in ends) == list(range(1, 71))


@pytest.mark.parametrize("delay", [0, 0.3])
def test_interrupt_key_ends_the_waiting_for_a_job_not_the_job(guest: Guest, delay: float) -> None:
    guest.output("sleep 1000 & P=$!")
    guest.send("wait $P; echo never\n")
    guest.expect(r"never\r?\n")
    start = guest.position
    time.sleep(delay)
    guest.send("\x03")
    guest.wait_for_prompt()
    assert "never" not in guest.shown(start, guest.position)
    assert "running" in guest.output("jobs")
    assert guest.output("kill $P; wait $P; jobs") == ""


def test_a_shell_at_a_console_sleeps_until_its_job_has_ended(guest: Guest) -> None:
    """The job ends when it has seen the shell blocked in both calls: one of them ends the waiting."""
    seen = "grep waitpid /proc/1/blocked > /tmp/blocked && grep read /proc/1/blocked >> /tmp/blocked"
    assert guest.run(f"(until {seen}; do sleep 0.05; done) & wait").status == 0
    assert re.fullmatch(r"\S+ waitpid\(.*\n\S+ read\(.*\n", guest.output("cat /tmp/blocked; rm /tmp/blocked"))


def test_end_of_input_key_ends_a_program_not_the_shell(guest: Guest) -> None:
    guest.send("cat\n")
    guest.expect("cat\r\n")
    guest.send("typed\n")
    guest.expect("typed\r\ntyped\r\n")
    guest.send("\x04")
    guest.wait_for_prompt()
    assert guest.output("echo alive") == "alive\n"


def test_tab_completes_commands_and_files(guest: Guest) -> None:
    assert guest.run("upt\t").output.startswith("up ")
    assert "pykaros" in guest.run("cat /etc/mo\t").output.lower()
    start = guest.position
    guest.send("hel\t")
    guest.expect("hello +hellodyn +help")
    guest.expect(r"hel\x1b\[K")  # the line is there again
    assert "Hello" in guest.run("lo").output, plain(guest.shown(start, guest.position))


def test_history_is_searched(guest: Guest) -> None:
    guest.run("echo to be found again")
    guest.run("true")
    assert guest.run("\x12be fou").output == "to be found again\n"


def test_long_and_deep_lines_are_answered(guest: Guest) -> None:
    assert guest.output("echo " + "x" * 3000 + " | wc -c").strip() == "3001"
    assert "nested too deeply" in guest.run("(" * 200).output
    assert guest.run("echo " + "a|" * 40 + "cat").status != 0
    assert guest.output("echo alive") == "alive\n"


@pytest.mark.parametrize("command", ["ls", "cat", "grep", "wc", "head", "sort", "threads", "faults", "sh", "time"])
def test_programs_answer_help(guest: Guest, command: str) -> None:
    assert guest.output(f"{command} --help").startswith("usage: ")


def test_pthread_objects(guest: Guest) -> None:
    lines = guest.output("pthreads", 60).splitlines()
    assert len(lines) == 7 and not any("expected" in line for line in lines), lines


def test_blocked_calls_block_no_vcore(guest: Guest) -> None:
    found = re.search(r"50 threads slept 600 ms each; all together took (\d+) ms", guest.output("block 50 600", 60))
    assert found and 600 <= int(found[1]) < 50 * 600


def test_memory_is_given_back(guest: Guest) -> None:
    """A hundred processes, pipes, threads and large allocations leave nothing behind."""
    work = "for i in 1 2 3 4 5; do /bin/true | cat; threads 10 2 > /dev/null; hog 20 > /dev/null; x=$(/bin/echo $i); done"

    def used() -> int:
        return int(guest.output("free | grep KiB").split()[2])

    guest.output(work, 60)
    before = used()
    for _ in range(3):
        guest.output(work, 60)
    assert used() - before < 200

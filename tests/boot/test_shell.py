# SPDX-License-Identifier: GPL-2.0-or-later
"""The shell on the console: words, quotes, pipes, redirection, lists, jobs, patterns, the line editor."""

import pytest

from tests.boot.guest import Guest, plain

pytestmark = pytest.mark.xdist_group("smp4")


@pytest.mark.parametrize(
    ("line", "shows"),
    [
        ("echo one two", "one two\n"),
        ("echo   one    two", "one two\n"),
        ("echo 'one   two'", "one   two\n"),
        ('echo "one   two"', "one   two\n"),
        ("echo 'it is $? and \"so\"'", 'it is $? and "so"\n'),
        ("echo a\\ \\ b", "a  b\n"),
        ("echo -n x; echo y", "xy\n"),
        ("echo ''", "\n"),
        ("echo one # two", "one\n"),
    ],
)
def test_words_and_quotes(guest: Guest, line: str, shows: str) -> None:
    assert guest.output(line) == shows


@pytest.mark.parametrize(
    ("line", "shows"),
    [
        ("true; echo $?", "0\n"),
        ("false; echo $?", "1\n"),
        ("true && echo yes", "yes\n"),
        ("false || echo no", "no\n"),
        ("false && echo yes || echo no", "no\n"),
        ("true || echo no; echo after", "after\n"),
        ("no-such-program; echo $?", None),
    ],
)
def test_lists_and_status(guest: Guest, line: str, shows: str | None) -> None:
    output = guest.output(line)
    if shows is None:
        assert output.splitlines()[-1] == "127" and "no-such-program" in output.splitlines()[0]
    else:
        assert output == shows


def test_status_of_the_last_command_is_kept(guest: Guest) -> None:
    assert guest.run("false").status == 1
    assert guest.run("true").status == 0
    assert guest.run("true && false").status == 1


@pytest.mark.parametrize(
    ("line", "shows"),
    [
        ("echo hello | cat", "hello\n"),
        ("echo hello | cat | cat | cat", "hello\n"),
        ("echo one two three | wc -w", "3"),
        ("false | true; echo $?", "0\n"),
        ("true | false; echo $?", "1\n"),
    ],
)
def test_pipes(guest: Guest, line: str, shows: str) -> None:
    assert guest.output(line).strip() == shows.strip()


def test_redirection(guest: Guest) -> None:
    assert guest.output("echo first > /tmp/redirected; echo second >> /tmp/redirected; cat < /tmp/redirected") == "first\nsecond\n"
    assert guest.output("echo third > /tmp/redirected; cat /tmp/redirected") == "third\n"
    assert guest.output("cat /tmp/no-such-file 2> /tmp/errors; wc -l < /tmp/errors").strip() == "1"
    assert guest.output("rm /tmp/redirected /tmp/errors") == ""


def test_redirection_that_cannot_be_names_the_file(guest: Guest) -> None:
    answer = guest.run("cat < /tmp/no-such-file")
    assert answer.status != 0 and "/tmp/no-such-file" in answer.output


def test_variables(guest: Guest) -> None:
    assert guest.output("COLOUR=blue; echo $COLOUR \"$COLOUR\" '$COLOUR'") == "blue blue $COLOUR\n"
    assert guest.output("echo [$NOT_SET_AT_ALL]") == "[]\n"


def test_patterns(guest: Guest) -> None:
    guest.output("mkdir /tmp/patterns; cd /tmp/patterns; echo > b1.txt; echo > b2.txt; echo > c.txt; echo > d.md")
    assert guest.output("echo *.txt") == "b1.txt b2.txt c.txt\n"
    assert guest.output("echo b?.txt") == "b1.txt b2.txt\n"
    assert guest.output("echo [cd].*") == "c.txt d.md\n"
    assert guest.output("echo '*.txt' none*") == "*.txt none*\n"
    assert guest.output("echo /tmp/pat*/d*") == "/tmp/patterns/d.md\n"
    guest.output("cd /; rm -r /tmp/patterns")


def test_background_job_lets_the_shell_go_on(guest: Guest) -> None:
    guest.output("sleep 30 &")
    listed = guest.output("ps")
    assert "sleep" in listed
    pid = next(line.split()[0] for line in listed.splitlines() if "sleep" in line)
    guest.output(f"kill {pid}")


def test_syntax_error_is_answered(guest: Guest) -> None:
    answer = guest.run("echo one | | cat")
    assert answer.status != 0 and answer.output
    assert guest.output("echo still here") == "still here\n"


def test_line_editing(guest: Guest) -> None:
    """Backspace, cursor left, home, and the line before by cursor up."""
    left, up, home, backspace = "\x1b[D", "\x1b[A", "\x01", "\x7f"
    assert guest.run(f"echo abx{backspace}c").output == "abc\n"
    assert guest.run(f"echo ac{left}b").output == "abc\n"
    assert guest.run(f"cho one{home}e").output == "one\n"
    guest.run("echo from history")
    start = guest.position
    # Twice up: `run` has asked for the status in between.
    guest.send(up + up + "\n")
    guest.wait_for_prompt()
    assert "from history" in plain(guest.shown(start, guest.position)).splitlines()


def test_interrupt_key_ends_a_command(guest: Guest) -> None:
    guest.send("sleep 100\n")
    guest.expect("sleep 100")
    guest.send("\x03")
    guest.wait_for_prompt()
    assert guest.output("echo alive") == "alive\n"

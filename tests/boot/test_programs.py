# SPDX-License-Identifier: GPL-2.0-or-later
"""The programs of /bin, one by one."""

import re

import pytest

from tests.boot.guest import Guest

pytestmark = pytest.mark.xdist_group("smp4")


def test_hello(guest: Guest) -> None:
    assert "ello" in guest.output("hello")


@pytest.mark.feature("vm-22")
def test_static_and_dynamic_hello(guest: Guest) -> None:
    """The dynamic one's library raises errors that the program catches, and has variables that both see."""
    assert guest.output("hello").startswith("Hello from Pykaros!")
    assert guest.output("hellodyn") == "Hello, world!\n"
    answer = guest.run("hellodyn ann '' bob")
    assert answer.status == 1 and "hellodyn: EINVAL: greeting number 2 is for nobody" in answer.output
    assert answer.output.startswith("Hello, ann!\n") and answer.output.endswith("Hello, bob!\n2 greetings from a library\n")
    alone = guest.run("/lib/ld.so")
    assert alone.status == 127 and "the dynamic linker is no program to run" in alone.output


@pytest.mark.feature("parlib-59")
def test_libraries_are_opened_and_closed_as_a_program_runs(guest: Guest) -> None:
    """Threads of a many-core process in a library's functions, errors and memory across the border, closing, and what cannot be opened."""
    assert guest.output("plugins") == "401 shouts, 100 openings\n"
    missing = guest.run("plugins libnone.so")
    assert missing.status == 1 and "ENOENT: plugins needs libnone.so, which is nowhere to be found" in missing.output
    text = guest.run("plugins /etc/motd")
    assert text.status == 1 and re.search(r"ENOEXEC: /etc/motd: (not an ELF file|the file ends too early)", text.output)
    program = guest.run("plugins /bin/hello")
    assert program.status == 1 and "ENOEXEC: /bin/hello: a program, not a shared library" in program.output


def test_cp_mv_rm(guest: Guest) -> None:
    guest.output("echo content > /tmp/a; cp /tmp/a /tmp/b; mv /tmp/b /tmp/c; rm /tmp/a")
    assert guest.output("cat /tmp/c") == "content\n"
    listed = guest.output("ls /tmp").split()
    assert "c" in listed and "a" not in listed and "b" not in listed
    guest.output("rm /tmp/c")
    assert guest.run("cat /tmp/c").status != 0


@pytest.mark.feature("sys-47")
def test_links_are_made_shown_and_followed(guest: Guest) -> None:
    guest.output("mkdir /tmp/ln; cd /tmp/ln; mkdir dir; echo content > dir/file; ln -s dir/file name; ln -s dir way; ln -s /none dangling")
    assert guest.output("cat name way/file way/../name") == "content\n" * 3
    assert [line.split(maxsplit=4)[4] for line in guest.output("ls -l").splitlines()] == [
        "dangling -> /none",
        "dir",
        "name -> dir/file",
        "way -> dir",
    ]
    assert guest.output("ls -F").split() == ["dangling@", "dir/", "name@", "way@"]
    assert guest.output("ls way dangling").splitlines() == ["way", "file", "dangling"]
    assert guest.output("readlink name dangling") == "dir/file\n/none\n"
    assert guest.output("readlink -f way/../name") == "/tmp/ln/dir/file\n"
    assert "not a link" in guest.run("readlink dir").output
    assert "path: name -> dir/file\n  kind: link\n  size: 8\n" in guest.output("stat name")
    assert "path: name\n  kind: file\n  size: 8\n" in guest.output("stat -L name")
    assert guest.output("cd way; pwd; cd /tmp/ln; [ -L name ] && [ -f name ] && ! [ -e dangling ] && echo yes") == "/tmp/ln/dir\nyes\n"
    assert guest.output("echo */file dang*") == "dir/file way/file dangling\n"
    assert "exists" in guest.run("ln -s dir name").output
    guest.output("ln -sfn dir/file way; ln -s ../name dir; cd /")
    assert guest.output("readlink /tmp/ln/way /tmp/ln/dir/name") == "dir/file\n../name\n"
    guest.output("rm -r /tmp/ln")


@pytest.mark.feature("sys-47")
def test_nothing_is_lost_through_a_link(guest: Guest) -> None:
    """Removing, moving and copying: of a link to what must stay, and onto oneself."""
    guest.output("mkdir /tmp/ln /tmp/ln/dir; cd /tmp/ln; echo content > dir/file; ln -s dir way; ln -s dir/file name")
    assert "the same" in guest.run("cp dir/file name").output
    assert "the same" in guest.run("cp name way/file").output
    assert "not a directory" in guest.run("rmdir way").output
    guest.output("rm -r way; ln -s /tmp/ln/dir dir/../up; mkdir victim; mv up victim; rm -r victim")
    assert guest.output("cat name") == "content\n"
    guest.output("cp name copy; mv name moved; rm moved; cd /")
    assert guest.output("cat /tmp/ln/dir/file /tmp/ln/copy; ls -F /tmp/ln").split() == ["content", "content", "copy", "dir/"]
    guest.output("rm -r /tmp/ln")


@pytest.mark.feature("sys-47")
def test_calls_about_links_are_traced(guest: Guest) -> None:
    traced = guest.output("strace ln -s over/there /tmp/traced; strace readlink /tmp/traced; rm /tmp/traced")
    assert "symlink(target='over/there', path='/tmp/traced') = 0" in traced
    assert re.search(r"readlink\(path='/tmp/traced', into=.*\) = 10", traced)


def test_mkdir_and_ls(guest: Guest) -> None:
    guest.output("mkdir /tmp/folder; echo > /tmp/folder/one; echo > /tmp/folder/two")
    assert guest.output("ls /tmp/folder").split() == ["one", "two"]
    assert guest.run("mkdir /tmp/folder").status != 0
    guest.output("rm -r /tmp/folder")
    assert guest.run("ls /tmp/folder").status != 0


def test_ls_lists_programs(guest: Guest) -> None:
    programs = guest.output("ls /bin").split()
    assert {"sh", "ls", "cat", "threads", "switch", "faults", "primes"} <= set(programs)


def test_archive_files_are_read_only(guest: Guest) -> None:
    answer = guest.run("echo x > /bin/ls")
    assert answer.status != 0
    assert guest.output("ls /bin/ls").strip() == "/bin/ls"


@pytest.mark.parametrize(
    ("line", "shows"),
    [
        ("cat /tmp/numbers | head -n 2", ["1", "2"]),
        ("tail -n 2 /tmp/numbers", ["4", "5"]),
        ("grep 3 /tmp/numbers", ["3"]),
        ("grep -v 3 /tmp/numbers", ["1", "2", "4", "5"]),
        ("wc -l < /tmp/numbers", ["5"]),
    ],
)
def test_text_tools(guest: Guest, line: str, shows: list[str]) -> None:
    guest.output("echo 1 > /tmp/numbers; echo 2 >> /tmp/numbers; echo 3 >> /tmp/numbers; echo 4 >> /tmp/numbers; echo 5 >> /tmp/numbers")
    assert guest.output(line).split() == shows


def test_grep_without_a_match_fails(guest: Guest) -> None:
    assert guest.run("echo one | grep two").status == 1


@pytest.mark.parametrize(("words", "status"), [("o /tmp/one", 0), ("o /tmp/one /absent", 0), ("o /absent /tmp/one", 0), ("x /tmp/one", 1)])
def test_grep_that_only_tells_whether(guest: Guest, words: str, status: int) -> None:
    guest.output("echo one > /tmp/one; echo two >> /tmp/one")
    answer = guest.run(f"grep -q {words} 2> /dev/null")
    assert (answer.status, answer.output) == (status, "")


def test_hexdump(guest: Guest) -> None:
    assert re.search(r"41 ?42 ?43 ?0a", guest.output("echo ABC | hexdump").lower())


def test_free_and_uptime_and_date(guest: Guest) -> None:
    assert re.search(r"\d+", guest.output("free"))
    assert re.search(r"\d", guest.output("uptime"))
    assert re.search(r"20\d\d", guest.output("date"))


def test_time_and_sleep(guest: Guest) -> None:
    found = re.search(r"(\d+\.\d+)", guest.output("time sleep 1"))
    assert found and 1.0 <= float(found[1]) < 30


def test_true_and_false(guest: Guest) -> None:
    assert guest.run("/bin/true").status == 0
    assert guest.run("/bin/false").status == 1


@pytest.mark.feature("parlib-67")
def test_rights_times_and_lengths_of_files(guest: Guest) -> None:
    guest.output("rm -f /tmp/rights; echo 0123456789 > /tmp/rights; chmod 640 /tmp/rights; truncate -s 4 /tmp/rights")
    assert guest.output("cat /tmp/rights; echo") == "0123\n"
    assert re.search(r"rw-r----- +4 .* /?.*rights$", guest.output("ls -l /tmp/rights"), re.MULTILINE)
    assert "read-only" in guest.run("chmod 777 /bin/ls").output
    assert guest.run("chmod 8 /tmp/rights").status == 2
    guest.output("truncate -s 6 /tmp/rights; touch /tmp/rights")
    assert guest.output("wc -c < /tmp/rights").split() == ["6"]
    guest.output("rm /tmp/rights")


@pytest.mark.feature("core-23")
def test_a_register_of_every_core(guest: Guest, arch: str) -> None:
    number = "0x10" if arch == "x86_64" else "0xc01"
    lines = guest.output(f"rdmsr {number}").splitlines()
    assert [line.split(":")[0] for line in lines] == [f"core {n}" for n in range(4)]
    assert all(int(line.split(":")[1], 16) > 0 for line in lines)
    assert guest.run("rdmsr x").status == 2


def test_help_names_programs_that_are_there(guest: Guest) -> None:
    text = guest.output("help")
    for name in ("ls", "cat", "cp", "ps", "kill", "threads", "cores", "hold", "prov", "strace", "utest", "poweroff"):
        assert re.search(rf"\b{name}\b", text), name
    rows = re.findall(r"^  (?:files|text|machine|cores|threads|tests) +(.*)$", text, re.MULTILINE)
    named = {name for row in rows for name in row.split()}
    assert len(named) > 40 and named <= set(guest.output("ls -1 /bin").split()) | {"true", "false", "test"}


def test_wrong_arguments_are_answered_with_usage(guest: Guest) -> None:
    for line in ("threads x", "primes", "switch", "sleep many", "kill nobody"):
        answer = guest.run(line)
        assert answer.status != 0 and answer.output, line
    for line in ("storm -2 nosuch", "crowd -2 nosuch 5", "utest --suite", "utest --suite nosuch", "pthreads 5"):
        answer = guest.run(line)
        assert answer.status == 2 and re.match(rf"{line.split()[0]}: .*\nusage: ", answer.output), answer
    assert guest.output("crowd --help").startswith("usage: crowd ")


@pytest.mark.parametrize("words", ["readlink -fx /", "stat -LL -x /", "mkdir -px /tmp/refused", "sort -x", "ls -al1Fx", "ln -sx a b"])
def test_options_that_a_program_does_not_have_are_named(guest: Guest, words: str) -> None:
    answer = guest.run(words)
    name = words.split()[0]
    assert answer.status == 2 and answer.output.startswith(f"{name}: unknown option -x\nusage: {name} "), answer
    assert guest.run("ls /tmp/refused").status != 0


def test_ps_shows_init_and_itself(guest: Guest) -> None:
    lines = guest.output("ps").splitlines()
    assert any("sh" in line for line in lines) and any("ps" in line for line in lines)

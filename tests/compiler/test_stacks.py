# SPDX-License-Identifier: GPL-2.0-or-later
"""Stack bounds: frames and calls as the object has them, and the deepest stack of an entry, on both architectures."""

import subprocess
import sys
from pathlib import Path

import pytest

from compiler.backend.stacks import RETURN_ADDRESS
from compiler.frontend import World, analyse
from tests.compiler.small_kernel import stacks_of, write_kernel

REPO = Path(__file__).parents[2]
ARCHITECTURES = ("x86_64", "riscv")

CHAIN = """
from typing import Callable

from lang import Ref, array, entry, export, extern, noinline, recursion, stack, struct, u64


@extern
def consume(address: u64) -> u64: ...


@stack(500)
@extern
def greedy() -> u64: ...


@struct
class Action:
    run: Callable[[u64], u64]


@noinline
def small(n: u64) -> u64:
    return consume(n) + 1


@noinline
def large(n: u64) -> u64:
    room = array(100, u64)
    room[n] = n
    return consume(room[n + 1]) + room[n]


def step(action: Action, n: u64) -> u64:
    return action.run(n) + 1


def set_up(action: Action) -> None:
    action.run = large


@noinline
def tail(n: u64) -> u64:
    return large(n)


@entry(stack=2000, used=100)
@export("first")
def first(n: u64) -> u64:
    return small(n) + tail(n) + 1


@entry(stack=4000)
@export("second")
def second(action: Action) -> u64:
    return step(action, 3) + greedy()


@entry(used=300)
@export("interrupt")
def interrupt() -> u64:
    return consume(0)


@noinline
@recursion(4)
def walk(n: u64) -> u64:
    return consume(n) if n == 0 else walk(n - 1) + consume(n) + 1


@entry(stack=3000)
@export("third")
def third(n: u64) -> u64:
    return walk(n) + 1
"""


@pytest.mark.parametrize("arch", ARCHITECTURES)
def test_frames_are_those_of_the_machine_code(tmp_path, arch):
    frames = stacks_of(tmp_path, CHAIN, arch).frames
    saved = {"x86_64": 8, "riscv": 16}[arch]  # the frame pointer; RISC-V keeps the return address with it
    assert frames["kern.one.small"][0] == saved
    assert frames["kern.one.large"][0] >= 800 + saved
    assert frames["kern.one.large"][0] < 850 + saved
    assert sorted(frames["kern.one.large"][1]) == ["consume", "memset"]
    assert frames["kern.one.tail"] == (frames["kern.one.tail"][0], [], ["kern.one.large"]), "a call at the end is a jump"
    assert set(frames["first"][1]) == {"kern.one.small", "kern.one.tail"}


@pytest.mark.parametrize("arch", ARCHITECTURES)
def test_depths_add_frames_and_return_addresses(tmp_path, arch):
    stacks = stacks_of(tmp_path, CHAIN, arch)
    needs = {n.name: n for n in stacks.needs()}
    size, call = stacks.size, RETURN_ADDRESS[arch]
    large = size("kern.one.large") + call + 64
    assert needs["first"].path == 100 + call + size("first") + call + large
    assert needs["interrupt"].path == 300 + call + 64, "it ends in a jump, when its own frame has gone"
    assert needs["first"].interrupt == needs["interrupt"].path
    # Through a function value, and `step` is inlined; what the assembly uses is declared.
    assert needs["second"].path == call + size("second") + call + max(large, 500)
    assert [name for name, _ in needs["second"].chain] == ["second", "kern.one.large", "memset"]
    # Four times on the stack, and the deepest end below the last.
    assert needs["third"].path == call + size("third") + call + 4 * (size("kern.one.walk") + call) + 64
    assert stacks.errors == []


MUTUAL = """
from lang import array, entry, export, extern, noinline, recursion, u64


@extern
def consume(address: u64) -> u64: ...


@noinline
def leaf(n: u64) -> u64:
    room = array(200, u64)
    room[n] = n
    return consume(room[n + 1]) + room[n]


@noinline
@recursion(2)
def even(n: u64) -> u64:
    return leaf(n) + 1 if n == 0 else odd(n - 1) + consume(n) + 1


@noinline
def odd(n: u64) -> u64:
    return between(n) + 1


@noinline
@recursion(1)
def between(n: u64) -> u64:
    return even(n) + leaf(n)


@entry(stack=9000)
@export("first")
def first(n: u64) -> u64:
    return odd(n) + 1
"""


def test_functions_that_call_each_other_are_unrolled(tmp_path):
    """`between` once and `even` twice: odd, between, even, odd, and no more, since `between` has had its turn; then the leaf."""
    stacks = stacks_of(tmp_path, MUTUAL, "x86_64")
    (need,) = stacks.needs()
    down = sum(stacks.size(f"kern.one.{name}") + 8 for name in ("odd", "between", "even"))
    leaf = stacks.size("kern.one.leaf") + 8 + 64
    assert need.path == 8 + stacks.size("first") + 8 + down + leaf
    assert stacks.errors == []


def test_a_stack_that_is_too_small_shows_the_chain_with_bytes(tmp_path):
    stacks = stacks_of(tmp_path, CHAIN.replace("stack=2000", "stack=1024"), "x86_64")
    needs = {n.name: n for n in stacks.needs()}
    assert needs["first"].limit == 1024
    large, first = stacks.size("kern.one.large"), stacks.size("first")
    assert stacks.errors[0].render() == (
        f"kern/one.py:51:1: error[E1005]: `first` may need {needs['first'].total} bytes of its stack of 1024: 100 at entry, "
        f"first {first + 8} -> tail 0 -> large {large + 8} -> memset 64; {needs['interrupt'].path} for an interrupt on top\n"
        "   51 | def first(n: u64) -> u64:\n"
        "      | ^^^^^^^^^^^^^^^^^^^^^^^^^\n"
        "  hint: make large local objects smaller or global, or the chain shorter"
    )


def test_recursion_must_have_a_bound(tmp_path):
    source = CHAIN.replace("@recursion(4)\n", "").replace("recursion, ", "")
    (error,) = (stacks := stacks_of(tmp_path, source, "x86_64")).needs() and stacks.errors
    assert error.render() == (
        "kern/one.py:68:1: error[E1006]: walk -> walk: recursion without a bound, on a stack that is checked\n"
        "   68 | def walk(n: u64) -> u64:\n"
        "      | ^^^^^^^^^^^^^^^^^^^^^^^^\n"
        "  hint: say how often it may be on the stack: `@recursion(DEPTH)`, or write a loop"
    )


def test_every_export_of_the_kernel_is_an_entry(tmp_path):
    write_kernel(tmp_path, CHAIN.replace("@entry(stack=3000)\n", ""))
    (error,) = analyse(World("kernel", repo=tmp_path)).errors
    assert error.message == "assembly enters `third`, on which stack is not said"


def test_an_f_string_counts_where_it_was_made(tmp_path):
    """What prints it runs below whoever prints; another one's size does not matter there."""
    source = """
from lang import Format, Text, addr_of, entry, export, noinline, text, u64


@noinline
def log(message: Format) -> u64:
    line = text(200)
    line.write(message)
    return line.len


@noinline
def long(a: u64, b: u64, c: u64) -> u64:
    return log(f"{a:>20} {b:#x} {c:,} {a + b:x} {b + c:,} {a + c:>8}") + 1


@noinline
def short() -> u64:
    return log(f"nothing") + 1


@entry(stack=20000)
@export("first")
def first(n: u64) -> u64:
    return long(n, n, n) + 1


@entry(stack=20000)
@export("second")
def second(n: u64) -> u64:
    return short() + 1
"""
    needs = {n.name: n for n in stacks_of(tmp_path, source, "x86_64", whole=True).needs()}
    assert any("format" in name for name, _ in needs["first"].chain)
    assert needs["second"].path + 200 < needs["first"].path


@pytest.mark.parametrize("arch", ARCHITECTURES)
@pytest.mark.parametrize("printed", ["f'{a} files' if a != 1 else 'one file'", "f\"{f'{a} files':>12}\""])
def test_an_f_string_within_another_is_no_recursion(tmp_path, arch, printed):
    """What prints the outer one prints the inner one too, and no other of the program."""
    source = f"""
from lang import Format, entry, export, extern, hook, i32, noinline, text, u64


@extern
def consume(address: u64) -> u64: ...


@hook
def print_to(fd: i32, message: Format) -> None:
    line = text(200)
    line.write(message)
    consume(line.len)


@noinline
def other(a: u64) -> None:
    print(f"{{a}} {{a:>20}} {{a:,}} {{a + 1}} {{a + 2}}")


@noinline
def tell(a: u64) -> u64:
    print({printed})
    return a + 1


@entry(stack=20000)
@export("first")
def first(n: u64) -> u64:
    return tell(n)
"""
    stacks = stacks_of(tmp_path, source, arch, whole=True)
    assert len(stacks.needs()) == 1
    assert [e.render() for e in stacks.errors] == []
    *inner, outer = stacks.model["formats"]["kern.one.tell"]
    assert stacks.made(outer) == inner


def test_what_llvm_is_asked_does_not_reach_a_file_that_standard_error_was_sent_to(tmp_path):
    """Such a file can be written, but not read back."""
    source, errors = tmp_path / "fresh.py", tmp_path / "errors"
    source.write_text(f'from lang import i32\n\n\ndef main() -> i32:\n    print("{tmp_path}")\n    return 0\n')
    with errors.open("w") as file:
        words = [sys.executable, "-m", "compiler", "run", str(source)]
        done = subprocess.run(words, cwd=REPO, stdout=subprocess.PIPE, stderr=file, text=True, check=False)
    assert (done.stdout, done.returncode, errors.read_text()) == (f"{tmp_path}\n", 0, "")

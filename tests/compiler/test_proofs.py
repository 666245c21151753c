# SPDX-License-Identifier: GPL-2.0-or-later
"""What the compiler proves about whole worlds. The texts of errors in single files are in golden/contexts.py and golden/effects.py."""

from pathlib import Path

from compiler.frontend import World, analyse
from tests.compiler.small_kernel import write_kernel


def kernel_errors(repo: Path, source: str) -> list[str]:
    """What is said about a kernel of one file."""
    write_kernel(repo, source)
    return [e.message for e in analyse(World("kernel", repo=repo)).errors]


def test_the_kernel_has_no_floating_point(tmp_path):
    errors = kernel_errors(tmp_path, "from lang import f64, u64\n\n\ndef half(n: u64) -> bool:\n    return f64(n) * 0.5 > 3.0\n")
    assert errors == ["the kernel has no floating point: its registers belong to the program that was interrupted"]

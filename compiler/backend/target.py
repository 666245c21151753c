# SPDX-License-Identifier: GPL-2.0-or-later
"""What each world is compiled for: triple, CPU features, code model and ABI, one row per architecture and world.

The kernel row never uses vector or floating-point registers (they belong to the user context that was interrupted), and
is linked at a fixed high address; user programs are static and linked low, but for a few
dynamic ones (dynamic.py). Function attributes (frame pointers, no red
zone) come from the front end, not from here. Importing this module does not import LLVM.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

NO_FLOAT_X86 = "-mmx,-sse,-sse2,-sse3,-ssse3,-sse4.1,-sse4.2,-avx,-avx2,-x87,+soft-float"


@dataclass(frozen=True)
class Target:
    """All that the code generator and the assembler must agree on."""

    triple: str
    cpu: str
    features: str
    code_model: str
    abi: str
    assembler: tuple[str, ...]  # clang options for .S files: the same ABI, or the linker refuses to mix them
    linker: tuple[str, ...]
    relocation: str = "static"  # or "pic": code that runs wherever it is loaded (dynamic.py)

    def key(self) -> str:
        """A stable text of everything that changes an object's bytes."""
        usual = ("relocation", "static")  # not mentioned: objects keep the names that they had without a choice
        return repr(sorted(item for item in asdict(self).items() if item != usual))


_ROWS = {
    ("x86_64", "kernel"): Target(
        "x86_64-unknown-none-elf", "x86-64", NO_FLOAT_X86, "kernel", "", ("-mcmodel=kernel",), ("-m", "elf_x86_64")
    ),
    ("x86_64", "user"): Target("x86_64-unknown-none-elf", "x86-64", "", "small", "", (), ("-m", "elf_x86_64")),
    ("riscv", "kernel"): Target(
        "riscv64-unknown-none-elf",
        "generic-rv64",
        "+m,+a,+c,+zihintpause",
        "medium",
        "lp64",
        ("-march=rv64imac_zicsr_zifencei", "-mabi=lp64", "-mcmodel=medany"),
        ("-m", "elf64lriscv"),
    ),
    # The convention that preserves no floating-point register: a switch between threads saves none. Their arguments travel in integer ones.
    ("riscv", "user"): Target(
        "riscv64-unknown-none-elf",
        "generic-rv64",
        "+m,+a,+f,+d,+c,+zihintpause",
        "medium",
        "lp64",
        ("-march=rv64gc", "-mabi=lp64", "-mcmodel=medany"),
        ("-m", "elf64lriscv"),
    ),
}

ARCHITECTURES = tuple(sorted({arch for arch, _ in _ROWS}))


def target_for(arch: str, world: str) -> Target:
    """The row of an architecture's kernel or user world."""
    return _ROWS[arch, world]


def create_machine(target: Target, opt: int) -> Any:
    """LLVM's target machine for a row. Imports llvmlite: call it in a child process only."""
    import llvmlite.binding as llvm

    llvm.initialize_all_targets()
    llvm.initialize_all_asmprinters()
    found = llvm.Target.from_triple(target.triple)
    return found.create_target_machine(
        cpu=target.cpu, features=target.features, opt=opt, reloc=target.relocation, codemodel=target.code_model, abiname=target.abi
    )

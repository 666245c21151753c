# SPDX-License-Identifier: GPL-2.0-or-later
"""#arch: what only the processor knows, as files.

#arch/msr       special registers, each core's own: an offset is a register's number, as the processor's manual has it. A read gives 8 bytes
                for each core, in the order of their numbers, as many as there is room for; a write of 8 bytes sets the register on all
                cores, where that can do no harm: else EPERM
#arch/realmem   the lowest MiB of memory, where firmware of old keeps its tables; ENXIO on processors without such a thing
Locks: `asking`, a sleeping lock: one register at a time.
"""

from lang import Array, Atomic, Error, array, as_bytes, interrupt_context, ptr_of, struct, u32, u64
from arch import cpu, mmu, smp
from kern.abi.errno import Errno
from kern.abi.file import OpenMode, Stat
from kern.abi.proc import MAX_CORES
from kern.core.percore import core
from kern.core.smp import call_on_all
from kern.ns.dev import Dev, devices
from kern.ns.folder import FolderFile, new_folder
from kern.ns.node import Node
from kern.ns.transfer import Transfer
from kern.sync.qlock import QLock

DEV_ID: u64 = 14
WORD: u64 = 8


@struct
class Question:
    """What all cores are asked for at once."""

    register: u32
    value: u64                              # to be written
    values: Array[u64] = array(MAX_CORES)   # that were read
    refused: Atomic[u32]                    # by how many cores


asking = QLock()
question = Question()


@interrupt_context
def read_mine(unused: u64) -> None:
    if not cpu.read_register(question.register, ptr_of(question.values[core.mine.core_id])):
        question.refused.add(1)


@interrupt_context
def write_mine(unused: u64) -> None:
    if not cpu.write_register(question.register, question.value):
        question.refused.add(1)


def register_of(offset: u64) -> u32:
    if offset > 0xFFFF_FFFF:
        raise Error(Errno.EINVAL, f"{offset:#x} is no register's number")
    return u32(offset)


def check_answer() -> None:
    if question.refused.load() > 0:
        raise Error(Errno.ENXIO, f"{question.refused.load()} of {smp.core_count()} cores refuse register {question.register:#x}")


class ArchFile(Node):
    name: str = ""
    mode: u32 = 0o444

    def opened(self, mode: OpenMode) -> None:
        if OpenMode.WRITE in mode and self.mode & 0o222 == 0:
            raise Error(Errno.EACCES, f"{self.name} can only be read")

    def stat(self, into: Stat) -> None:
        into.dev = DEV_ID
        into.mode = self.mode
        into.nlink = 1


class Registers(ArchFile):
    name: str = "msr"
    mode: u32 = 0o666

    def read(self, io: Transfer, offset: u64, mode: OpenMode) -> u64:
        """Only whole values: less room than one takes raises EINVAL."""
        count = min(io.left // WORD, u64(smp.core_count()))
        if count == 0:
            raise Error(Errno.EINVAL, f"registers are read in units of {WORD} bytes")
        with asking:
            question.register = register_of(offset)
            question.refused.store(0)
            call_on_all(read_mine, 0)
            check_answer()
            return io.give(as_bytes(question.values)[: count * WORD])

    def write(self, io: Transfer, offset: u64, mode: OpenMode) -> u64:
        if io.left != WORD:
            raise Error(Errno.EINVAL, f"a register takes {WORD} bytes, not {io.left}")
        register = register_of(offset)
        if not cpu.may_write_register(register):
            raise Error(Errno.EPERM, f"register {register:#x} is not for programs to set")
        value = array(1, u64)
        io.take(as_bytes(value))
        with asking:
            question.register = register
            question.value = value[0]
            question.refused.store(0)
            call_on_all(write_mine, 0)
            check_answer()
        return WORD


class RealModeMemory(ArchFile):
    name: str = "realmem"

    def opened(self, mode: OpenMode) -> None:
        if OpenMode.WRITE in mode:
            raise Error(Errno.EACCES, "realmem can only be read")
        if len(mmu.real_mode_memory()) == 0:
            raise Error(Errno.ENXIO, "this processor has no real mode, and no memory of it")

    def read(self, io: Transfer, offset: u64, mode: OpenMode) -> u64:
        return io.give_from(mmu.real_mode_memory(), offset)

    def size(self) -> u64:
        return len(mmu.real_mode_memory())


registers = Registers()
real_mode = RealModeMemory()


files: Array[FolderFile] = (FolderFile("msr", node=registers), FolderFile("realmem", node=real_mode))


@devices
class ArchDev(Dev):
    name: str = "arch"
    dev_id: u64 = DEV_ID

    def attach(self) -> Node:
        return new_folder(files[:], DEV_ID)

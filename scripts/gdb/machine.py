# SPDX-License-Identifier: GPL-2.0-or-later
"""The kernel's state as gdb values: its variables by file, each core's own, the processes; and the user thread of a core.

Everything is read afresh, since any step may change it. What the memory of a running machine cannot give raises `gdb.error`.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import gdb

HALF = 1 << 63  # kernel addresses have this bit, user addresses do not
WORD = (1 << 64) - 1


def variable(file: str, name: str) -> gdb.Value:
    """The module-level variable `name` of a kernel source."""
    for symbol in gdb.lookup_static_symbols(name):
        if symbol.symtab.filename.endswith(file) and symbol.is_variable:
            return symbol.value()
    raise gdb.error(f"there is no variable {name} in {file}")


def named(name: str) -> gdb.Value:
    """A variable wherever it is: that of the current file first, as gdb looks."""
    found = gdb.lookup_symbol(name)[0] if selected_frame() is not None else None
    found = found or gdb.lookup_static_symbol(name)
    if found is None:
        raise gdb.GdbError(f"there is no variable {name}")
    return found.value()


def selected_frame() -> gdb.Frame | None:
    try:
        return gdb.selected_frame()
    except gdb.error:
        return None


def address_of(symbol: str) -> int:
    """Of a symbol of assembly or of the linker."""
    return int(gdb.parse_and_eval(f"(u64)&'{symbol}'")) & WORD


def word_at(address: int) -> int:
    data = gdb.selected_inferior().read_memory(address, 8)
    return int(struct.unpack("<Q", bytes(data))[0])


def is_riscv() -> bool:
    return gdb.selected_inferior().architecture().name().startswith("riscv")


def register(name: str) -> int:
    """A register of the selected core, as it is now: not as the selected frame has it."""
    return int(gdb.newest_frame().read_register(name)) & WORD


@contextmanager
def kernel_view() -> Iterator[None]:
    """The kernel's memory can be read within, whatever the selected core does. On RISC-V a core in user mode lets its debugger see no
    more than the user does: it is in supervisor mode for that long."""
    if not is_riscv() or register("pc") & HALF:
        yield
        return
    gdb.execute("set $priv = 1")
    try:
        yield
    finally:
        gdb.execute("set $priv = 0")


# Cores


def core_count() -> int:
    return int(variable("/smp.py", "running"))


def delta_of(core: int) -> int:
    """How far core's own variables are from the boot core's."""
    if not 0 <= core < core_count():
        raise gdb.GdbError(f"there is no core {core}: {core_count()} are up")
    return word_at(address_of("percore_deltas") + 8 * core)


def selected_delta() -> int:
    """The same of the core that is the selected thread."""
    in_kernel = register("pc") & HALF
    if is_riscv():
        return register("tp") if in_kernel else word_at(register("sscratch"))
    return register("gs_base" if in_kernel else "k_gs_base")


def place_of(value: gdb.Value) -> int:
    """The address of a value that stands in memory."""
    if value.address is None:
        raise gdb.error("this value stands in no memory")
    return int(value.address) & WORD


def at_distance(value: gdb.Value, delta: int) -> gdb.Value:
    return gdb.Value((place_of(value) + delta) & WORD).cast(value.type.pointer()).dereference()


def core_info(core: int) -> gdb.Value:
    return at_distance(variable("kern/core/percore.py", "core"), delta_of(core))


def selected_core() -> gdb.Value:
    return at_distance(variable("kern/core/percore.py", "core"), selected_delta())


# Processes


def processes() -> Iterator[gdb.Value]:
    """In the order of pids, as references to nothing: values that stand in the machine's memory."""
    table = variable("kern/proc/proc.py", "table")
    size, first = table.type.target().sizeof, place_of(table)
    low, high = table.type.range()
    data = bytes(gdb.selected_inferior().read_memory(first, size * (high - low + 1)))
    for at in range(0, len(data), size):
        if data[at : at + 8] != bytes(8):
            yield table[at // size]["proc"]["value"].dereference()


def find_process(pid: int) -> gdb.Value:
    for p in processes():
        if int(p["pid"]) == pid:
            return p
    raise gdb.GdbError(f"no process {pid}")


def current_process() -> gdb.Value | None:
    """Whose page tables the selected core has loaded; None before there are any."""
    try:
        found = selected_core()["cur_proc"]
        return found.dereference() if int(found) else None
    except gdb.error:
        return None


def program_of(p: gdb.Value) -> str:
    """The name of the file that a process runs."""
    return Path(text_of(p["program"])).name


def text_of(text: gdb.Value) -> str:
    """A `text(n)`, or the `Text` in front of one."""
    header = text["header"] if "header" in [f.name for f in text.type.fields()] else text
    start = place_of(text) + header.type.sizeof
    data = gdb.selected_inferior().read_memory(start, int(header["used"])) if int(header["used"]) else b""
    return bytes(data).decode(errors="replace")


def list_items(items: gdb.Value) -> Iterator[gdb.Value]:
    """Pointers to the members of an IntrusiveList: its type says by which link they hang together."""
    link = items.type.strip_typedefs().name.split("Literal['")[1].split("'")[0]
    item = items["head"]
    while int(item):
        yield item
        item = item.dereference()[link]["next"]


def chain(head: gdb.Value, link: str) -> Iterator[gdb.Value]:
    while int(head):
        yield head
        head = head.dereference()[link]


# User threads


def thread_local(name: str) -> gdb.Value:
    """A thread-local variable of the user code that the selected core is in, or will go back to."""
    symbol = gdb.lookup_static_symbol(name)
    if symbol is None or symbol.type is None:
        raise gdb.GdbError(f"there is no variable {name}: which program is it in? (`program NAME`)")
    said = gdb.execute(f"info address {name}", to_string=True)
    if "thread-local" not in said:
        raise gdb.GdbError(f"{name} is not thread-local")
    offset = int(said.split("offset ")[1].split()[0], 16)
    pointer = thread_pointer()
    start = pointer if is_riscv() else pointer - tls_size(file_of(symbol.symtab.objfile))
    return gdb.Value((start + offset) & WORD).cast(symbol.type.pointer()).dereference()


def file_of(objfile: gdb.Objfile) -> str:
    return objfile.filename or ""


def thread_pointer() -> int:
    if not register("pc") & HALF:
        return register("tp" if is_riscv() else "fs_base")
    context = selected_core()["cur_ctx"]
    if not int(context):
        raise gdb.GdbError("this core runs no user code")
    return int(context["tp" if is_riscv() else "fs_base"])


def tls_size(file: str) -> int:
    """Bytes of a program's thread-local image, as the thread pointer stands behind them (x86-64 psABI, variant II)."""
    data = Path(file).read_bytes()
    (offset,) = struct.unpack_from("<Q", data, 0x20)
    for i in range(struct.unpack_from("<H", data, 0x38)[0]):
        kind, _, _, _, _, _, size, align = struct.unpack_from("<IIQQQQQQ", data, offset + 56 * i)
        if kind == 7:  # PT_TLS
            return int((size + align - 1) // align * align)
    return 0

# SPDX-License-Identifier: GPL-2.0-or-later
"""One declaration of a system call becomes its kernel entry and its user stub.

The module `syscalls` is written here as source and compiled like any other. In the kernel it holds `syscall_dispatch(p, call)`,
which checks and converts the arguments of each declared call, and the tracer's `print_call`; in user land a stub `sys_x`,
which submits and waits, `submit_x`, which only submits, and the table `CALLS` of what each call takes (call_models.py).
"""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING

from compiler.syntax.call_models import decoder, model
from compiler.syntax.declared import SIGNED, UNSIGNED, Declared, declared_calls, is_span, names_in, parameters, user_inner

if TYPE_CHECKING:
    from compiler.syntax.loader import Loader


def syscall_module(loader: Loader) -> str:
    """The source of the module `syscalls` of a world."""
    calls = declared_calls(loader)
    return kernel_module(calls) if loader.world.kind == "kernel" else user_module(calls)


# -- kernel -----------------------------------------------------------------------------------------------------
def kernel_module(calls: list[Declared]) -> str:
    lines = ['"""System call entries, written by the compiler from the @syscall declarations."""']
    needed = {
        "from kern.abi.syscall import SyscallWords",
        "from kern.proc.proc import Proc",
        "from lang import Errno, Error, Sink, Span, Uaddr, User, sizeof, valid, wrap",
        "from lang import bool, u8, u16, u32, u64, i8, i16, i32, i64, usize, isize, str, Raises, inline",
        "from typing import Callable",
        "from kern.mm.umem import check_user_range, print_user_text",
    }
    for call in calls:
        needed.add(f"from {call.module} import {call.node.name}")
        needed |= names_in(call, [p.annotation for p in parameters(call) if p.annotation is not None])
    lines += sorted(needed)
    lines += [
        "",
        "def narrow(value: u64, low: i64, high: i64) -> None:",
        "    if wrap(i64, value) < low or wrap(i64, value) > high:",
        '        raise Error(Errno.EINVAL, f"argument {value:#x} is out of range")',
        "",
        "def refuse(p: Proc, call: SyscallWords) -> None:",
        '    raise Error(Errno.ENOSYS, f"there is no system call {call.num}")',
        "",
    ]
    for call in calls:
        lines += _entry(call)
    numbers = {call.number: f"enter_{call.node.name}" for call in calls}
    entries = [numbers.get(number, "refuse") for number in range(max(numbers) + 1)]
    lines += [
        f"ENTRIES: tuple[Callable[[Proc, SyscallWords], Raises[None]], ...] = ({', '.join(entries)},)",
        "",
        "@inline",
        "def syscall_dispatch(p: Proc, call: SyscallWords) -> None:",
        f"    if call.num < {len(entries)}:",
        "        ENTRIES[call.num](p, call)",
        "    else:",
        "        refuse(p, call)",
        "",
    ]
    lines += ["def syscall_name(number: u32) -> str:", "    match number:"]
    for call in calls:
        lines += [f"        case {call.number}:", f"            return {call.short!r}"]
    lines += ["        case _:", "            return 'unknown'", ""]
    lines += decoder(calls)
    return "\n".join(lines)


def _entry(call: Declared) -> list[str]:
    lines = [f"def enter_{call.node.name}(p: Proc, call: SyscallWords) -> None:"]
    words, arguments = 0, ["p"]
    for parameter in parameters(call):
        annotation = parameter.annotation
        assert annotation is not None
        shown, word, name = ast.unparse(annotation), f"call.args[{words}]", f"a_{parameter.arg}"
        inner = user_inner(annotation)
        words += 1
        if inner is not None and is_span(inner):
            element = "1" if ast.unparse(inner) == "str" else f"sizeof({ast.unparse(inner)[5:-1]})"
            count = f"call.args[{words}]"
            words += 1
            lines += [f"    check_user_range({word}, {count}, {element})", f"    {name} = {shown}({word}, {count})"]
        elif inner is not None:
            target = ast.unparse(inner)
            target = target[4:-1] if target.startswith("Ref[") else target
            lines += [f"    check_user_range({word}, 1, sizeof({target}))", f"    {name} = {shown}({word})"]
        elif shown in UNSIGNED:
            if UNSIGNED[shown] < 64:
                lines.append(f"    narrow({word}, 0, {(1 << UNSIGNED[shown]) - 1})")
            lines.append(f"    {name} = wrap({shown}, {word})")
        elif shown in SIGNED:
            if SIGNED[shown] < 64:
                half = 1 << (SIGNED[shown] - 1)
                lines.append(f"    narrow({word}, {-half}, {half - 1})")
            lines.append(f"    {name} = wrap({shown}, {word})")
        elif shown == "bool":
            lines += [f"    narrow({word}, 0, 1)", f"    {name} = {word} != 0"]
        elif shown in ("Uaddr", "Paddr", "Kaddr"):
            lines.append(f"    {name} = {shown}({word})")
        else:
            lines += [
                f"    if not valid({shown}, {word}):",
                f'        raise Error(Errno.EINVAL, f"{parameter.arg}: {{{word}}} is not a {shown}")',
                f"    {name} = {shown}({word})",
            ]
        arguments.append(name)
    invocation = f"{call.node.name}({', '.join(arguments)})"
    result = ast.unparse(call.node.returns) if call.node.returns is not None else "None"
    if result in ("None", "NoReturn"):
        lines += [f"    {invocation}", "    call.retval = 0"] if result == "None" else [f"    {invocation}"]
    else:
        lines.append(f"    result = {invocation}")
        lines.append("    call.retval = " + _to_retval("result", result))
    return [*lines, ""]


def _to_retval(value: str, shown: str) -> str:
    if shown in ("i64", "isize"):
        return value
    return f"i64({value})" if shown in SIGNED else f"wrap(i64, {_to_word(value, shown)})"


def _to_word(value: str, shown: str) -> str:
    if shown in ("u64", "usize"):
        return value
    if shown in SIGNED:
        return f"wrap(u64, {value})"
    return f"u64({value})"


# -- user -------------------------------------------------------------------------------------------------------
def user_module(calls: list[Declared]) -> str:
    lines = ['"""System call stubs, written by the compiler from the @syscall declarations of the kernel."""']
    needed = {
        "from kern.abi.syscall import Syscall",
        "from kern.abi.call_model import CallModel, WordKind, WordModel",
        "from lang import Array, Span, Uaddr, addr_of, sizeof, bool, u8, u16, u32, u64, i8, i16, i32, i64, usize, isize, str, wrap",
        "from typing import NoReturn\nfrom lang import unreachable, unset",
        "from rt.syscall import finish, raw_submit, result_of, start_call, wait_for",
    }
    for call in calls:
        shapes = [p.annotation for p in parameters(call) if p.annotation is not None]
        if call.node.returns is not None:
            shapes.append(call.node.returns)
        needed |= {n for n in names_in(call, shapes) if not n.endswith(" User")}
    lines += sorted(needed) + [""]
    for call in calls:
        lines += _stub(call)
    lines += model(calls)
    return "\n".join(lines)


def _stub(call: Declared) -> list[str]:
    short = call.short
    listed_parameters, stores, words = [], [f"    call_.num = {call.number}"], 0
    for parameter in parameters(call):
        annotation = parameter.annotation
        assert annotation is not None
        inner = user_inner(annotation)
        shown = ast.unparse(inner if inner is not None else annotation)
        if inner is not None and shown.startswith("Ref["):
            shown = shown[4:-1]
        listed_parameters.append(f"{parameter.arg}: {shown}")
        name = parameter.arg
        if inner is not None:
            stores.append(f"    call_.args[{words}] = addr_of({name})")
            if is_span(inner):
                words += 1
                stores.append(f"    call_.args[{words}] = len({name})")
        else:
            stores.append(f"    call_.args[{words}] = {_to_word(name, shown)}")
        words += 1
    result = ast.unparse(call.node.returns) if call.node.returns is not None else "None"
    listed = "".join(f", {p}" for p in listed_parameters)
    lines = [f"def fill_{short}(call_: Syscall{listed}) -> None:", *stores, ""]
    passed = "".join(f", {p.split(':')[0]}" for p in listed_parameters)
    lines += [f"def submit_{short}(call_: Syscall{listed}) -> None:", f"    fill_{short}(call_{passed})", "    raw_submit(call_)", ""]
    lines += [
        f"def sys_{short}({listed[2:]}) -> {result}:",
        "    call_ = unset(Syscall)",
        "    start_call(call_)",
        f"    fill_{short}(call_{passed})",
        "    raw_submit(call_)",
        "    finish(call_)",
    ]
    if result == "None":
        lines.append("    result_of(call_)")
    elif result == "NoReturn":
        lines.append("    unreachable()")
    elif result in SIGNED:
        lines.append(f"    return wrap({result}, result_of(call_))")
    elif result == "bool":
        lines.append("    return result_of(call_) != 0")
    elif result in ("u64", "usize"):
        lines.append("    return result_of(call_)")
    else:
        lines.append(f"    return {result}(result_of(call_))")
    return [*lines, ""]

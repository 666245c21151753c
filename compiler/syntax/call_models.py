# SPDX-License-Identifier: GPL-2.0-or-later
"""What else the declaration of a system call gives: the tracer's decoder, the fuzzer's model, the rows of the reference.

The first two are written as source into the module `syscalls`, of the kernel and of user land; the last is read off the checked kernel.
"""

from __future__ import annotations

import ast
import re
from dataclasses import dataclass
from typing import Any

from compiler.syntax.declared import SIGNED, UNSIGNED, Declared, is_span, parameters, user_inner

ADDRESSES = ("Uaddr", "Paddr", "Kaddr")


@dataclass
class Argument:
    """One argument: `kind` is unsigned, signed, bool, address, member, struct, span or text; `type` what it is of."""

    name: str
    kind: str
    type: str
    words: int = 1


def arguments(call: Declared) -> list[Argument]:
    found = []
    for parameter in parameters(call):
        assert parameter.annotation is not None
        shown, inner = ast.unparse(parameter.annotation), user_inner(parameter.annotation)
        if inner is not None:
            target = ast.unparse(inner)
            kind = "text" if target == "str" else "span" if is_span(inner) else "struct"
            target = target.removeprefix("Ref[").removeprefix("Span[").removesuffix("]") if kind != "text" else target
            found.append(Argument(parameter.arg, kind, target, 1 if kind == "struct" else 2))
        else:
            kinds = {**dict.fromkeys(UNSIGNED, "unsigned"), **dict.fromkeys(SIGNED, "signed"), **dict.fromkeys(ADDRESSES, "address")}
            found.append(Argument(parameter.arg, "bool" if shown == "bool" else kinds.get(shown, "member"), shown))
    return found


# -- kernel: the decoder ----------------------------------------------------------------------------------------
def decoder(calls: list[Declared]) -> list[str]:
    """`print_call(sink, call)`: `mmap(addr=0x0, length=4096, prot=READ|WRITE, …)`."""
    lines = ["def print_call(sink: Sink, call: SyscallWords) -> None:", "    match call.num:"]
    for call in calls:
        lines.append(f"        case {call.number}:")
        text, at = call.short + "(", 0
        for i, argument in enumerate(arguments(call)):
            text += (", " if i else "") + argument.name + "="
            word = f"call.args[{at}]"
            at += argument.words
            if argument.kind == "text":
                lines += [f'            sink.print(f"{text}")', f"            print_user_text(sink, {word}, call.args[{at - 1}])"]
                text = ""
            elif argument.kind == "member":
                lines += [f'            sink.print(f"{text}")', f"            if valid({argument.type}, {word}):"]
                lines += [f'                sink.print(f"{{{argument.type}({word})}}")', "            else:"]
                lines.append(f'                sink.print(f"{{{word}:#x}}")')
                text = ""
            else:
                text += _printed(argument, word, at)
        lines.append(f'            sink.print(f"{text})")')
    return [*lines, "        case _:", '            sink.print(f"call {call.num}()")', ""]


def _printed(argument: Argument, word: str, at: int) -> str:
    """The f-string's part for an argument that needs no statement of its own."""
    if argument.kind == "signed":
        return f"{{wrap({argument.type}, {word})}}"
    if argument.kind == "bool":
        return f"{{{word} != 0}}"
    if argument.kind == "span":
        return f"{{{word}:#x}}+{{call.args[{at - 1}]}}"
    return f"{{{word}:#x}}" if argument.kind in ("address", "struct") else f"{{{word}}}"


# -- user land: the model ---------------------------------------------------------------------------------------
def model(calls: list[Declared]) -> list[str]:
    """`CALLS`: for each call its number, name, and what its argument words are."""
    members = sorted({a.type for c in calls for a in arguments(c) if a.kind == "member"})
    lines: list[str] = []
    for name in members:
        lines += [f"def bits_of_{name}() -> u64:", "    found: u64 = 0", f"    for member in {name}:"]
        lines += ["        found |= u64(member)", "    return found", ""]
    lines.append("CALLS: Array[CallModel] = (")
    for call in calls:
        words = [w for a in arguments(call) for w in _words(a)]
        given = "".join(f"{w}, " for w in words)
        head = f"number={call.number}, name={call.short!r}, errors={' '.join(errors(call))!r}"
        lines.append(f"    CallModel({head}, count={len(words)}, words=({given})),")
    return [*lines, ")", ""]


def errors(call: Declared) -> list[str]:
    """The names of the errors that a declaration's docstring speaks of."""
    return sorted(set(re.findall(r"\bE[A-Z0-9]{3,}\b", ast.get_docstring(call.node) or "")))


def _words(argument: Argument) -> list[str]:
    what = f"name={argument.name!r}, of={argument.type!r}, "
    if argument.kind in ("unsigned", "signed"):
        bits = {**UNSIGNED, **SIGNED}[argument.type]
        return [f"WordModel({what}kind=WordKind.{argument.kind.upper()}, size={bits // 8})"]
    if argument.kind == "member":
        return [f"WordModel({what}kind=WordKind.MEMBER, bits=bits_of_{argument.type}())"]
    if argument.kind in ("bool", "address"):
        return [f"WordModel({what}kind=WordKind.{argument.kind.upper()})"]
    size = "1" if argument.kind == "text" else f"sizeof({argument.type})"
    pointer = f"WordModel({what}kind=WordKind.POINTER, size=u32({size}))"
    return [pointer] if argument.kind == "struct" else [pointer, f"WordModel({what}kind=WordKind.COUNT, size=u32({size}))"]


# -- the reference ----------------------------------------------------------------------------------------------
def rows(program: Any, calls: list[Declared]) -> list[dict[str, Any]]:
    """One row a call, as plain data: number, name, what it does, its arguments and what each may be, its result."""
    from compiler.types.model import ClassType, EnumType

    found = []
    for call in calls:
        home = program.modules[call.module]
        listed = []
        for argument in arguments(call):
            row: dict[str, Any] = {"name": argument.name, "kind": argument.kind, "type": argument.type, "words": argument.words}
            if argument.kind in ("member", "struct", "span"):
                ty = program.resolve(ast.parse(argument.type, mode="eval").body, home, {})
                if isinstance(ty, EnumType):
                    row |= {"flags": ty.kind == "flag", "members": dict(ty.members)}
                else:
                    row["size"] = program.layouts.complete(ty).size if isinstance(ty, ClassType) else ty.size
            listed.append(row)
        result = ast.unparse(call.node.returns) if call.node.returns is not None else "None"
        text = (ast.get_docstring(call.node) or "").replace("\n", " ").strip()
        head = {"number": call.number, "name": call.short, "module": call.module, "does": text}
        found.append({**head, "arguments": listed, "result": result})
    return found


def signature(row: dict[str, Any]) -> str:
    """As a program calls it."""
    shown = []
    for argument in row["arguments"]:
        ty = f"Span[{argument['type']}]" if argument["kind"] == "span" else argument["type"]
        shown.append(f"{argument['name']}: {ty}")
    return f"sys_{row['name']}({', '.join(shown)}) -> {row['result']}"


def markdown(listed: list[dict[str, Any]]) -> str:
    """The reference of system calls, docs/syscalls.md."""
    lines = [
        "# System calls",
        "",
        "Written by `python -m compiler syscalls --markdown` from the `@syscall` declarations in the kernel.",
        "A program says `from syscalls import sys_…`: it blocks the thread until the call is done, and raises `Error` if it failed;",
        "`submit_…` only submits. Any call answers `EFAULT` for an address outside user memory, `ENOMEM` if there is no memory for a",
        "page that it is to touch, and `EINVAL` for a number out of its type's range or no member of its enum.",
        "",
        "| number | call | what it does |",
        "|---|---|---|",
    ]
    lines += [f"| {r['number']} | `{signature(r)}` | {r['does'].replace('|', chr(92) + '|')} |" for r in listed]
    enums = {a["type"]: a for r in listed for a in r["arguments"] if a["kind"] == "member"}
    lines += ["", "| type of argument | members |", "|---|---|"]
    for name, argument in sorted(enums.items()):
        shown = ", ".join(f"`{n}` = {v:#x}" if argument["flags"] else f"`{n}` = {v}" for n, v in argument["members"].items())
        lines.append(f"| `{name}`{' (flags)' if argument['flags'] else ''} | {shown} |")
    return "\n".join(lines) + "\n"

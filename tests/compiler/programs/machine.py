# SPDX-License-Identifier: GPL-2.0-or-later
"""A small stack machine: match on opcodes, dispatch by table, errors for bad programs."""

from enum import auto, IntEnum

from typing import Callable

from lang import Array, Errno, Error, Raises, Span, array, i32, i64, struct, u8, u64


class Op(u8, IntEnum):
    HALT = 0
    PUSH = auto()
    ADD = auto()
    MUL = auto()
    SUB = auto()
    DUP = auto()
    JUMP_NONZERO = auto()
    PRINT = auto()
    SWAP = auto()


@struct
class Machine:
    stack: Array[i64] = array(8)
    depth: u64
    at: u64
    steps: u64

    def push(self, value: i64) -> None:
        if self.depth == len(self.stack):
            raise Error(Errno.ENOMEM, f"stack full at {self.at}")
        self.stack[self.depth] = value
        self.depth += 1

    def pop(self) -> i64:
        if self.depth == 0:
            raise Error(Errno.EINVAL, f"stack empty at {self.at}")
        self.depth -= 1
        return self.stack[self.depth]

    def binary(self, f: Callable[[i64, i64], i64]) -> None:
        b = self.pop()
        a = self.pop()
        self.push(f(a, b))

    def run(self, code: Span[u8]) -> None:
        while self.at < len(code):
            op = code[self.at]
            self.at += 1
            self.steps += 1
            if not self.step(Op(op), code):
                return

    def step(self, op: Op, code: Span[u8]) -> bool:
        match op:
            case Op.HALT:
                return False
            case Op.PUSH:
                self.push(i64(code[self.at]))
                self.at += 1
            case Op.ADD:
                self.binary(add)
            case Op.MUL:
                self.binary(multiply)
            case Op.SUB:
                self.binary(subtract)
            case Op.DUP:
                top = self.pop()
                self.push(top)
                self.push(top)
            case Op.JUMP_NONZERO:
                target = u64(code[self.at])
                self.at += 1
                if self.pop() != 0:
                    self.at = target
            case Op.PRINT:
                print(self.pop(), end=" ")
            case Op.SWAP:
                b = self.pop()
                a = self.pop()
                self.push(b)
                self.push(a)
        return True


def add(a: i64, b: i64) -> i64:
    return a + b


def multiply(a: i64, b: i64) -> i64:
    return a * b


def subtract(a: i64, b: i64) -> i64:
    return a - b


def attempt(body: Callable[[Machine], Raises[u64]], machine: Machine) -> None:
    try:
        print("steps", body(machine))
    except Error as e:
        print("failed:", e.errno, e.message)


def countdown(machine: Machine) -> u64:
    code = array(16, u8)
    i: u64 = 0
    for byte in (1, 5, 5, 7, 1, 1, 4, 5, 6, 2, 0):
        code[i] = u8(byte)
        i += 1
    machine.run(code)
    return machine.steps


def overflow(machine: Machine) -> u64:
    code = array(4, u8)
    code[0] = Op.PUSH
    code[1] = 9
    code[2] = Op.DUP
    code[3] = Op.DUP
    machine.run(code)
    for _ in range(9):
        machine.push(1)
    return machine.steps


def underflow(machine: Machine) -> u64:
    code = array(1, u8)
    code[0] = Op.ADD
    machine.run(code)
    return machine.steps


def main() -> i32:
    attempt(countdown, Machine())
    attempt(overflow, Machine())
    attempt(underflow, Machine())
    return 0


if __name__ == "__main__":
    raise SystemExit(main())

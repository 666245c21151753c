# SPDX-License-Identifier: GPL-2.0-or-later
"""Random programs: control flow, errors, `with`, arrays, structs, virtual calls. Loops are bounded."""

import random

TYPES = ("u8", "u16", "u32", "u64", "i8", "i32", "i64")
SIGNED = {"i8", "i32", "i64"}
HEAD = '''# SPDX-License-Identifier: GPL-2.0-or-later
"""Generated."""

from abc import ABC, abstractmethod
from enum import IntEnum

from lang import Array, Errno, Error, Ref, Span, array, assign, copy, i8, i32, i64, struct, text, u8, u16, u32, u64, wrap


class Kind(IntEnum):
    A = 0
    B = 1
    C = 2
    D = 3


class Odd(Error):
    pass


@struct
class Part:
    u8_p: u8
    i32_p: i32 = 5
    u64_p: u64

    def bump(self, n: u8) -> u64:
        self.u8_p += n
        self.u64_p = self.u64_p * 31 + u64(self.u8_p)
        return self.u64_p


@struct
class State:
    u8_s: u8
    u16_s: u16
    u32_s: u32 = 77
    u64_s: u64
    i8_s: i8
    i32_s: i32
    i64_s: i64 = -3
    items: Array[u16] = array(8)
    parts: Array[Part] = array(4)
    part: Part
    link: Ref[Part] | None


class Step(ABC):
    total: u64

    @abstractmethod
    def take(self, n: u64) -> u64: ...

    def twice(self, n: u64) -> u64:
        return self.take(self.take(n))


class Add(Step):
    amount: u64 = 3

    def take(self, n: u64) -> u64:
        self.total += 1
        return n + self.amount


class Mix(Add):
    def take(self, n: u64) -> u64:
        return super().take(n) ^ n >> 3


@struct
class Guard:
    depth: u32

    def __enter__(self) -> u32:
        self.depth += 1
        return self.depth

    def __exit__(self) -> None:
        self.depth -= 1
        print("leave", self.depth)


class Picky(Mix):
    limit: u64 = 1 << 20

    def take(self, n: u64) -> u64:
        if n > self.limit:
            self.limit += n // 3
            raise Odd(Errno.ERANGE, f"{n:,} is too much")
        return super().take(n) + 1


guard = Guard()
picky = Picky()
state = State()
add = Add()
mix = Mix(amount=1000)
table = array(8, u32)


def check(n: u64) -> u64:
    if n % 7 == 3:
        raise Error(Errno.EINVAL, f"three {n}")
    if n % 7 == 5:
        raise Odd(Errno.EDOM, f"five {n:#x}")
    return n // 2


def halves(n: u64) -> tuple[u64, u32]:
    return n // 2, wrap(u32, n) | 1


def maybe(n: u64) -> u64 | None:
    return None if n % 3 == 0 else check(n) + 1


def total(items: Span[u16]) -> u64:
    found: u64 = 0
    for item in items:
        found = found * 3 + u64(item)
    return found
'''


class Maker:
    def __init__(self, seed):
        self.random = random.Random(seed)
        self.lines = []
        self.counter = 0
        self.functions = []
        self.loops = 0

    # -- expressions --------------------------------------------------------------------------------------------
    def literal(self, ty):
        bits = int(ty[1:])
        top = (1 << (bits - (ty in SIGNED))) - 1
        value = self.random.choice([0, 1, 2, 3, 5, 7, 100, top, top - 1, self.random.randrange(min(top, 1 << 40))])
        return str(value) if ty not in SIGNED or self.random.random() < 0.7 else f"(-{value})"

    def name(self, ty, scope):
        names = [n for n, t in scope.items() if t == ty]
        return self.random.choice(names) if names else self.literal(ty)

    def expr(self, ty, scope, depth=2):
        roll = self.random.random()
        if depth == 0 or roll < 0.15:
            return self.leaf(ty, scope)
        if roll < 0.2:
            return self.literal(ty) if ty != "i64" else self.leaf(ty, scope)
        if roll < 0.6:
            op = self.random.choice(["+", "-", "*", "&", "|", "^", "//", "%", ">>"])
            left = self.expr(ty, scope, depth - 1)
            if left.strip("(-)").isdigit():  # two literals would be folded without a width
                left = f"{ty}({left})"
            if op == ">>":
                return f"({left} >> {self.random.randrange(int(ty[1:]))})"
            if op in ("//", "%"):
                return f"({left} {op} {self.random.choice([1, 2, 3, 10, 100])})"
            right = self.expr(ty, scope, depth - 1)
            if ty in SIGNED and op in "+-*":  # mostly small, so that not every program fails a check
                return f"(({left} & 31) {op} ({right} & 3))"
            return f"({left} {op} {right})"
        if roll < 0.7:
            first, second = self.expr(ty, scope, depth - 1), self.leaf(ty, scope)
            if first.strip("(-)").isdigit() and second.strip("(-)").isdigit():  # a choice of two literals is an `i64`
                first = f"{ty}({first})"
            return f"({first} if {self.test(scope)} else {second})"
        if roll < 0.8:
            return f"wrap({ty}, {self.expr(self.random.choice(TYPES), scope, depth - 1)})"
        if roll < 0.86:
            return f"{self.random.choice(['min', 'max'])}({self.leaf(ty, scope)}, {self.expr(ty, scope, depth - 1)})"
        if ty == "u64" and roll < 0.97:
            return self.call(scope, depth)
        return self.leaf(ty, scope)

    def leaf(self, ty, scope):
        if ty == "u16" and self.random.random() < 0.3:
            return f"state.items[{self.name('u32', scope)} & 7]"
        if ty == "u32" and self.random.random() < 0.3:
            return f"table[{self.random.randrange(8)}]"
        if self.random.random() < 0.25:
            return f"state.{ty}_s"
        if ty in ("u8", "i32", "u64") and self.random.random() < 0.2:
            return self.random.choice([f"state.part.{ty}_p", f"state.parts[{self.name('u8', scope)} & 3].{ty}_p"])
        found = self.name(ty, scope)
        return f"{ty}({found})" if found[0] in "0123456789(" and ty != "i64" and self.random.random() < 0.5 else found

    def call(self, scope, depth):
        choice = self.random.randrange(9)
        inner = self.expr("u64", scope, depth - 1)
        if choice == 0 and self.functions:
            return f"{self.random.choice(self.functions)}({self.expr('u8', scope, 0)}, {self.expr('i32', scope, 0)}, {inner})"
        if choice == 1:
            return f"{self.random.choice(['add', 'mix'])}.{self.random.choice(['take', 'twice'])}({inner})"
        if choice == 2:
            return f"total(state.items[{self.random.randrange(4)}:{self.random.randrange(4, 9)}])"
        if choice == 3:
            return f"state.parts[{self.random.randrange(4)}].bump({self.expr('u8', scope, 0)})"
        if choice == 4:
            return "sum(u64(t) for t in table if t > 2)"
        if choice == 5:
            return f"check({inner})"
        if choice == 6:
            return f"picky.{self.random.choice(['take', 'twice'])}({inner})"
        if choice == 7:
            return f"halves({inner})[0]"
        return f"u64({self.test(scope)})"

    def test(self, scope):
        ty = self.random.choice(TYPES)
        roll = self.random.random()
        a = self.expr(ty, scope, 1)
        if roll < 0.6:
            return f"{self.leaf(ty, scope)} {self.random.choice(['<', '<=', '>', '>=', '==', '!='])} {a}"
        if roll < 0.75:
            return f"({self.leaf(ty, scope)} <= {a} < {self.leaf(ty, scope)})"
        if roll < 0.9:
            return f"({self.test(scope)} {self.random.choice(['and', 'or'])} {self.test(scope)})"
        return f"not ({self.test(scope)})"

    # -- statements ---------------------------------------------------------------------------------------------
    def fresh(self, prefix):
        self.counter += 1
        return f"{prefix}_{self.counter}"

    def put(self, indent, line):
        self.lines.append("    " * indent + line)

    def block(self, indent, scope, depth, in_loop):
        scope = dict(scope)
        for _ in range(self.random.randint(1, 4 if depth else 2)):
            self.statement(indent, scope, depth, in_loop)

    def statement(self, indent, scope, depth, in_loop):
        kinds = ["local", "assign", "assign", "augment", "field", "field", "store", "print", "print"]
        if depth > 0:
            kinds += [
                "if",
                "if",
                "while",
                "for",
                "for",
                "each",
                "try",
                "try",
                "match",
                "with",
                "optional",
                "maybe",
                "copies",
                "pair",
                "line",
            ]
        if in_loop:
            kinds += ["leave"]
        if self.random.random() < 0.04:
            kinds = ["return"]
        getattr(self, f"make_{self.random.choice(kinds)}")(indent, scope, depth, in_loop)

    def make_local(self, indent, scope, depth, in_loop):
        ty, name = self.random.choice(TYPES), self.fresh("v")
        self.put(indent, f"{name}: {ty} = {self.expr(ty, scope)}")
        scope[name] = ty

    def make_assign(self, indent, scope, depth, in_loop):
        names = [n for n in scope if n[0] == "v"]
        if not names:
            return self.make_local(indent, scope, depth, in_loop)
        name = self.random.choice(names)
        other = self.random.choice(names)
        if other != name and scope[other] == scope[name]:
            self.put(indent, f"{name}, {other} = {other}, {self.expr(scope[name], scope)}")
        else:
            self.put(indent, f"{name} = {self.expr(scope[name], scope)}")

    def make_augment(self, indent, scope, depth, in_loop):
        names = [n for n in scope if n[0] == "v" and scope[n] not in SIGNED]
        if not names:
            return self.make_local(indent, scope, depth, in_loop)
        name = self.random.choice(names)
        self.put(indent, f"{name} {self.random.choice(['+=', '-=', '*=', '^=', '|=', '&='])} {self.expr(scope[name], scope)}")

    def make_field(self, indent, scope, depth, in_loop):
        ty = self.random.choice(TYPES)
        target = f"state.{ty}_s"
        if ty in ("u8", "i32", "u64") and self.random.random() < 0.5:
            target = self.random.choice([f"state.part.{ty}_p", f"state.parts[{self.random.randrange(4)}].{ty}_p"])
        op = "=" if ty in SIGNED else self.random.choice(["=", "+=", "^="])
        self.put(indent, f"{target} {op} {self.expr(ty, scope)}")

    def make_store(self, indent, scope, depth, in_loop):
        where, ty = self.random.choice([("state.items", "u16"), ("table", "u32")])
        index = self.expr(self.random.choice(["u8", "u32", "u64"]), scope, 1)
        self.put(indent, f"{where}[{index} & 7] {self.random.choice(['=', '+='])} {self.expr(ty, scope)}")

    def make_print(self, indent, scope, depth, in_loop):
        parts = [self.expr(self.random.choice(TYPES), scope, 1) for _ in range(2)]
        self.put(indent, f'print("{self.fresh("p")}", {", ".join(parts)})')

    def make_if(self, indent, scope, depth, in_loop):
        self.put(indent, f"if {self.test(scope)}:")
        self.block(indent + 1, scope, depth - 1, in_loop)
        if self.random.random() < 0.4:
            self.put(indent, f"elif {self.test(scope)}:")
            self.block(indent + 1, scope, depth - 1, in_loop)
        if self.random.random() < 0.6:
            self.put(indent, "else:")
            self.block(indent + 1, scope, depth - 1, in_loop)

    def make_while(self, indent, scope, depth, in_loop):
        name = self.fresh("n")
        self.put(indent, f"{name}: u32 = {self.random.randrange(6)}")
        self.put(indent, f"while {name} > 0:")
        self.put(indent + 1, f"{name} -= 1")
        self.block(indent + 1, {**scope, name: "u32"}, depth - 1, True)
        self.maybe_else(indent, scope, depth, in_loop)

    def make_for(self, indent, scope, depth, in_loop):
        name, ty = self.fresh("i"), self.random.choice(["u8", "u32", "u64", "i64", "i32"])
        low, high = self.random.randrange(5), self.random.randrange(9)
        forms = [
            f"range({ty}({low}), {high})",
            f"range({ty}({high}))",
            f"range({ty}({low}), {high * 3}, {self.random.choice([1, 2, 5])})",
            f"range({ty}({high * 3}), {low}, {self.random.choice([-1, -2, -5])})",
            f"reversed(range({ty}({low}), {high}))",
        ]
        self.put(indent, f"for {name} in {self.random.choice(forms)}:")
        self.block(indent + 1, {**scope, name: ty}, depth - 1, True)
        self.maybe_else(indent, scope, depth, in_loop)

    def make_each(self, indent, scope, depth, in_loop):
        name, at = self.fresh("e"), self.fresh("i")
        ty, where = self.random.choice([("u16", "state.items"), ("u16", "state.items[2:6]"), ("u32", "table")])
        if self.random.random() < 0.5:
            self.put(indent, f"for {name} in {where}:")
            self.block(indent + 1, {**scope, name: ty}, depth - 1, True)
        else:
            self.put(indent, f"for {at}, {name} in enumerate({where}):")
            self.block(indent + 1, {**scope, name: ty, at: "u64"}, depth - 1, True)

    def maybe_else(self, indent, scope, depth, in_loop):
        if self.random.random() < 0.3:
            self.put(indent, "else:")
            self.block(indent + 1, scope, depth - 1, in_loop)

    def make_try(self, indent, scope, depth, in_loop):
        name = self.fresh("v")
        self.put(indent, f"{name}: u64 = 1")
        scope[name] = "u64"
        self.put(indent, "try:")
        self.block(indent + 1, scope, depth - 1, in_loop)
        self.put(indent + 1, f"{name} = check({self.expr('u64', scope, 1)})")
        self.block(indent + 1, scope, depth - 1, in_loop)
        if self.random.random() < 0.5:
            self.put(indent, "except Odd as e:")
            self.put(indent + 1, f'print("odd", e.message, {name})')
            if self.random.random() < 0.2:
                self.put(indent + 1, "raise")
        if self.random.random() < 0.8:
            self.put(indent, "except Error as e:")
            self.put(indent + 1, 'print("error", e.errno, e.message)')
            self.block(indent + 1, scope, depth - 1, in_loop)
            if self.random.random() < 0.3:
                self.put(indent, "else:")
                self.block(indent + 1, scope, depth - 1, in_loop)
            if self.random.random() < 0.5:
                return
        self.put(indent, "finally:")
        self.put(indent + 1, f'print("finally", {name})')

    def make_match(self, indent, scope, depth, in_loop):
        if self.random.random() < 0.5:
            self.put(indent, f"match Kind({self.expr('u32', scope, 1)} & 3):")
            for case in ("Kind.A", "Kind.B | Kind.C", "Kind.D"):
                self.put(indent + 1, f"case {case}:")
                self.block(indent + 2, scope, depth - 1, in_loop)
            return
        self.put(indent, f"match {self.expr('u8', scope, 1)} & 7:")
        for case in ("0 | 1", "2", f"m if m > 4 and {self.test(scope)}", "_"):
            self.put(indent + 1, f"case {case}:")
            self.block(indent + 2, scope, depth - 1, in_loop)

    def make_with(self, indent, scope, depth, in_loop):
        name = self.fresh("g")
        self.put(indent, f"with guard as {name}:")
        self.block(indent + 1, {**scope, name: "u32"}, depth - 1, in_loop)

    def make_optional(self, indent, scope, depth, in_loop):
        name = self.fresh("o")
        self.put(indent, f"state.link = state.parts[{self.random.randrange(4)}] if {self.test(scope)} else None")
        self.put(indent, f"{name} = state.link")
        self.put(indent, f"if {name} is not None:")
        self.put(indent + 1, f"{name}.u8_p += 1")
        self.put(indent + 1, f'print("part", {name}.u64_p, {name}.bump(3))')

    def make_maybe(self, indent, scope, depth, in_loop):
        name = self.fresh("o")
        self.put(indent, f"{name} = maybe({self.expr('u64', scope, 1)})")
        form = self.random.randrange(3)
        if form == 0:
            self.put(indent, f"if {name} is not None and {name} > 5:")
            self.block(indent + 1, {**scope, name: "u64"}, depth - 1, in_loop)
        elif form == 1:
            self.put(indent, f"if {name} is None:")
            self.put(indent + 1, f"{name} = {self.expr('u64', scope, 1)}")
            self.put(indent, f'print("maybe", {name} + 1)')
        else:
            self.put(indent, f"while ({name} := maybe({self.expr('u64', scope, 1)})) is not None:")
            self.put(indent + 1, f'print("got", {name})')
            self.put(indent + 1, "break")

    def make_copies(self, indent, scope, depth, in_loop):
        name = self.fresh("s")
        i, j = self.random.randrange(4), self.random.randrange(4)
        self.put(indent, f"{name} = copy(state.parts[{i}])")
        self.put(indent, f"{name}.u64_p ^= {self.expr('u64', scope, 1)}")
        self.put(indent, f"assign(state.parts[{j}], {name})")
        self.put(indent, f"{name}.u8_p += 1")
        self.put(indent, f'print("copy", state.parts[{i}].u64_p, state.parts[{j}].u8_p, {name}.u8_p)')
        if self.random.random() < 0.5:
            self.put(indent, f"state.part = Part(u64_p={self.expr('u64', scope, 1)}, u8_p=state.part.u8_p)")

    def make_pair(self, indent, scope, depth, in_loop):
        a, b = self.fresh("v"), self.fresh("v")
        self.put(indent, f"{a}, {b} = halves({self.expr('u64', scope, 1)})")
        scope[a], scope[b] = "u64", "u32"
        self.put(indent, f"{a}, state.items[{b} & 7] = u64({b}), wrap(u16, {a})")

    def make_line(self, indent, scope, depth, in_loop):
        name = self.fresh("t")
        self.put(indent, f"{name} = text({self.random.randrange(1, 30)})")
        spec = self.random.choice(["", ":>7", ":#x", ":,", ":08b", ":<3"])
        self.put(indent, f'{name}.write(f"{{{self.expr("u64", scope, 1)}{spec}}}|{{{self.leaf("i32", scope)}:+}}")')
        self.put(indent, f'print({name}, {name}.len, {name}.truncated, {name}.view.find("|"))')

    def make_leave(self, indent, scope, depth, in_loop):
        self.put(indent, f"if {self.test(scope)}:")
        self.put(indent + 1, self.random.choice(["break", "continue"]))

    def make_return(self, indent, scope, depth, in_loop):
        self.put(indent, f"if {self.test(scope)}:")
        self.put(indent + 1, f"return {self.expr('u64', scope, 1)}")

    # -- whole programs -----------------------------------------------------------------------------------------
    def function(self):
        name = self.fresh("work")
        scope = {"a": "u8", "b": "i32", "c": "u64", "va": "u32"}
        self.put(0, f"\n\ndef {name}(a: u8, b: i32, c: u64) -> u64:")
        self.put(1, f"va: u32 = {self.random.randrange(1000)}")
        for _ in range(self.random.randint(3, 6)):
            self.statement(1, scope, 2, False)
        self.put(1, f"return {self.expr('u64', scope)}")
        self.functions.append(name)

    def program(self):
        for _ in range(4):
            self.function()
        self.put(0, "\n\ndef main() -> i32:")
        for name in self.functions:
            for a, b, c in (
                (0, 0, 0),
                (200, -7, 1 << 60),
                (self.random.randrange(256), self.random.randrange(-999, 999), self.random.randrange(1 << 40)),
            ):
                self.put(1, "try:")
                self.put(2, f'print("{name}", {name}({a}, {b}, {c}))')
                self.put(1, "except Error as e:")
                self.put(2, 'print("left", e.errno, e.message)')
        self.put(1, "for item in state.items:")
        self.put(2, 'print(item, end=" ")')
        self.put(1, "print(add.total, mix.total, guard.depth, state.part.u8_p, copy(state).i64_s)")
        self.put(1, "return 0")
        self.put(0, '\n\nif __name__ == "__main__":\n    raise SystemExit(main())')
        return HEAD + "\n".join(self.lines) + "\n"

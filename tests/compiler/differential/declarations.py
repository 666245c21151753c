# SPDX-License-Identifier: GPL-2.0-or-later
"""Rules for what stands at module level: constants, globals, types, classes, generics, functions."""

from __future__ import annotations

from tests.compiler.differential.control import raise_now
from tests.compiler.differential.grammar import (
    BOOL,
    F64,
    I32,
    I64,
    INTS,
    STR,
    U8,
    U16,
    U32,
    U64,
    AtomicOf,
    Body,
    Enumeration,
    Float,
    Function,
    Int,
    Module,
    Record,
    Type,
    Value,
    Variable,
    array_of,
    declaration,
    optional,
    span_of,
    tuple_of,
)
from tests.compiler.differential.numbers import literal_of
from tests.compiler.differential.statements import any_scalar, kept, show


def heading(m: Module) -> Body:
    """Something to make constant expressions with: it has no variables."""
    body = Body(m, 0, [], None, True)
    body.scope = []
    return body


def shown(n: int) -> str:
    return f"({n})" if n < 0 else str(n)


# -- constants and globals ------------------------------------------------------------------------------------------
@declaration(3)
def constant(m: Module) -> bool:
    """Folded by the compiler; one without a type is as large as it is."""
    rng, name = m.rng, m.fresh("C")
    a, b = rng.randrange(1, 60), rng.randrange(200)
    text = rng.choice([f"(1 << {a}) - {b}", f"{b} * {a} // 7", f"~{b}", f"-{b}", f"{b} | {a} << 4", f"{b} % {a} ** 2", f"({b} ^ {a}) - 50"])
    known = eval(text)  # the text that was just written
    types = [t for t in INTS if t.low <= known <= t.high]
    if rng.random() < 0.5 and types:
        ty = rng.choice(types)
        m.put(f"{name}: {ty.name} = {text}")
        m.scope.append(Variable(name, ty, False, known, known, constant=True))
    else:
        m.put(f"{name} = {text}")
        m.constants.append((name, known))
    return True


@declaration(2)
def constant_text(m: Module) -> bool:
    name = m.fresh("W")
    m.put(f"{name}: str = {m.rng.choice([*m.words, 'tab' + chr(9), 'line' + chr(10)])!r}")
    m.scope.append(Variable(name, STR, False))
    return True


@declaration(4)
def global_variable(m: Module) -> bool:
    g, name = heading(m), m.fresh("x")
    ty = m.rng.choice([*INTS, BOOL, F64])
    first = shown(literal_of(g, ty)) if isinstance(ty, Int) else "False" if ty == BOOL else "0.5"
    m.put(f"{name}: {ty.name} = {first}")
    m.scope.append(Variable(name, ty))
    m.globals.append(name)
    return True


@declaration(3)
def global_array(m: Module) -> bool:
    records = m.of(Record, lambda r: not r.polymorphic)
    kinds = m.of(Enumeration, lambda e: 0 in e.members.values())
    elem = m.rng.choice([*INTS, *INTS, BOOL, *records, *records, *kinds])
    ty, name = array_of(elem, m.rng.choice([2, 3, 4, 8])), m.fresh("table")
    m.put(f"{name} = array({ty.length}, {elem.name})")
    m.scope.append(Variable(name, ty, False))
    return True


# -- enumerations ---------------------------------------------------------------------------------------------------
@declaration(3)
def enumeration(m: Module) -> bool:
    rng = m.rng
    kind, storage, name = rng.choice(["enum", "int", "flag"]), rng.choice([U8, U16, U32, U32]), m.fresh("Kind")
    if kind == "flag":
        members = {f"F{i}": 1 << i for i in range(rng.randint(1, 5))}
    else:
        first = rng.choice([0, 0, 1, 3])
        members = {f"M{i}": first + i for i in range(rng.randint(1, 5))}
    base = {"enum": "Enum", "int": "IntEnum", "flag": "IntFlag"}[kind]
    m.put("", "", f"class {name}({storage.name + ', ' if storage != U32 else ''}{base}):")
    automatic = kind != "flag" and first == 1 and rng.random() < 0.5
    m.put(*(f"    {n} = {'auto()' if automatic else v}" for n, v in members.items()), "", "")
    m.types.append(Enumeration(name, kind, storage, members))
    return True


# -- records --------------------------------------------------------------------------------------------------------
@declaration(4)
def bit_field_type(m: Module) -> bool:
    rng, raw, name = m.rng, m.rng.choice([U8, U16, U32, U64]), m.fresh("Word")
    m.put("", "", f"class {name}(Bits[{raw.name}]):")
    fields: dict[str, Type] = {}
    widths: dict[str, int] = {}
    at = 0
    # An enumeration that has a member for all that the bits can hold: reading anything else would end the program at once.
    kinds = {len(e.members) // 2: e for e in m.of(Enumeration, lambda e: [*e.members.values()] in ([0, 1], [0, 1, 2, 3]))}
    while at < raw.bits and len(fields) < 4:
        at += rng.choice([0, 0, 1])
        width, part = rng.randint(1, max(1, raw.bits // 3)), f"b{len(fields)}"
        if at + width > raw.bits:
            break
        if rng.random() < 0.3:
            m.put(f"    {part} = bit({at})")
            fields[part], widths[part] = BOOL, 1
            at += 1
            continue
        if width in kinds:
            m.put(f"    {part} = bits({at}, {at + width - 1}, {kinds[width].name})")
            fields[part], widths[part] = kinds[width], width
        else:
            m.put(f"    {part} = bits({at}, {at + width - 1})")
            fields[part], widths[part] = raw, width
        at += width
    if not fields:
        m.put("    b0 = bit(0)")
        fields["b0"], widths["b0"] = BOOL, 1
    m.put("", "")
    made = Record(name, fields, bits=widths, raw=raw)
    m.types.append(made)
    table = m.fresh("words")
    m.put(f"{table} = array(3, {name})", "")
    m.scope.append(Variable(table, array_of(made, 3), False))
    return True


def field_lines(m: Module, name: str, count: int) -> dict[str, Type]:
    """Fields with defaults, written under a class's head."""
    rng, fields = m.rng, {}
    parts: list[Type] = [*m.of(Record, lambda r: not r.polymorphic)]
    for i in range(count):
        field = f"{name[0].lower()}{m.counter}_{i}"
        roll = rng.random()
        if roll < 0.5:
            ty: Type = rng.choice([*INTS, BOOL, F64])
            first = heading(m)
            given = shown(literal_of(first, ty)) if isinstance(ty, Int) else "True" if ty == BOOL else "1.5"
            m.put(f"    {field}: {ty.name}" + (f" = {given}" if rng.random() < 0.5 else ""))
        elif roll < 0.62:
            ty = array_of(rng.choice([*INTS, *parts]), rng.choice([1, 2, 4]))
            m.put(f"    {field}: {ty.name} = array({ty.length})")  # type: ignore[attr-defined]
        elif roll < 0.72 and parts:
            ty = rng.choice(parts)
            m.put(f"    {field}: {ty.name}")
        elif roll < 0.8:
            elem = rng.choice(INTS)
            ty = AtomicOf(f"Atomic[{elem.name}]", elem)
            m.put(f"    {field}: {ty.name}")
        elif roll < 0.9:
            references = [t for t in parts if not getattr(t, "bits", None)]
            ty = optional(rng.choice([*INTS, STR, *references]))
            m.put(f"    {field}: {ty.name}" + (" = None" if rng.random() < 0.3 else ""))
        else:
            kinds = m.of(Enumeration, lambda e: 0 in e.members.values())
            ty = rng.choice([STR, *kinds])
            m.put(f"    {field}: {ty.name}" + (f" = {rng.choice(m.words)!r}" if ty == STR else ""))
        fields[field] = ty
    return fields


def method(m: Module, record: Record, name: str, params: list[Type], result: Type | None, quiet: bool, first: str = "") -> Function:
    """Write a method with a random body."""
    names = [m.fresh("a") for _ in params]
    arguments = "".join(f", {n}: {t.name}" for n, t in zip(names, params, strict=True))
    m.put(f"    def {name}(self{arguments}) -> {result.name if result else 'None'}:")
    body = Body(m, 2, [Variable("self", record, False), *(Variable(n, t) for n, t in zip(names, params, strict=True))], result, quiet)
    globals_line(m, body)
    if first:
        body.put(first)
        body.cost += 200
    body.depth = 1
    body.statements(2)
    if result is not None:
        body.put(f"return {kept(body.expr(result))}")
    m.put("")
    return Function(name, params, result, body.raises, body.cost)


def globals_line(m: Module, body: Body) -> None:
    if m.globals:
        body.put(f"global {', '.join(m.globals)}")


def finish(m: Module, record: Record) -> None:
    """A function that prints it, an instance, and its final state in `main`."""
    printer(m, record)
    name = m.fresh("the")
    m.put("", "", f"{name} = {record.name}()")
    m.scope.append(Variable(name, record, False))
    m.finals.append(f"show_{record.name}({name})")
    m.put("")


def printer(m: Module, record: Record) -> None:
    m.put("", f"def show_{record.name}(self: {record.name}) -> None:")
    show(Body(m, 1, [], None), Value("self", record), whole=False)


@declaration(5)
def record(m: Module) -> bool:
    name = m.fresh("Part")
    m.put("", "", f"@struct{m.rng.choice(['', '', '(align=64)', '(packed=True)'])}", f"class {name}:")
    made = Record(name, field_lines(m, name, m.rng.randint(1, 5)))
    m.put("")
    g = heading(m)
    methods = {}
    for i in range(m.rng.randint(0, 2)):
        own = f"m{m.counter}_{i}"
        result = m.rng.choice([None, any_scalar(g)])
        methods[own] = method(m, made, own, [any_scalar(g) for _ in range(m.rng.randint(0, 2))], result, m.rng.random() < 0.5)
    numbers = [(n, t) for n, t in made.fields.items() if isinstance(t, Int)]
    if m.rng.random() < 0.5 and numbers:
        special_methods(m, made, *m.rng.choice(numbers))
    made.methods.update(methods)
    m.types.append(made)
    finish(m, made)
    return True


def special_methods(m: Module, record: Record, name: str, ty: Int) -> None:
    """A property with its setter, a static method, an order, all over one field."""
    m.put("    LIMIT = 5", "", "    @property", f"    def seen(self) -> {ty.name}:", f"        return self.{name} ^ self.LIMIT", "")
    m.put("    @seen.setter", f"    def seen(self, value: {ty.name}) -> None:", f"        self.{name} = value & 77", "")
    m.put("    @staticmethod", f"    def folded(a: {ty.name}, b: {ty.name} = 9) -> {ty.name}:", "        return (a ^ b) >> 1", "")
    m.put(f"    def __lt__(self, other: {record.name}) -> bool:", f"        return self.{name} < other.{name}", "")
    m.put(f"    def __eq__(self, other: {record.name}) -> bool:", f"        return self.{name} == other.{name}", "")
    record.methods["folded"] = Function("folded", [ty, ty], ty, False, 2)
    object.__setattr__(record, "ordered", True)
    m.special.append((record, ty))


@declaration(2)
def default_arguments(m: Module) -> bool:
    """Called by position and by keyword."""
    rng, name = m.rng, m.fresh("defaults")
    g, ty = heading(m), rng.choice(INTS)
    m.put("", "", f"def {name}(a: {ty.name}, b: {ty.name} = {shown(literal_of(g, ty))}, c: bool = True) -> {ty.name}:")
    m.put("    return a ^ b if c else a & b", "", "")
    call = rng.choice([f"{name}(x)", f"{name}(x, c=x > 3)", f"{name}(c=False, a=x)", f"{name}(b=x, a=7)", f"{name}(x, x, x == 0)"])
    wrapper = m.fresh("work")
    m.put(f"def {wrapper}(x: {ty.name}) -> {ty.name}:", f"    return {call}", "", "")
    m.functions.append(Function(wrapper, [ty], ty, False, 3))
    return True


@declaration(2)
def constant_pairs(m: Module) -> bool:
    """A table of tuples, walked by the compiler."""
    rng, name, worker = m.rng, m.fresh("PAIRS"), m.fresh("work")
    pairs = ", ".join(f"({rng.randrange(99)}, {rng.randrange(-50, 50)})" for _ in range(rng.randint(1, 4)))
    m.put("", f"{name} = ({pairs},)", "", "", f"def {worker}(x: i64) -> i64:", "    found = 0", f"    for a, b in {name}:")
    m.put(f"        if a {rng.choice(['<', '>=', '!='])} x:", f"            {rng.choice(['continue', 'break', 'found -= 1'])}")
    m.put("        found += a * b", "    else:", "        found += 1000", "    return found", "", "")
    m.functions.append(Function(worker, [I64], I64, False, 12))
    return True


@declaration(1)
def registry(m: Module) -> bool:
    """Functions that register themselves."""
    rng, name, ty, worker = m.rng, m.fresh("hooks"), m.rng.choice(INTS), m.fresh("work")
    m.put("", f"{name} = Registry[Callable[[{ty.name}], {ty.name}]]()", "")
    for _ in range(rng.randint(1, 3)):
        m.put("", f"@{name}", f"def {m.fresh('hook')}(x: {ty.name}) -> {ty.name}:")
        m.put(f"    return x {rng.choice('&|^')} {rng.randrange(100)}", "")
    m.put("", f"def {worker}(x: {ty.name}) -> {ty.name}:", f"    for act in {name}:", "        x = act(x) >> 1")
    m.put(f'    print("{worker}", x, len({name}))', "    return x", "", "")
    m.functions.append(Function(worker, [ty], ty, False, 12))
    return True


@declaration(1)
def command_table(m: Module) -> bool:
    """Functions as fields of static storage."""
    rng, name, ty, worker = m.rng, m.fresh("Command"), m.rng.choice(INTS), m.fresh("work")
    acts = [m.fresh("act") for _ in range(2)]
    for act in acts:
        m.put("", f"def {act}(x: {ty.name}) -> {ty.name}:", f"    return x {rng.choice('&|^')} {rng.randrange(100)}", "")
    m.put("", "@struct", f"class {name}:", "    name: str", f"    run: Callable[[{ty.name}], {ty.name}]", "    count: u32", "")
    instances = [m.fresh("command") for _ in acts]
    for instance, act in zip(instances, acts, strict=True):
        m.put("", f'{instance} = {name}("{act}", {act}, count={rng.randrange(9)})')
    m.put("", f"def {worker}(which: bool, x: {ty.name}) -> {ty.name}:", f"    chosen = {instances[0]} if which else {instances[1]}")
    m.put("    chosen.count += 1", "    print(chosen.name, chosen.count)", "    return chosen.run(x)", "", "")
    m.functions.append(Function(worker, [BOOL, ty], ty, False, 6))
    return True


@declaration(3)
def hierarchy(m: Module) -> bool:
    """An abstract class, and classes under it that override."""
    g, rng = heading(m), m.rng
    name, own, other = m.fresh("Base"), m.fresh("act"), m.fresh("do")
    params, result = [any_scalar(g) for _ in range(rng.randint(0, 2))], any_scalar(g)
    raises = rng.random() < 0.3
    m.put("", "", f"class {name}(ABC):")
    base = Record(name, field_lines(m, name, rng.randint(1, 3)), polymorphic=True)
    shown_params = "".join(f", p{i}: {t.name}" for i, t in enumerate(params))
    m.put("", "    @abstractmethod", f"    def {own}(self{shown_params}) -> {result.name}: ...", "")
    second = method(m, base, other, params, result, not raises)
    costs, instances, classes = [second.cost], [], [base]
    for _ in range(rng.randint(1, 3)):
        parent, child = rng.choice(classes), m.fresh("Derived")
        m.put("", f"class {child}({parent.name}):")
        record = Record(child, {**parent.fields, **field_lines(m, child, rng.randint(0, 2))}, base=parent, polymorphic=True)
        if len(record.fields) == len(parent.fields):
            m.put('    """Has nothing of its own."""')
        m.put("")
        overridden = [own] if parent is base or rng.random() < 0.5 else []
        overridden += [other] if rng.random() < 0.5 else []
        for which in overridden:
            upward = parent is not base or which == other
            names = ", ".join(default_argument(t) for t in params)
            first = f'print("up", super().{which}({names}))' if upward and rng.random() < 0.5 else ""
            costs.append(method(m, record, which, params, result, not raises, first).cost)
        instances.append(record)
        classes.append(record)
    worst = sum(costs) + 50
    base.methods.update({n: Function(n, params, result, raises, worst) for n in (own, other)})
    for record in instances:
        record.methods.update(base.methods)
    m.types += instances
    printer(m, base)
    for record in instances:
        finish(m, record)
    table = m.fresh("table")
    m.put(f"{table} = array({len(instances)}, Ref[{name}])")
    m.tables.append((table, [v.name for v in m.scope if v.ty in instances]))
    through(m, name, table, own, base.methods[own], len(instances))
    return True


def default_argument(ty: Type) -> str:
    if isinstance(ty, Int):
        return f"{ty.name}(3)"
    if isinstance(ty, Enumeration):
        return f"{ty.name}.{next(iter(ty.members))}"
    return {"bool": "True", "f64": "2.5", "str": '"up"'}[ty.name]


def through(m: Module, base: str, table: str, own: str, act: Function, count: int) -> None:
    """A function that calls whichever object stands in the table."""
    name = m.fresh("dispatch")
    names = [f"p{i}" for i in range(len(act.params))]
    arguments = "".join(f", {n}: {t.name}" for n, t in zip(names, act.params, strict=True))
    assert act.result is not None
    m.put("", "", f"def {name}(which: u32{arguments}) -> {act.result.name}:")
    m.put(f"    return {table}[which % {count}].{own}({', '.join(names)})", "", "")
    m.functions.append(Function(name, [U32, *act.params], act.result, act.raises, act.cost))


@declaration(5)
def guard(m: Module) -> bool:
    """A context manager."""
    rng, name = m.rng, m.fresh("Guard")
    gives = rng.choice(INTS)
    m.put("", "", "@struct", f"class {name}:", "    depth: u32", f"    last: {gives.name}", "")
    record = Record(name, {"depth": U32, "last": gives})
    m.put(f"    def __enter__(self) -> {gives.name}:")
    body = Body(m, 2, [Variable("self", record, False)], gives, rng.random() < 0.7)
    body.put("self.depth += 1")
    body.put(f'print("enter {name}", self.depth)')
    if not body.quiet:
        with body.block(f"if {body.expr(BOOL).text}:"):
            raise_now(body)
    body.put(f"self.last = {body.expr(gives).text}")
    body.put("return self.last")
    raises = body.raises
    m.put("", "    def __exit__(self) -> None:")
    body = Body(m, 2, [Variable("self", record, False)], None, True)
    globals_line(m, body)
    body.depth = 2
    body.put("self.depth -= 1")
    body.put(f'print("exit {name}", self.depth)')
    with body.staying():
        body.statements(1)
    printer(m, record)
    instance = m.fresh("guard")
    m.put("", "", f"{instance} = {name}()", "")
    m.guards.append((instance, gives, raises))
    return True


@declaration(1)
def error_class(m: Module) -> bool:
    name = m.fresh("Trouble")
    m.put("", "", f"class {name}({m.rng.choice(m.errors)}):", "    pass", "", "")
    m.errors.insert(1, name)  # the most special first
    return True


# -- generics -------------------------------------------------------------------------------------------------------
@declaration(2)
def generic_class(m: Module) -> bool:
    """A ring of anything, with one or two instances."""
    rng, name, length = m.rng, m.fresh("Ring"), m.rng.choice([1, 2, 4])
    m.put("", "", "@struct", f"class {name}(Generic[T]):", f"    items: Array[T] = array({length})", "    head: u32", "    tail: u32", "")
    m.put("    def push(self, item: T) -> bool:", f"        if self.tail - self.head == {length}:", "            return False")
    m.put(f"        self.items[self.tail % {length}] = item", "        self.tail += 1", "        return True", "")
    m.put("    def pop(self) -> T | None:", "        if self.head == self.tail:", "            return None")
    m.put("        self.head += 1", f"        return self.items[(self.head - 1) % {length}]", "")
    m.put("    def peek(self, other: T) -> T:", "        if self.head == self.tail:", "            return other")
    m.put(f"        return max(self.items[self.head % {length}], other)", "", "    def __len__(self) -> u64:")
    m.put("        return u64(self.tail - self.head)", "")
    for elem in rng.sample(INTS, rng.randint(1, 2)):
        instance = m.fresh("ring")
        m.put("", f"{instance} = {name}[{elem.name}]()")
        methods = {
            "push": Function("push", [elem], BOOL, False, 5),
            "peek": Function("peek", [elem], elem, False, 5),
            "pop": Function("pop", [], optional(elem), False, 5),
        }
        ty = Record(f"{name}[{elem.name}]", {"head": U32}, methods, fixed=("head",))
        m.scope.append(Variable(instance, ty, False))
        m.generics.append(ty)
        m.finals.append(f'print("{instance}", len({instance}), {instance}.head, {instance}.tail)')
        taker = m.fresh("take")
        m.put("", f"def {taker}() -> {elem.name} | None:", f"    return {instance}.pop()", "")
        m.functions.append(Function(taker, [], optional(elem), False, 6))
        putter = m.fresh("put")
        m.put("", f"def {putter}(item: {elem.name}) -> bool:", f"    return {instance}.push(item)", "")
        m.functions.append(Function(putter, [elem], BOOL, False, 6))
    return True


@declaration(2)
def generic_function(m: Module) -> bool:
    """Over one type variable, which the arguments decide."""
    name = m.fresh("generic")
    kind = m.rng.randrange(3)
    if kind == 0:
        m.put("", "", f"def {name}(a: T, b: T, first: bool) -> T:", "    return a if first else b", "", "")
    elif kind == 1:
        m.put("", "", f"def {name}(a: T, b: T, first: bool) -> T:", "    if first and a < b:", "        return a")
        m.put("    a, b = b, a", "    return max(a, b)", "", "")
    else:
        m.put("", "", f"def {name}(a: T, b: T, first: bool) -> T:", "    found = array(2, T)", "    found[0] = a")
        m.put("    found[1] = b", "    return found[u32(first)]", "", "")
    for ty in m.rng.sample(INTS, 2):
        m.functions.append(Function(name, [ty, ty, BOOL], ty, False, 4, typed=True))
    return True


@declaration(2)
def callback(m: Module) -> bool:
    """A function that is given a function."""
    g, rng = heading(m), m.rng
    a, result = any_scalar(g), any_scalar(g)
    fitting = [f for f in m.functions if len(f.params) == 1 and f.result is not None and not f.raises and not f.typed]
    if fitting:
        given = rng.choice(fitting)
        a, result = given.params[0], given.result  # type: ignore[assignment]
    else:
        given = function_of(m, [a], result, True)
    name = m.fresh("apply")
    m.put("", "", f"def {name}(f: Callable[[{a.name}], {result.name}], x: {a.name}) -> {result.name}:")
    m.put('    print("apply", f(x))', "    return f(x)", "", "")
    wrapper = m.fresh("applied")
    m.put(f"def {wrapper}(x: {a.name}) -> {result.name}:", f"    return {name}({given.name}, x)", "", "")
    m.functions.append(Function(wrapper, [a], result, False, 2 * given.cost + 4))
    return True


# -- functions ------------------------------------------------------------------------------------------------------
def parameter(m: Module, g: Body) -> Type:
    arrays = [v.ty for v in m.scope if v.ty.name.startswith("Array") and v.ty.elem in INTS]  # type: ignore[attr-defined]
    records = [t for t in m.of(Record) if any(v.ty == t for v in m.scope)]
    roll = m.rng.random()
    if roll < 0.15 and arrays:
        ty = m.rng.choice(arrays)
        return span_of(ty.elem, m.rng.randint(1, ty.length))  # type: ignore[attr-defined]
    if roll < 0.3 and records:
        return m.rng.choice(records)
    if roll < 0.4:
        return optional(m.rng.choice([*INTS, STR]))
    return any_scalar(g)


def result_type(m: Module, g: Body) -> Type | None:
    roll = m.rng.random()
    if roll < 0.2:
        return None
    if roll < 0.3:
        return tuple_of(any_scalar(g), any_scalar(g))
    if roll < 0.45:
        return optional(m.rng.choice([*INTS, STR]))
    return any_scalar(g)


def function_of(m: Module, params: list[Type], result: Type | None, quiet: bool) -> Function:
    name = m.fresh("work")
    variables = [Variable(m.fresh("a"), t) for t in params]
    arguments = ", ".join(f"{v.name}: {v.ty.name}" for v in variables)
    marks = m.rng.choice(["", "", "@noinline", "@inline"])
    m.put("", *([marks] if marks else []), f"def {name}({arguments}) -> {result.name if result else 'None'}:")
    body = Body(m, 1, variables, result, quiet)
    globals_line(m, body)
    body.statements(4)
    body.statements(1)
    if result is not None:
        v = body.expr(result)
        body.put(f"return {kept(v) if isinstance(result, Float) else v.text}")
    elif m.rng.random() < 0.2:
        body.put("return")
    m.put("")
    made = Function(name, params, result, body.raises, body.cost)
    m.functions.append(made)
    return made


@declaration(6)
def function(m: Module) -> bool:
    g = heading(m)
    function_of(m, [parameter(m, g) for _ in range(m.rng.randint(0, 3))], result_type(m, g), m.rng.random() < 0.4)
    return True


@declaration(1)
def recursive_function(m: Module) -> bool:
    g, rng = heading(m), m.rng
    name, result = m.fresh("recurse"), rng.choice(INTS)
    m.put("", "", f"def {name}(n: u8, x: {result.name}) -> {result.name}:")
    body = Body(m, 1, [Variable("n", U8, False), Variable("x", result)], result, True)
    globals_line(m, body)
    body.put("n = n & 7")
    with body.block("if n == 0:"):
        body.put(f"return {body.expr(result).text}")
    body.depth = 2
    body.statements(2)
    body.put(f"x = {body.expr(result).text}")
    body.put(f"{rng.choice(['return ', 'x = '])}{name}(n - 1, x)")
    body.put(f"return {g.fit(Value('x', result, result.low, result.high), -100, 100).text}")
    m.put("")
    m.functions.append(Function(name, [U8, result], result, False, 8 * body.cost))
    return True


__all__ = ["I32", "I64"]

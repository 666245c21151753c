# SPDX-License-Identifier: GPL-2.0-or-later
"""Variables of the kernel that may be looked at from outside, by name: #vars shows them (kern/dev/vars_dev.py).

A module that has one says so at boot: `export("scheduler_passes", addr_of(pass_number), sizeof(u64))`. The size bounds what is read there.
No locks: the table is filled before the first process, and then only read. A number is read as it stands, whoever writes it.
"""

from lang import addr_of, array, assign, panic, struct, u64

MAX_VARIABLES: u64 = 64


@struct
class Variable:
    name: str
    address: u64
    size: u64                               # in bytes
    is_text: bool                           # else a number


variables = array(MAX_VARIABLES, Variable)
variable_count: u64 = 0


def export(name: str, address: u64, size: u64) -> None:
    """At boot. Let a number of `size` bytes at `address` be looked at by this name."""
    add(Variable(name=name, address=address, size=size))


def export_text(name: str, value: str) -> None:
    """At boot. The same with a text that stays where it is."""
    add(Variable(name=name, address=addr_of(value), size=len(value), is_text=True))


def add(variable: Variable) -> None:
    global variable_count
    if variable_count == MAX_VARIABLES:
        panic(f"no room to export the variable {variable.name}")
    assign(variables[variable_count], variable)
    variable_count += 1


def find_variable(name: str) -> Variable | None:
    for variable in variables[:variable_count]:
        if variable.name == name:
            return variable
    return None

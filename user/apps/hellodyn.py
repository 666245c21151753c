# SPDX-License-Identifier: LGPL-2.1-or-later
"""hellodyn [-v] [NAME…]: a greeting for each, from a shared library: the smallest program that is linked dynamically.

-v  says where program, dynamic linker and library lie
"""

from lang import Error, addr_of, array, i32, text, u8
from kern.abi.proc import AuxType
from lib.args import Options, complain, help_wanted
from rt.args import args, aux_value
from shared.greet import Greeter, blank, greet, greetings, is_blank

USAGE = "usage: hellodyn [-v] [NAME…]"

own_blank = array(10000, u8)                # nobody writes to it


class Loud(Greeter):
    def end(self) -> str:
        return "!"


def main() -> i32:
    if help_wanted(USAGE):
        return 0
    options = Options(args=args())
    while (option := options.next()) != 0:
        if option != ord("v"):
            return options.refuse(USAGE)
        show_places()
    if any(byte != 0 for byte in own_blank) or not is_blank():
        return complain("memory that should be zeros is not")
    names = options.operands()
    greeter = Loud()
    if len(names) == 0:
        return say(greeter, "world")
    status: i32 = 0
    for name in names:
        status = max(status, say(greeter, name))
    print(f"{greetings} greetings from a library")
    return status


def say(greeter: Greeter, name: str) -> i32:
    line = text(100)
    try:
        greet(greeter, name, line)
    except Error as error:
        return complain(f"{error.errno.name}: {error.message}")
    print(f"{line}")
    return 0


def show_places() -> None:
    print(f"program headers {aux_value(AuxType.PHDR):#x}: {aux_value(AuxType.PHNUM)} of {aux_value(AuxType.PHENT)} bytes")
    print(f"pages of {aux_value(AuxType.PAGE_SIZE)} bytes, entry {aux_value(AuxType.ENTRY):#x}, linker {aux_value(AuxType.BASE):#x}")
    print(f"variables {addr_of(own_blank):#x}, of the library {addr_of(blank):#x}")

# SPDX-License-Identifier: LGPL-2.1-or-later
"""Shell variables, those exported and those not. Owns their text. One thread: no lock."""

from lang import Array, Errno, Error, Span, array, copy_bytes, i64, new, struct, u8, u64
from lib.strings import discard

MAX_VARIABLES: u64 = 256


@struct
class Variable:
    text: str                               # NAME=value, allocated
    name_length: u64 = 0
    exported: bool = False

    @property
    def name(self) -> str:
        return self.text[: self.name_length]

    @property
    def value(self) -> str:
        return self.text[self.name_length + 1 :]


@struct
class Variables:
    items: Array[Variable] = array(MAX_VARIABLES)
    count: u64 = 0

    def find(self, name: str) -> i64:
        """Its index, or -1."""
        for i in range(self.count):
            if self.items[i].name == name:
                return i64(i)
        return -1

    def get(self, name: str) -> str:
        """The value, "" if there is none. Valid until the variable changes."""
        at = self.find(name)
        return self.items[at].value if at >= 0 else ""

    def has(self, name: str) -> bool:
        return self.find(name) >= 0

    def set(self, name: str, value: str) -> None:
        """Set or replace; a variable that was exported stays so. Raises E2BIG if there are too many, ENOMEM."""
        at = self.find(name)
        if at < 0 and self.count == MAX_VARIABLES:
            raise Error(Errno.E2BIG, "too many variables")
        text = join_assignment(name, value)
        if at < 0:
            at = i64(self.count)
            self.count += 1
            self.items[at].exported = False
        else:
            discard(self.items[at].text)
        self.items[at].text = text
        self.items[at].name_length = len(name)

    def export(self, name: str) -> None:
        """Have children see it; one that is not set becomes empty."""
        if not self.has(name):
            self.set(name, "")
        self.items[self.find(name)].exported = True

    def unset(self, name: str) -> None:
        at = self.find(name)
        if at < 0:
            return
        discard(self.items[at].text)
        self.count -= 1
        last = self.items[self.count]
        self.items[at].text = last.text
        self.items[at].name_length = last.name_length
        self.items[at].exported = last.exported

    def environment(self, into: Span[str], everything: bool) -> u64:
        """Put the exported ones (`everything`: all) into `into`, as far as there is room; how many."""
        used: u64 = 0
        for i in range(self.count):
            if (everything or self.items[i].exported) and used < len(into):
                into[used] = self.items[i].text
                used += 1
        return used


def join_assignment(name: str, value: str) -> str:
    """`name=value` in memory of its own."""
    text = new(array(len(name) + 1 + len(value), u8))
    copy_bytes(text[: len(name)], name)
    text[len(name)] = ord("=")
    copy_bytes(text[len(name) + 1 :], value)
    return text

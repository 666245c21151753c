# SPDX-License-Identifier: LGPL-2.1-or-later
"""Program arguments and environment, as they lie on the first stack: argc, argv pointers, 0, envp pointers, 0, (type, value) pairs.

Strings are views into that stack and live as long as the process.
"""

from lang import Ptr, Span, array, span_of, u8, u64
from kern.abi.proc import AuxType

MAX_ARGUMENTS = 4096                        # of a program; rt.process passes on no more
MAX_ARGS = 256                              # variables of the environment

string_table = array(MAX_ARGUMENTS + MAX_ARGS, str)  # arguments, up to MAX_ARGUMENTS; from there on the environment. So one page has both
argument_count: u64 = 0
environment_count: u64 = 0
aux_vector: u64 = 0


def string_at(address: u64) -> str:
    """The NUL-terminated string at an address."""
    text = Ptr[u8](address)
    length: u64 = 0
    while text[length] != 0:
        length += 1
    return span_of(text, length)


def take_arguments(stack: u64) -> None:
    """Called once, by rt_start, with the address of argc."""
    global argument_count, environment_count, aux_vector
    words = Ptr[u64](stack)
    argc = words[0]
    argument_count = min(argc, u64(MAX_ARGUMENTS))
    arguments = args()
    for i in range(argument_count):
        arguments[i] = string_at(words[1 + i])
    place = argc + 2
    count: u64 = 0
    while words[place] != 0:
        if count < MAX_ARGS:
            string_table[MAX_ARGUMENTS + count] = string_at(words[place])
            count += 1
        place += 1
    environment_count = count
    aux_vector = stack + (place + 1) * 8


def args() -> Span[str]:
    """All arguments; the first is the program's name."""
    return string_table[MAX_ARGUMENTS - argument_count : MAX_ARGUMENTS]


def environment() -> Span[str]:
    """All variables, each as `NAME=value`."""
    return string_table[MAX_ARGUMENTS : MAX_ARGUMENTS + environment_count]


def aux_value(kind: AuxType) -> u64:
    """A value that the kernel gave at program start, or 0."""
    pairs = Ptr[u64](aux_vector)
    i: u64 = 0
    while pairs[i] != 0:
        if pairs[i] == u64(kind):
            return pairs[i + 1]
        i += 2
    return 0


def environment_room() -> Span[str]:
    """What the environment may grow to. For rt.env, under its lock."""
    return string_table[MAX_ARGUMENTS:]


def set_environment_count(count: u64) -> None:
    """For rt.env, under its lock."""
    global environment_count
    environment_count = count

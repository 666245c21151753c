# SPDX-License-Identifier: GPL-2.0-or-later
"""What the words of a system call are, for programs that make calls without knowing them: the fuzzer.

The compiler fills the table `CALLS` of the module `syscalls` in user land with these, from the declarations of the calls.
"""

from enum import Enum

from lang import Array, array, struct, u8, u32, u64


class WordKind(u8, Enum):
    UNSIGNED = 1                            # of `size` bytes
    SIGNED = 2
    BOOL = 3
    MEMBER = 4                              # of an enum whose members have just `bits`
    ADDRESS = 5                             # of user memory; 0 may have a meaning
    POINTER = 6                             # to elements of `size` bytes, one unless a COUNT follows
    COUNT = 7                               # of elements of `size` bytes behind the POINTER before


@struct
class WordModel:
    name: str                               # of the argument, as declared: fd, pid, path …
    of: str                                 # its type; `str` for text
    kind: WordKind
    size: u32
    bits: u64


@struct
class CallModel:
    number: u32
    count: u32                              # of the words that it takes
    name: str
    errors: str                             # that its documentation speaks of: names with blanks between
    words: Array[WordModel] = array(6)

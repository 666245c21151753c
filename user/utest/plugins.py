# SPDX-License-Identifier: LGPL-2.1-or-later
"""plugins [LIBRARY]: a program that opens a shared library as it runs, calls it from threads on all its cores, and closes it. It tells what
goes wrong; with LIBRARY, just what opening that one raises.
"""

from typing import Callable

from lang import Atomic, Errno, Error, Ptr, Raises, Span, array, at, cast, i32, text, u8, u64
from ld.objects import LinkedObject
from lib.args import complain
from lib.dynlink import Library, open_library, close_library
from lib.files import read_file
from lib.strings import discard
from pthread import Thread, yield_now
from rt.args import args
from rt.process import getpid

NAME = "libshout.so"
THREADS: u64 = 8
ROUNDS: u64 = 50
REOPENINGS: u64 = 100

Shout = Callable[[str], Raises[Span[u8]]]

threads = array(THREADS, Thread)
wrong = Atomic[u64](0)
library = Library()


def main() -> i32:
    if len(args()) > 1:
        return open_other(args()[1])
    open_library(NAME, library)
    if not shouts_well() or not knows_its_own():
        return 1
    for i in range(THREADS):
        threads[i].start(shout_often, i)
    for i in range(THREADS):
        threads[i].join()
    shouts = Ptr[u64](library.find("shared.shout.shouts"))[0]
    if wrong.load() != 0 or shouts != 1 + THREADS * ROUNDS:
        return complain(f"{wrong.load()} wrong answers, {shouts} shouts")
    place = at(LinkedObject, library.object).base
    again = Library()
    open_library(NAME, again)
    close_library(again)
    if again.object != library.object or not is_mapped(place) or not shouts_well():
        return complain("a library that is open twice was closed with the first")
    close_library(library)
    if is_mapped(place):
        return complain("a library that nobody has open is still there")
    for _ in range(REOPENINGS):
        open_library(NAME, library)
        if Ptr[u64](library.find("shared.shout.shouts"))[0] != 0 or not shouts_well():
            return complain("a library that was opened anew is not as it was first")
        close_library(library)
    print(f"{shouts} shouts, {REOPENINGS} openings")
    return 0


def open_other(name: str) -> i32:
    try:
        open_library(name, library)
    except Error as error:
        open_library(NAME, library)         # nothing of the failure has stayed
        return complain(f"{error.errno.name}: {error.message}") if shouts_well() else 2
    return 0


def shouts_well() -> bool:
    """What the library gives is the program's to free, and what it raises the program's to catch."""
    shout = cast(Shout, library.find("shared.shout.shout"))
    loud = shout("hello, world")
    good = loud == "HELLO, WORLD"
    discard(loud)
    try:
        shout("")
        good = False
    except Error as error:
        good = good and error.errno == Errno.EINVAL and error.message == "there is nothing to shout"
    return good


def knows_its_own() -> bool:
    """Only what the library defines itself is found in it."""
    try:
        library.find("rt.io.print_to")
    except Error as error:
        return error.errno == Errno.ENOENT
    return False


def shout_often(number: u64) -> None:
    shout = cast(Shout, library.find("shared.shout.shout"))
    for _ in range(ROUNDS):
        try:
            loud = shout("abcdefgh"[: number + 1])
            if loud != "ABCDEFGH"[: number + 1]:
                wrong.add(1)
            discard(loud)
        except Error:
            wrong.add(1)
        yield_now()


def is_mapped(place: u64) -> bool:
    """Whether some mapping begins at an address."""
    path = text(40)
    path.write(f"/proc/{getpid()}/maps")
    line = text(40)
    line.write(f"{place:010x}-")
    content = read_file(path.view)
    found = content.find(line.view) >= 0
    discard(content)
    return found

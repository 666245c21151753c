# SPDX-License-Identifier: LGPL-2.1-or-later
"""Environment variables. `set_env` keeps a copy of its own; changes are seen by children that get `environment()`.

Lock: `lock`, a leaf, held for a table scan only.
"""

from lang import copy_bytes, new, array, u8, u64, Error, Errno
from parlib.pdr import PdrLock
from rt import args
from rt.args import environment_room, set_environment_count

lock = PdrLock()


def slot_of(name: str) -> u64:
    """Index of the variable's entry, or the count if there is none. Caller holds: `lock`."""
    for i, entry in enumerate(args.environment()):
        if len(entry) > len(name) and entry[len(name)] == ord("=") and entry.startswith(name):
            return i
    return args.environment_count


def get_env(name: str) -> str:
    """The variable's value, "" if it is not set."""
    with lock:
        i = slot_of(name)
        if i == args.environment_count:
            return ""
        return environment_room()[i][len(name) + 1 :]


def has_env(name: str) -> bool:
    with lock:
        return slot_of(name) < args.environment_count


def set_env(name: str, value: str) -> None:
    """Set or replace a variable. Raises ENOMEM, or E2BIG if the table is full."""
    # Older text is never freed: somebody may hold a view of it.
    entry = new(array(len(name) + 1 + len(value), u8))
    copy_bytes(entry[: len(name)], name)
    entry[len(name)] = ord("=")
    copy_bytes(entry[len(name) + 1 :], value)
    if not place_entry(name, entry):
        raise Error(Errno.E2BIG, f"no room for the variable {name}")


def place_entry(name: str, entry: str) -> bool:
    with lock:
        i = slot_of(name)
        if i == args.MAX_ARGS:
            return False
        environment_room()[i] = entry
        if i == args.environment_count:
            set_environment_count(i + 1)
    return True


def unset_env(name: str) -> None:
    with lock:
        i = slot_of(name)
        if i < args.environment_count:
            last = args.environment_count - 1
            environment_room()[i] = environment_room()[last]
            set_environment_count(last)

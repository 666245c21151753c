# SPDX-License-Identifier: LGPL-2.1-or-later
"""free: how much memory there is."""

from lang import i32, u64
from lib.args import help_wanted
from lib.files import read_file
from lib.strings import discard, next_field


def main() -> i32:
    if help_wanted("usage: free"):
        return 0
    content = read_file("/proc/meminfo")
    total = value_of(content, "MemTotal:")
    unused = value_of(content, "MemFree:")
    discard(content)
    print(f"{'':8}{'total':>12}{'used':>12}{'free':>12}")
    print(f"{'KiB':8}{total:>12}{total - unused:>12}{unused:>12}")
    print(f"{'MiB':8}{total // 1024:>12}{(total - unused) // 1024:>12}{unused // 1024:>12}")
    return 0


def value_of(content: str, label: str) -> u64:
    """The number behind a label."""
    at = content.find(label)
    if at < 0:
        return 0
    field, _ = next_field(content, u64(at) + len(label))
    return u64(field)

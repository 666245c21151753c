# SPDX-License-Identifier: LGPL-2.1-or-later
"""date: prints the time, in UTC."""

from lang import i32
from lib.args import help_wanted
from lib.calendar import Calendar
from rt.time import wall_ns


def main() -> i32:
    if help_wanted("usage: date"):
        return 0
    now = Calendar()
    now.set_ns(wall_ns())
    print(f"{now.weekday_name} {now.month_name} {now.day:2} {now.hour:02}:{now.minute:02}:{now.second:02} UTC {now.year}")
    return 0

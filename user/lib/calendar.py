# SPDX-License-Identifier: LGPL-2.1-or-later
"""Days and times of day from nanoseconds since 1970, in UTC, by the Gregorian calendar."""

from kern.abi.time import NS_PER_SEC
from lang import struct, u64

SECONDS_PER_DAY: u64 = 86400
DAYS_TO_MARCH_YEAR_0: u64 = 719468          # from 0000-03-01 to 1970-01-01
DAYS_PER_ERA: u64 = 146097                  # 400 years


@struct
class Calendar:
    year: u64 = 1970
    month: u64 = 1
    day: u64 = 1
    weekday: u64 = 4                        # 0: Sunday
    hour: u64 = 0
    minute: u64 = 0
    second: u64 = 0

    def set_ns(self, ns: u64) -> None:
        seconds = ns // NS_PER_SEC
        self.set_day(seconds // SECONDS_PER_DAY)
        rest = seconds % SECONDS_PER_DAY
        self.hour = rest // 3600
        self.minute = rest // 60 % 60
        self.second = rest % 60

    def set_day(self, days: u64) -> None:
        """Years begin in March here, so that the leap day is the last of its year and lengths of months follow a line."""
        self.weekday = (days + 4) % 7
        shifted = days + DAYS_TO_MARCH_YEAR_0
        era = shifted // DAYS_PER_ERA
        day_of_era = shifted % DAYS_PER_ERA
        year_of_era = (day_of_era - day_of_era // 1460 + day_of_era // 36524 - day_of_era // 146096) // 365
        day_of_year = day_of_era - (365 * year_of_era + year_of_era // 4 - year_of_era // 100)
        march_month = (5 * day_of_year + 2) // 153
        self.day = day_of_year - (153 * march_month + 2) // 5 + 1
        self.month = march_month + 3 if march_month < 10 else march_month - 9
        self.year = year_of_era + era * 400 + (1 if self.month <= 2 else 0)

    @property
    def weekday_name(self) -> str:
        names = "SunMonTueWedThuFriSat"
        return names[self.weekday * 3 : self.weekday * 3 + 3]

    @property
    def month_name(self) -> str:
        names = "JanFebMarAprMayJunJulAugSepOctNovDec"
        return names[self.month * 3 - 3 : self.month * 3]

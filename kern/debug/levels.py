# SPDX-License-Identifier: GPL-2.0-or-later
"""What is worth logging, module by module: `log=debug` for all, `log=kern.mm:debug,kern.proc:error` for packages and modules.

The longest name that the module's name begins with decides. Set while booting, on one core; only read afterwards.
"""

from enum import IntEnum

from lang import Array, Errno, Error, Text, array, struct, text, u64


class Level(IntEnum):
    DEBUG = 0
    INFO = 1
    WARN = 2
    ERROR = 3


@struct
class Rule:
    package: Text = text(48)
    lowest: Level = Level.INFO


@struct
class Levels:
    everywhere: Level = Level.INFO
    count: u64
    rules: Array[Rule] = array(8)

    def is_wanted(self, level: Level, module: str) -> bool:
        """Whether a message of this level from this module is logged."""
        lowest = self.everywhere
        longest: u64 = 0
        for i in range(self.count):
            rule = self.rules[i]
            if rule.package.len > longest and is_within(module, rule.package.view):
                longest = rule.package.len
                lowest = rule.lowest
        return level >= lowest

    def set_from(self, words: str) -> None:
        """Take over an option's value. Raises EINVAL; what stands before the mistake holds."""
        rest = words
        while rest:
            word, rest = rest.split1(",")
            package, name = word.split1(":")
            if not name:
                self.everywhere = level_named(package)
                continue
            level = level_named(name)
            if self.count == len(self.rules):
                raise Error(Errno.E2BIG, f"more than {len(self.rules)} modules in log=")
            rule = self.rules[self.count]
            rule.package.clear()
            rule.package.append(package)
            rule.lowest = level
            self.count += 1


def is_within(module: str, package: str) -> bool:
    return module.startswith(package) and (len(module) == len(package) or module[len(package)] == ord("."))


def level_named(word: str) -> Level:
    match word:
        case "debug":
            return Level.DEBUG
        case "info":
            return Level.INFO
        case "warn":
            return Level.WARN
        case "error":
            return Level.ERROR
    raise Error(Errno.EINVAL, f"log= takes debug, info, warn and error, not {word}")

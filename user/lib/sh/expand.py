# SPDX-License-Identifier: LGPL-2.1-or-later
r"""Words into arguments: quotes, `$NAME ${NAME} ${NAME:-word} $? $$ $! $# $@ $* $1 $(command)`, `~`, splitting, wildcards.

A field under construction is kept as a pattern: bytes that were quoted and mean something to a pattern have a backslash.
That way one pass over the word is enough, and what was quoted can never match as a wildcard.
"""

from lang import Error, Errno, Ref, struct, text, u8, u64
from lib.buffer import Buffer
from lib.files import Names
from lib.glob import has_wildcard
from lib.sh.shell import Shell
from lib.sh.substitute import capture
from lib.sh.wildcard import expand_pattern
from lib.strings import is_digit, is_name_byte, is_name_start, is_space
from rt.process import getpid


def expand_word(sh: Shell, word: str, into: Names) -> None:
    """Add the arguments that `word` becomes: none, one or many."""
    expander = Expander(sh=sh, into=into, split=True)
    try:
        expander.run(word)
        expander.end_field()
    finally:
        expander.field.close()


def expand_single(sh: Shell, word: str, into: Buffer) -> None:
    """Append the text that `word` becomes, unsplit: for assignments and file names of redirections."""
    nothing = Names()
    expander = Expander(sh=sh, into=nothing, split=False)
    try:
        expander.run(word)
        into.append(expander.field.view)
    finally:
        expander.field.close()


@struct
class Expander:
    sh: Ref[Shell]
    into: Ref[Names]
    split: bool = False
    quoted: bool = False                    # inside "…"
    begun: bool = False                     # the field exists, even if it is empty so far
    field: Buffer

    def run(self, word: str) -> None:
        at = self._tilde(word)
        while at < len(word):
            byte = word[at]
            if byte == ord("\\"):
                at = self._backslash(word, at)
            elif byte == ord('"'):
                self.quoted = not self.quoted
                self.begun = True
                at += 1
            elif byte == ord("'") and not self.quoted:
                at += 1
                self.begun = True
                while at < len(word) and word[at] != ord("'"):
                    self._literal(word[at])
                    at += 1
                at += 1
            elif byte == ord("$"):
                at = self._dollar(word, at)
            elif self.quoted:
                self._literal(byte)
                at += 1
            else:
                self._add(byte)
                at += 1

    def end_field(self) -> None:
        """Finish the field: match it if it is a pattern, pass it on as it is if nothing matches."""
        if not self.begun:
            return
        self.begun = False
        pattern = self.field.view
        if not has_wildcard(pattern) or not expand_pattern(pattern, self.into):
            self._pass_on(pattern)
        self.field.clear()

    def _pass_on(self, pattern: str) -> None:
        plain = Buffer()
        try:
            at: u64 = 0
            while at < len(pattern):
                if pattern[at] == ord("\\") and at + 1 < len(pattern):
                    at += 1
                plain.add(pattern[at])
                at += 1
            self.into.add(plain.view)
        finally:
            plain.close()

    def _add(self, byte: u8) -> None:
        self.begun = True
        self.field.add(byte)

    def _literal(self, byte: u8) -> None:
        """A byte that stands for itself."""
        special = byte == ord("*") or byte == ord("?") or byte == ord("[") or byte == ord("]") or byte == ord("\\")
        if self.split and special:
            self.field.add(ord("\\"))
        self._add(byte)

    def _backslash(self, word: str, at: u64) -> u64:
        if at + 1 >= len(word):
            self._literal(word[at])
            return at + 1
        following = word[at + 1]
        if following == ord("\n"):
            return at + 2
        keeps_backslash = self.quoted and following != ord("$") and following != ord('"') and following != ord("\\")
        if keeps_backslash:
            self._literal(word[at])
        self._literal(following)
        return at + 2

    def _tilde(self, word: str) -> u64:
        """`~` or `~/…` at the start is the home directory; where to go on."""
        if not word.startswith("~") or (len(word) > 1 and word[1] != ord("/")):
            return 0
        for byte in self.sh.variables.get("HOME"):
            self._literal(byte)
        return 1

    def _value(self, value: str) -> None:
        """What a variable or a command gave: split at white space unless quoted."""
        for byte in value:
            if self.quoted or not self.split or byte == ord("\\"):
                self._literal(byte)
            elif is_space(byte):
                self.end_field()
            else:
                self._add(byte)

    def _number(self, value: u64) -> None:
        digits = text(24)
        digits.write(f"{value}")
        self._value(digits.view)

    def _dollar(self, word: str, at: u64) -> u64:
        """What begins with `$` at `at`; where to go on."""
        if at + 1 >= len(word):
            self._literal(word[at])
            return at + 1
        byte = word[at + 1]
        if byte == ord("("):
            return self._command(word, at + 2)
        if byte == ord("{"):
            return self._braces(word, at + 2)
        if is_name_start(byte):
            end = at + 1
            while end < len(word) and is_name_byte(word[end]):
                end += 1
            self._value(self.sh.variables.get(word[at + 1 : end]))
            return end
        if self._special(byte):
            return at + 2
        self._literal(word[at])
        return at + 1

    def _special(self, byte: u8) -> bool:
        """`$?` and its like; False if `byte` names none."""
        if byte == ord("?"):
            self._number(u64(self.sh.status))
        elif byte == ord("$"):
            self._number(u64(getpid()))
        elif byte == ord("!"):
            self._number(u64(self.sh.last_background))
        elif byte == ord("#"):
            self._number(len(self.sh.parameters))
        elif byte == ord("@") or byte == ord("*"):
            self._parameters(byte == ord("@"))
        elif is_digit(byte):
            self._value(self.sh.parameter(u64(byte - ord("0"))))
        else:
            return False
        return True

    def _parameters(self, separate: bool) -> None:
        for i in range(len(self.sh.parameters)):
            if i > 0 and self.split and (separate or not self.quoted):
                self.end_field()
            elif i > 0:
                self._literal(ord(" "))
            if self.quoted and separate:
                self.begun = True
            self._value(self.sh.parameters[i])

    def _braces(self, word: str, start: u64) -> u64:
        """`${NAME}` and `${NAME:-word}`, from behind the brace."""
        end = start
        while end < len(word) and word[end] != ord("}"):
            end += 1
        if end >= len(word):
            raise Error(Errno.EINVAL, "${ without }")
        inside = word[start:end]
        name, fallback = inside.split1(":-")
        if not self._named(name):
            raise Error(Errno.EINVAL, f"${{{inside}}}: this is no parameter")
        return self._fallback(name, fallback, end + 1)

    def _named(self, name: str) -> bool:
        if len(name) == 0:
            return False
        if len(name) == 1 and not is_name_start(name[0]):
            return is_digit(name[0]) or name == "?" or name == "$" or name == "!" or name == "#" or name == "@" or name == "*"
        for byte in name:
            if not is_name_byte(byte):
                return False
        return is_name_start(name[0])

    def _fallback(self, name: str, fallback: str, after: u64) -> u64:
        if is_name_start(name[0]):
            value = self.sh.variables.get(name)
            self._value(value if len(value) > 0 else fallback)
        else:
            self._special(name[0])
        return after

    def _command(self, word: str, start: u64) -> u64:
        """`$(…)`, from behind the parenthesis; the lexer made sure that it is closed."""
        end = closing_parenthesis(word, start)
        result = Buffer()
        try:
            capture(self.sh, word[start:end], result)
            length = result.used
            while length > 0 and result.memory[length - 1] == ord("\n"):
                length -= 1
            self._value(result.memory[:length])
        finally:
            result.close()
        return end + 1


def closing_parenthesis(word: str, start: u64) -> u64:
    """Where the parenthesis closes that opened just before `start`; the end of the word if nowhere."""
    depth: u64 = 1
    quote: u8 = 0
    at = start
    while at < len(word):
        byte = word[at]
        if byte == ord("\\") and quote != ord("'"):
            at += 1
        elif quote != 0:
            if byte == quote:
                quote = 0
        elif byte == ord("'") or byte == ord('"'):
            quote = byte
        elif byte == ord("("):
            depth += 1
        elif byte == ord(")"):
            depth -= 1
            if depth == 0:
                return at
        at += 1
    return len(word)

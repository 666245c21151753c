# SPDX-License-Identifier: LGPL-2.1-or-later
"""Shell text into tokens. A word keeps its quotes and `$`: what they mean is found when the command runs.

Pure: looks at its source only. Raises `SyntaxProblem`, with `problem_at` set to the place, or `Incomplete` when more
lines could make the text right (an open quote, a backslash at the end).
"""

from enum import Enum, auto

from lang import Error, Errno, i32, struct, u8, u32, u64
from lib.strings import is_blank, is_digit

MAX_SUBSTITUTION_DEPTH: u64 = 32            # of $( inside $(


class SyntaxProblem(Error):
    pass


class Incomplete(Error):
    pass


class TokenKind(u32, Enum):
    END = auto()
    NEWLINE = auto()
    WORD = auto()
    SEMICOLON = auto()
    AMPERSAND = auto()
    AND_IF = auto()
    OR_IF = auto()
    PIPE = auto()
    LEFT = auto()                           # (
    RIGHT = auto()                          # )
    INPUT = auto()                          # <
    OUTPUT = auto()                         # >
    APPEND = auto()                         # >>
    DUPLICATE = auto()                      # >& or <&: the word behind is a descriptor


@struct
class Lexer:
    """One token of look-ahead in `kind`, `start`, `end`; `advance` moves on."""

    source: str
    at: u64 = 0
    kind: TokenKind = TokenKind.END
    start: u64 = 0
    end: u64 = 0
    number: i32 = -1                        # of a redirection: the descriptor written before it
    problem_at: u64 = 0

    def text(self) -> str:
        return self.source[self.start : self.end]

    def advance(self) -> None:
        self._skip_blanks()
        self.start = self.at
        self.number = -1
        if self.at >= len(self.source):
            self.kind = TokenKind.END
        elif not self._operator():
            self._word()
        self.end = self.at

    def _peek(self, ahead: u64) -> u8:
        """The byte `ahead` of the current one, 0 behind the end (a NUL in the text is an ordinary byte of a word)."""
        return self.source[self.at + ahead] if self.at + ahead < len(self.source) else 0

    def _skip_blanks(self) -> None:
        while self.at < len(self.source):
            byte = self.source[self.at]
            if is_blank(byte) or byte == ord("\r"):
                self.at += 1
            elif byte == ord("\\") and self._peek(1) == ord("\n"):
                self.at += 2
            elif byte == ord("#"):
                while self.at < len(self.source) and self.source[self.at] != ord("\n"):
                    self.at += 1
            else:
                return

    def _take(self, kind: TokenKind, length: u64) -> bool:
        self.kind = kind
        self.at += length
        return True

    def _operator(self) -> bool:
        """Take the operator that stands here, if one does."""
        byte = self._peek(0)
        following = self._peek(1)
        if byte == ord("\n"):
            return self._take(TokenKind.NEWLINE, 1)
        if byte == ord(";"):
            return self._take(TokenKind.SEMICOLON, 1)
        if byte == ord("&"):
            return self._take(TokenKind.AND_IF, 2) if following == byte else self._take(TokenKind.AMPERSAND, 1)
        if byte == ord("|"):
            return self._take(TokenKind.OR_IF, 2) if following == byte else self._take(TokenKind.PIPE, 1)
        if byte == ord("("):
            return self._take(TokenKind.LEFT, 1)
        if byte == ord(")"):
            return self._take(TokenKind.RIGHT, 1)
        return self._redirection()

    def _redirection(self) -> bool:
        """[digit] then one of < > >> <& >&"""
        digits: u64 = 0
        if is_digit(self._peek(0)) and (self._peek(1) == ord("<") or self._peek(1) == ord(">")):
            digits = 1
        byte = self._peek(digits)
        if byte != ord("<") and byte != ord(">"):
            return False
        if digits > 0:
            self.number = i32(self._peek(0) - ord("0"))
        following = self._peek(digits + 1)
        if following == ord("&"):
            if self.number < 0:
                self.number = 1 if byte == ord(">") else 0
            return self._take(TokenKind.DUPLICATE, digits + 2)
        if byte == ord("<"):
            return self._take(TokenKind.INPUT, digits + 1)
        if following == ord(">"):
            return self._take(TokenKind.APPEND, digits + 2)
        return self._take(TokenKind.OUTPUT, digits + 1)

    def _word(self) -> None:
        self.kind = TokenKind.WORD
        while self.at < len(self.source) and not ends_word(self.source[self.at]):
            byte = self.source[self.at]
            if byte == ord("\\"):
                self.at += 1
                if self.at >= len(self.source):
                    raise Incomplete(Errno.EINVAL, "the text ends in a backslash")
                self.at += 1
            elif byte == ord("'"):
                self._single_quoted()
            elif byte == ord('"'):
                self._double_quoted()
            elif byte == ord("$") and self._peek(1) == ord("("):
                self._substitution()
            else:
                self.at += 1

    def _single_quoted(self) -> None:
        start = self.at
        self.at += 1
        while self.at < len(self.source) and self.source[self.at] != ord("'"):
            self.at += 1
        self._close(start, "' without its partner")

    def _double_quoted(self) -> None:
        start = self.at
        self.at += 1
        while self.at < len(self.source) and self.source[self.at] != ord('"'):
            if self.source[self.at] == ord("$") and self._peek(1) == ord("("):
                self._substitution()
            else:
                self.at += 2 if self.source[self.at] == ord("\\") else 1
        self._close(start, '" without its partner')

    def _close(self, start: u64, message: str) -> None:
        """Step over the closing byte of what began at `start`."""
        if self.at >= len(self.source):
            self.at = len(self.source)
            self.problem_at = start
            raise Incomplete(Errno.EINVAL, f"{message}")
        self.at += 1

    def _substitution(self) -> None:
        """`$( ... )`: to the parenthesis that closes it; those inside quotes do not count."""
        start = self.at
        depth: u64 = 0
        self.at += 1
        while self.at < len(self.source):
            byte = self.source[self.at]
            if byte == ord("("):
                depth += 1
                if depth > MAX_SUBSTITUTION_DEPTH:
                    self.problem_at = self.at
                    raise SyntaxProblem(Errno.E2BIG, "parentheses are nested too deeply")
            elif byte == ord(")"):
                depth -= 1
                if depth == 0:
                    break
            elif byte == ord("\\"):
                self.at += 1
            elif byte == ord("'"):
                self._single_quoted()
                continue
            elif byte == ord('"'):
                self._plain_double_quoted()
                continue
            self.at += 1
        self._close(start, "$( without )")

    def _plain_double_quoted(self) -> None:
        """A double-quoted part inside `$( )`: no look inside, so that nothing recurses."""
        start = self.at
        self.at += 1
        while self.at < len(self.source) and self.source[self.at] != ord('"'):
            self.at += 2 if self.source[self.at] == ord("\\") else 1
        self._close(start, '" without its partner')


def ends_word(byte: u8) -> bool:
    return (
        is_blank(byte)
        or byte == ord("\n")
        or byte == ord("\r")
        or byte == ord(";")
        or byte == ord("&")
        or byte == ord("|")
        or byte == ord("(")
        or byte == ord(")")
        or byte == ord("<")
        or byte == ord(">")
    )

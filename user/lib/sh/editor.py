# SPDX-License-Identifier: LGPL-2.1-or-later
"""The line editor, as a state machine: bytes from the keyboard in, bytes for the screen into `screen`.

Keys: arrows, Home, End, Delete, Backspace, Ctrl-A B D E F K L N P U W, Ctrl-R searches the history, Tab is left to the caller.
Pure but for its memory; the caller reads, writes and decides what an `Action` means. Lines longer than the screen scroll sideways.
"""

from enum import Enum, auto

from lang import Array, Ref, array, copy_bytes, i64, struct, text, Text, u8, u32, u64
from lib.buffer import Buffer
from lib.sh.history import History
from lib.strings import columns, is_continuation, is_space

LINE_ROOM: u64 = 4096
DEFAULT_WIDTH: u64 = 80

CTRL_A: u8 = 1
CTRL_B: u8 = 2
CTRL_C: u8 = 3
CTRL_D: u8 = 4
CTRL_E: u8 = 5
CTRL_F: u8 = 6
CTRL_G: u8 = 7
BACKSPACE: u8 = 8
TAB: u8 = 9
NEWLINE: u8 = 10
CTRL_K: u8 = 11
CTRL_L: u8 = 12
RETURN: u8 = 13
CTRL_N: u8 = 14
CTRL_P: u8 = 16
CTRL_R: u8 = 18
CTRL_U: u8 = 21
CTRL_W: u8 = 23
ESCAPE: u8 = 27
DELETE: u8 = 127


class Action(u32, Enum):
    NONE = auto()
    LINE = auto()                           # Enter: the line is ready
    END = auto()                            # Ctrl-D on an empty line
    INTERRUPT = auto()                      # Ctrl-C: the line is given up
    COMPLETE = auto()                       # Tab


class Escape(u32, Enum):
    """How much of an escape sequence has come."""

    NONE = auto()
    BEGUN = auto()                          # ESC
    SEQUENCE = auto()                       # ESC [ or ESC O


@struct
class Editor:
    history: Ref[History]
    prompt: str
    width: u64 = DEFAULT_WIDTH
    screen: Buffer
    bytes: Array[u8] = array(LINE_ROOM)
    length: u64 = 0
    cursor: u64 = 0
    saved: Array[u8] = array(LINE_ROOM)     # the new line, while an older one is shown
    saved_length: u64 = 0
    shown_line: u64 = 0                     # which line of the history; `total`: the new one
    escape: Escape = Escape.NONE
    number: u64 = 0                         # of the escape sequence
    searching: bool = False
    query: Text = text(64)
    match: i64 = -1

    @property
    def line(self) -> str:
        return self.bytes[: self.length]

    def begin(self, prompt: str) -> None:
        """Start a new line and show its prompt."""
        self.prompt = prompt
        self.length = 0
        self.cursor = 0
        self.shown_line = self.history.total
        self.escape = Escape.NONE
        self.searching = False
        self.screen.append(prompt)

    def feed(self, byte: u8) -> Action:
        """One byte from the keyboard."""
        if self.escape != Escape.NONE:
            self._escape_byte(byte)
            return Action.NONE
        if self.searching:
            if self._search_byte(byte):
                return Action.NONE
        if byte >= 32 and byte != DELETE:
            self._insert(byte)
            return Action.NONE
        return self._control(byte)

    def _control(self, byte: u8) -> Action:
        if byte == RETURN or byte == NEWLINE:
            self._move_to(self.length)
            self.screen.append("\n")
            return Action.LINE
        if byte == CTRL_C:
            self._move_to(self.length)
            self.screen.append("^C\n")
            return Action.INTERRUPT
        if byte == CTRL_D and self.length == 0:
            self.screen.append("\n")
            return Action.END
        if byte == TAB:
            return Action.COMPLETE
        self._edit(byte)
        return Action.NONE

    def _edit(self, byte: u8) -> None:
        match byte:
            case 1:
                self._move_to(0)
            case 2:
                self._move_to(self._before(self.cursor))
            case 4:
                self._remove(self.cursor, self._behind(self.cursor))
            case 5:
                self._move_to(self.length)
            case 6:
                self._move_to(self._behind(self.cursor))
            case 8 | 127:
                self._remove(self._before(self.cursor), self.cursor)
            case 11:
                self._remove(self.cursor, self.length)
            case 12:
                self.screen.append("\x1b[H\x1b[2J")
                self.redraw()
            case 14:
                self._show_newer()
            case 16:
                self._show_older()
            case 18:
                self._begin_search()
            case 21:
                self._remove(0, self.cursor)
            case 23:
                self._remove(self._word_start(), self.cursor)
            case 27:
                self.escape = Escape.BEGUN
            case _:
                return

    # -- the line -------------------------------------------------------------------------------------------------
    def insert_text(self, data: str) -> None:
        for byte in data:
            self._insert(byte)

    def _insert(self, byte: u8) -> None:
        if self.length >= LINE_ROOM:
            self.screen.append("\a")
            return
        i = self.length
        while i > self.cursor:
            self.bytes[i] = self.bytes[i - 1]
            i -= 1
        self.bytes[self.cursor] = byte
        self.cursor += 1
        self.length += 1
        # A byte at the end of a line that fits just appears: no more goes over the wire than was typed.
        if self.cursor == self.length and columns(self.line) <= self._room():
            self.screen.add(byte)
        else:
            self._redraw_line()

    def _remove(self, start: u64, end: u64) -> None:
        """Drop the bytes from `start` to `end`; the cursor stands at `start` then."""
        if start >= end:
            return
        for i in range(end, self.length):
            self.bytes[start + i - end] = self.bytes[i]
        self.length -= end - start
        self.cursor = start
        self._redraw_line()

    def _move_to(self, place: u64) -> None:
        if place != self.cursor:
            self.cursor = place
            self._redraw_line()

    def _before(self, place: u64) -> u64:
        """Where the character before `place` begins."""
        at = place
        while at > 0:
            at -= 1
            if not is_continuation(self.bytes[at]):
                break
        return at

    def _behind(self, place: u64) -> u64:
        """Where the character at `place` ends."""
        at = place
        while at < self.length:
            at += 1
            if at == self.length or not is_continuation(self.bytes[at]):
                break
        return at

    def _word_start(self) -> u64:
        at = self.cursor
        while at > 0 and is_space(self.bytes[at - 1]):
            at -= 1
        while at > 0 and not is_space(self.bytes[at - 1]):
            at -= 1
        return at

    def replace(self, data: str) -> None:
        """Another line in the place of this one, cursor at its end."""
        self.length = min(len(data), LINE_ROOM)
        copy_bytes(self.bytes[: self.length], data[: self.length])
        self.cursor = self.length
        self._redraw_line()

    # -- the screen -----------------------------------------------------------------------------------------------
    def _room(self) -> u64:
        """Columns for the line."""
        taken = columns(self.prompt) + 1
        return self.width - taken if self.width > taken + 10 else 10

    def redraw(self) -> None:
        """Prompt and line."""
        self.screen.append("\r")
        self.screen.append(self.prompt)
        self._redraw_line()

    def _redraw_line(self) -> None:
        """The line behind the prompt, or as much of it as there is room for around the cursor."""
        room = self._room()
        cursor_column = columns(self.bytes[: self.cursor])
        first = cursor_column - room if cursor_column > room else 0
        start = self._byte_at_column(first)
        end = self._byte_at_column(first + room)
        begin = columns(self.prompt) + 1
        self._to_column(begin)
        self._show(self.bytes[start:end])
        self.screen.append("\x1b[K")
        if self.cursor < self.length:
            self._to_column(begin + cursor_column - first)

    def _show(self, data: str) -> None:
        """A command of several lines, from the history, stands on one."""
        for byte in data:
            if byte == NEWLINE:
                self.screen.append("⏎")
            else:
                self.screen.add(byte)

    def _to_column(self, column: u64) -> None:
        sequence = text(24)
        sequence.write(f"\x1b[{column}G")
        self.screen.append(sequence.view)

    def _byte_at_column(self, column: u64) -> u64:
        at: u64 = 0
        seen: u64 = 0
        while at < self.length and seen < column:
            at = self._behind(at)
            seen += 1
        return at

    # -- escape sequences -----------------------------------------------------------------------------------------
    def _escape_byte(self, byte: u8) -> None:
        if self.escape == Escape.BEGUN:
            self.number = 0
            self.escape = Escape.SEQUENCE if byte == ord("[") or byte == ord("O") else Escape.NONE
            return
        if ord("0") <= byte <= ord("9"):
            self.number = min(self.number * 10 + u64(byte - ord("0")), 1000)
            return
        if byte == ord(";"):
            self.number = 0
            return
        self.escape = Escape.NONE
        if byte == ord("~"):
            self._numbered_key()
        else:
            self._lettered_key(byte)

    def _lettered_key(self, byte: u8) -> None:
        if byte == ord("A"):
            self._show_older()
        elif byte == ord("B"):
            self._show_newer()
        elif byte == ord("C"):
            self._move_to(self._behind(self.cursor))
        elif byte == ord("D"):
            self._move_to(self._before(self.cursor))
        elif byte == ord("H"):
            self._move_to(0)
        elif byte == ord("F"):
            self._move_to(self.length)

    def _numbered_key(self) -> None:
        if self.number == 1 or self.number == 7:
            self._move_to(0)
        elif self.number == 4 or self.number == 8:
            self._move_to(self.length)
        elif self.number == 3:
            self._remove(self.cursor, self._behind(self.cursor))

    # -- history --------------------------------------------------------------------------------------------------
    def _show_older(self) -> None:
        if self.shown_line <= self.history.first:
            return
        if self.shown_line == self.history.total:
            copy_bytes(self.saved[: self.length], self.bytes[: self.length])
            self.saved_length = self.length
        self.shown_line -= 1
        self.replace(self.history.line(self.shown_line))

    def _show_newer(self) -> None:
        if self.shown_line >= self.history.total:
            return
        self.shown_line += 1
        if self.shown_line == self.history.total:
            self.replace(self.saved[: self.saved_length])
        else:
            self.replace(self.history.line(self.shown_line))

    def _begin_search(self) -> None:
        self.searching = True
        self.query.clear()
        self.match = -1
        self._show_search()

    def _search_byte(self, byte: u8) -> bool:
        """While searching: whether the byte is used up. Any other control key ends the search and then does what it always does."""
        if byte == CTRL_G or byte == CTRL_C:
            self.searching = False
            self.redraw()
            return byte == CTRL_G
        if byte == CTRL_R:
            self._find(u64(self.match) if self.match >= 0 else self.history.total)
        elif byte == BACKSPACE or byte == DELETE:
            self.query.pop(1)
            self._find(self.history.total)
        elif byte >= 32:
            one = array(1, u8)
            one[0] = byte
            self.query.append(one)
            self._find(self.history.total)
        else:
            self.searching = False
            if self.match >= 0:
                self.replace(self.history.line(u64(self.match)))
            self.redraw()
            return False
        self._show_search()
        return True

    def _find(self, below: u64) -> None:
        found = self.history.search(self.query.view, below)
        if found >= 0:
            self.match = found

    def _show_search(self) -> None:
        self.screen.append("\r(search '")
        self.screen.append(self.query.view)
        self.screen.append("') ")
        if self.match >= 0:
            self._show(self.history.line(u64(self.match)))
        self.screen.append("\x1b[K")

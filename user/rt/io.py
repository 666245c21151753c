# SPDX-License-Identifier: LGPL-2.1-or-later
"""Files by descriptor, buffered files, and the standard streams.

The plain functions (`open`, `read`, `write`, …) are system calls. `File` adds buffering, reading by lines, and text output.
`print` goes through `print_to`: its text is put together on the caller's stack and then passed in one piece, so
lines of different threads do not mix. Standard output is kept back to the end of a line (and flushed at exit and before standard
input is read); standard error is written at once. In vcore context output is written directly.
Lock: `stdout_lock`, which sleeps; held while standard output is written.
"""

from lang import (
    Array,
    Errno,
    Error,
    Format,
    Ref,
    Sink,
    Span,
    Text,
    array,
    copy_bytes,
    free,
    hook,
    i32,
    i64,
    inline,
    memcpy,
    new,
    noinline,
    recursion,
    struct,
    text,
    u8,
    u32,
    u64,
)
from kern.abi.file import AT_FDCWD, FdPair, OpenMode, Stat, Whence
from parlib.current import in_vcore_context
from parlib.sync import Mutex
from syscalls import sys_close, sys_dup, sys_fstat, sys_openat, sys_pipe, sys_read, sys_seek, sys_write

STDIN: i32 = 0
STDOUT: i32 = 1
STDERR: i32 = 2
BUFFER_SIZE = 4096
PIECE_SIZE = 512

stdout_buffer = array(4096, u8)
stdout_used: u64 = 0
stdout_lock = Mutex()


# -- descriptors --------------------------------------------------------------------------------------------------
def open(path: str, mode: OpenMode = OpenMode.READ, permissions: u32 = 0o644) -> i32:
    """A descriptor of the file. Raises ENOENT, EACCES, …"""
    return sys_openat(AT_FDCWD, path, mode, permissions)


def read(fd: i32, into: Span[u8]) -> u64:
    """Read some bytes, at most len(into); 0 at the end. Blocks the thread while there are none."""
    if fd == STDIN and stdout_used > 0:
        flush_stdout()
    return sys_read(fd, into)


def read_full(fd: i32, into: Span[u8]) -> u64:
    """Read until `into` is full or the end is reached."""
    done: u64 = 0
    while done < len(into):
        n = read(fd, into[done:])
        if n == 0:
            break
        done += n
    return done


def write(fd: i32, data: Span[u8]) -> u64:
    """Write some bytes; how many were taken."""
    return sys_write(fd, data)


def write_all(fd: i32, data: Span[u8]) -> None:
    """Write all of it, in as many calls as needed."""
    if len(data) > 0:
        done = sys_write(fd, data)
        if done < len(data):
            write_rest(fd, data[done:])


@noinline
def write_rest(fd: i32, data: Span[u8]) -> None:
    done: u64 = 0
    while done < len(data):
        done += sys_write(fd, data[done:])


def close(fd: i32) -> None:
    sys_close(fd)


def pipe(mode: OpenMode = OpenMode(0)) -> tuple[i32, i32]:
    """(read end, write end) of a new pipe. `mode`: NONBLOCK and CLOEXEC, as with pipe2."""
    pair = FdPair()
    sys_pipe(pair, mode)
    return pair.first, pair.second


def dup(fd: i32, target: i32 = -1) -> i32:
    """Another descriptor for the same open file: the lowest free one, or `target` (which is closed first)."""
    return sys_dup(fd, target)


def seek(fd: i32, offset: i64, whence: Whence = Whence.SET) -> u64:
    return sys_seek(fd, offset, whence)


def file_size(fd: i32) -> u64:
    stat = Stat()
    sys_fstat(fd, stat)
    return stat.size


# -- standard output ----------------------------------------------------------------------------------------------
def flush_stdout() -> None:
    """Write what standard output holds back. What cannot be written is dropped."""
    with stdout_lock:
        flush_locked()


def flush_locked() -> None:
    global stdout_used
    count = stdout_used
    stdout_used = 0
    if count > 0:
        write_or_drop(STDOUT, stdout_buffer[:count])


def write_or_drop(fd: i32, data: Span[u8]) -> None:
    """For output that has nowhere to report to."""
    try:
        write_all(fd, data)
    except Error:
        return


def put_stdout(data: str) -> None:
    """Append to standard output; written up to the last line end. Caller holds: `stdout_lock`."""
    global stdout_used
    rest = data
    while len(rest) > 0:
        count = min(len(rest), u64(BUFFER_SIZE) - stdout_used)
        memcpy(stdout_buffer[stdout_used : stdout_used + count], rest[:count])
        stdout_used += count
        rest = rest[count:]
        if stdout_used == BUFFER_SIZE:
            flush_locked()
    if ends_line(data):
        flush_locked()


def ends_line(data: str) -> bool:
    for byte in data:
        if byte == ord("\n"):
            return True
    return False


class PieceSink(Sink):
    """Puts a formatted message together on the stack; longer ones leave in pieces."""

    fd: i32
    locked: bool
    line: Text = text(512)

    @recursion(1)                           # the message of an error in it goes into a text
    def put(self, data: str) -> None:
        rest = data
        while len(rest) > 0:
            count = min(len(rest), u64(PIECE_SIZE) - self.line.len)
            self.line.put(rest[:count])
            rest = rest[count:]
            if self.line.len == PIECE_SIZE:
                self.pass_on()

    def pass_on(self) -> None:
        """Hand over what is there; more of the same message follows."""
        if not self.locked and self.fd == STDOUT and not in_vcore_context():
            stdout_lock.lock()
            self.locked = True
        self.deliver()

    def deliver(self) -> None:
        if self.locked:
            put_stdout(self.line.view)
        else:
            write_or_drop(self.fd, self.line.view)
        self.line.clear()

    def finish(self) -> None:
        if self.line.len > 0:
            self.pass_on()
        if self.locked:
            stdout_lock.unlock()


@hook
@inline                                     # each caller's own f-string is then all that the proof of its stack counts
def print_to(fd: i32, message: Format) -> None:
    sink = PieceSink(fd=fd)
    message.print_to(sink)
    sink.finish()


# -- buffered files -----------------------------------------------------------------------------------------------
@struct
class File:
    """A descriptor with a buffer. Either read or written; no lock, one thread at a time.

    with open_file("/etc/motd") as file:
        while (line := file.read_line()) is not None:
            print(line)
    """

    fd: i32
    writing: bool
    start: u64                              # reading: the first unread byte of `buffer`
    end: u64                                # reading: behind the last one; writing: how much is held back
    buffer: Array[u8] = array(4096)
    long_line: Span[u8]                     # allocated for lines that do not fit into `buffer`

    def __enter__(self) -> "File":
        return self

    def __exit__(self) -> None:
        close_quietly(self)

    def fill(self) -> bool:
        """Get more bytes behind those unread, which are moved to the front first. False at the end."""
        if self.start > 0:
            left = self.end - self.start
            for i in range(left):
                self.buffer[i] = self.buffer[self.start + i]
            self.start = 0
            self.end = left
        count = read(self.fd, self.buffer[self.end :])
        self.end += count
        return count > 0

    def read_line(self) -> str | None:
        """The next line without its line end; None at the end of the file. Valid until the next read from this file."""
        scanned: u64 = 0
        while True:
            while self.start + scanned < self.end:
                if self.buffer[self.start + scanned] == ord("\n"):
                    line = self.buffer[self.start : self.start + scanned]
                    self.start += scanned + 1
                    return line
                scanned += 1
            if scanned == BUFFER_SIZE:
                return self.read_long_line()
            if not self.fill():
                break
        if self.start == self.end:
            return None
        line = self.buffer[self.start : self.end]
        self.start = self.end
        return line

    def read_long_line(self) -> str:
        """A line longer than the buffer, which is full now: gathered in allocated memory."""
        used: u64 = 0
        while True:
            length: u64 = 0
            while self.start + length < self.end and self.buffer[self.start + length] != ord("\n"):
                length += 1
            self.keep_long(used, self.buffer[self.start : self.start + length])
            used += length
            self.start += length
            if self.start < self.end:
                self.start += 1
                break
            if not self.fill():
                break
        return self.long_line[:used]

    def keep_long(self, used: u64, piece: Span[u8]) -> None:
        if used + len(piece) > len(self.long_line):
            larger = new(array((used + len(piece)) * 2, u8))
            copy_bytes(larger[:used], self.long_line[:used])
            if len(self.long_line) > 0:
                free(self.long_line)
            self.long_line = larger
        copy_bytes(self.long_line[used : used + len(piece)], piece)

    def read(self, into: Span[u8]) -> u64:
        """Some bytes, at most len(into); 0 at the end."""
        if self.start == self.end:
            if len(into) >= BUFFER_SIZE:
                return read(self.fd, into)
            if not self.fill():
                return 0
        count = min(len(into), self.end - self.start)
        copy_bytes(into[:count], self.buffer[self.start : self.start + count])
        self.start += count
        return count

    def write(self, data: Span[u8]) -> None:
        rest = data
        while len(rest) > 0:
            count = min(len(rest), u64(BUFFER_SIZE) - self.end)
            copy_bytes(self.buffer[self.end : self.end + count], rest[:count])
            self.end += count
            rest = rest[count:]
            if self.end == BUFFER_SIZE:
                self.flush()

    def print(self, message: Format) -> None:
        """Formatted text into the file; raises what writing raises."""
        sink = FileSink(file=self)
        message.print_to(sink)
        if sink.failed:
            raise Error(Errno.EIO, f"cannot write to descriptor {self.fd}")

    def flush(self) -> None:
        """Write what is held back."""
        count = self.end
        self.end = 0
        write_all(self.fd, self.buffer[:count])

    def close(self) -> None:
        """Flush if written, close, give memory back. The File is freed if `open_file` made it."""
        close_file(self)


class FileSink(Sink):
    """A File as a Sink: errors are kept, since `put` cannot raise."""

    file: Ref[File]
    failed: bool

    @recursion(1)                           # the message of an error in it goes into a text
    def put(self, data: str) -> None:
        try:
            self.file.write(data)
        except Error:
            self.failed = True


def open_file(path: str, mode: OpenMode = OpenMode.READ, permissions: u32 = 0o644) -> File:
    """An allocated, buffered File; `close` (or leaving `with`) gives it back."""
    fd = open(path, mode, permissions)
    try:
        file = new(File, fd=fd, writing=OpenMode.WRITE in mode)
    except Error:
        close(fd)
        raise
    return file


def file_of(fd: i32) -> File:
    """A buffered reader of an open descriptor, standard input for instance."""
    return new(File, fd=fd)


def close_file(file: File) -> None:
    fd = file.fd
    try:
        if file.writing and file.end > 0:
            file.flush()
    finally:
        if len(file.long_line) > 0:
            free(file.long_line)
        free(file)
        close(fd)


def close_quietly(file: File) -> None:
    try:
        close_file(file)
    except Error:
        return

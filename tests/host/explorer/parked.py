# SPDX-License-Identifier: GPL-2.0-or-later
"""Reads of a pipe that wait without a thread (kern/syscall/parked.py, kern/ns/byte_queue.py) against all that ends them: what is written,
the last writer gone, an abort, the end of their process. Each is over once, and no byte comes twice or not at all.

Every thread is a core in a system call; a call is over when its structure says so (tests/host/parking).
"""

from lang import Array, Error, Uaddr, addr_of, array, i64, struct, u8, u32, u64
from kern.abi.errno import Errno
from kern.abi.syscall import Syscall, SyscallFlag
from kern.core.current import enter_address_space, leave_address_space
from kern.core.kmsg import run_posted
from kern.ns import transfer
from kern.ns.byte_queue import ByteQueue
from kern.ns.chan import Chan, chan_get, chan_put
from kern.ns.transfer import Transfer
from kern.proc.proc import Proc, proc_put
from kern.sync.abort import abort_all_calls, abort_call
from kern.sync.kthread import current_kthread
from kern.syscall.dispatch import finish_at, finish_failed

STAND_INS = ("tests/host/parking", "tests/host/machine")
SIZE: u64 = 4  # of the pipe, and of each reader's buffer


@struct
class Pipe:
    """One process reads, another one writes."""

    queue: ByteQueue
    reading_end: Chan
    reader: Proc
    writer: Proc
    calls: Array[Syscall] = array(2)
    buffers: Array[u8] = array(8)
    data: Array[u8] = array(SIZE)
    sent: Array[u8] = array(SIZE)

    def begin(self) -> None:
        self.queue.data = self.data[:SIZE]
        self.queue.readers = 1
        self.queue.writers = 1
        self.reading_end.refs.init(1)
        self.reading_end.queue = self.queue
        self.reader.pid = 1
        self.writer.pid = 2
        self.reader.refs.store(1)
        self.writer.refs.store(1)
        for i in range(SIZE):
            self.sent[i] = u8(i) + 1

    def buffer(self, i: u64) -> u64:
        return addr_of(self.buffers[i * SIZE])

    def read(self, i: u64) -> None:
        """The reading process' system call number i, as sys_read makes it. The process is alive when it begins."""
        enter_address_space(self.reader)
        kthread = current_kthread()
        call = self.calls[i]
        sysc = Uaddr(addr_of(call))
        kthread.sysc = sysc
        chan_get(self.reading_end)
        io = Transfer(base=self.buffer(i), length=SIZE, chan=self.reading_end)
        try:
            count = self.queue.read(io, True)
        except Error as e:
            finish_failed(self.reader, sysc, e.errno, e.message)
        else:
            if u64(kthread.sysc) != 0:
                finish_at(sysc, count)
        if not io.was_parked:
            chan_put(self.reading_end)
        kthread.sysc = Uaddr(0)
        kthread.was_parked = False
        self.leave()

    def write(self, count: u64) -> None:
        enter_address_space(self.writer)
        io = Transfer(base=addr_of(self.sent), length=count)
        try:
            assert self.queue.write(io, True) == count
        except Error as e:
            assert e.errno == Errno.EPIPE
        self.leave()

    def close(self) -> None:
        """The only writer goes."""
        enter_address_space(self.writer)
        self.queue.end_closed(True)
        self.leave()

    def abort(self, i: u64) -> None:
        """As sys_abort_sysc does."""
        enter_address_space(self.reader)
        self.calls[i].flags.or_(SyscallFlag.ABORT)
        abort_call(self.reader, Uaddr(addr_of(self.calls[i])))
        self.leave()

    def die(self) -> None:
        self.reader.gives_calls_up.store(True)
        abort_all_calls(self.reader)
        proc_put(self.reader)

    def leave(self) -> None:
        """The core is on its way out of the kernel, and then another process'."""
        run_posted()
        leave_address_space()

    def result(self, i: u64) -> i64:
        call = self.calls[i]
        assert call.flags.load() & SyscallFlag.DONE != 0, "a call is lost"
        if call.retval > 0:
            for k in range(u64(call.retval)):
                assert self.buffers[i * SIZE + k] == u8(k) + 1, "other bytes than were written"
        if call.retval < 0:
            assert call.err == u32(Errno.EINTR)
        return call.retval

    def end(self) -> None:
        """Nothing waits, and nobody has kept a reference."""
        assert self.queue.parked.is_empty() and not self.queue.reading.load() and not self.queue.writing.load()
        assert self.reading_end.refs.value() == 1, "references to the channel"
        assert self.writer.refs.load() == 1, "references to the writer"


@struct
class ParkAgainstWrite:
    """A read that is about to be parked, and the bytes that it waits for."""

    pipe: Pipe
    ALLOWS_RACES = True  # whether anybody is parked is looked at without the lock
    STALE_READS = 1

    def setup(self) -> None:
        self.pipe.begin()

    def thread_reader(self) -> None:
        self.pipe.read(0)

    def thread_writer(self) -> None:
        self.pipe.write(2)

    def check(self) -> None:
        assert self.pipe.result(0) == 2
        self.pipe.end()
        assert self.pipe.reader.refs.load() == 1


@struct
class ParkAgainstAbort:
    """The call is told to give up at any moment: either it does, and the bytes are still there, or it has them."""

    pipe: Pipe
    ALLOWS_RACES = True
    PREEMPTIONS = 1
    STALE_READS = 0

    def setup(self) -> None:
        self.pipe.begin()

    def thread_reader(self) -> None:
        self.pipe.read(0)

    def thread_writer(self) -> None:
        self.pipe.write(2)

    def thread_aborter(self) -> None:
        self.pipe.abort(0)

    def check(self) -> None:
        got = self.pipe.result(0)
        assert got == 2 or got == -1
        assert self.pipe.queue.used.load() == (0 if got == 2 else 2), "bytes twice, or lost"
        self.pipe.end()


@struct
class LastWriterGone:
    """Two reads, and the only writer goes: each reads the end."""

    pipe: Pipe
    ALLOWS_RACES = True
    PREEMPTIONS = 1
    STALE_READS = 0

    def setup(self) -> None:
        self.pipe.begin()

    def thread_one(self) -> None:
        self.pipe.read(0)

    def thread_two(self) -> None:
        self.pipe.read(1)

    def thread_writer(self) -> None:
        self.pipe.close()

    def check(self) -> None:
        assert self.pipe.result(0) == 0 and self.pipe.result(1) == 0
        self.pipe.end()


@struct
class TwoReads:
    """Two reads, one of which gets what is written, the other the end."""

    pipe: Pipe
    ALLOWS_RACES = True
    PREEMPTIONS = 1
    STALE_READS = 0

    def setup(self) -> None:
        self.pipe.begin()

    def thread_one(self) -> None:
        self.pipe.read(0)

    def thread_two(self) -> None:
        self.pipe.read(1)

    def thread_writer(self) -> None:
        self.pipe.write(2)
        self.pipe.close()

    def check(self) -> None:
        assert self.pipe.result(0) + self.pipe.result(1) == 2
        self.pipe.end()


@struct
class ProcessDeath:
    """The process dies, and its last reference goes, while a writer answers its call."""

    pipe: Pipe
    ALLOWS_RACES = True
    STALE_READS = 0

    def setup(self) -> None:
        self.pipe.begin()

    def thread_writer(self) -> None:
        self.pipe.write(2)

    def thread_reader(self) -> None:
        self.pipe.read(0)
        self.pipe.die()

    def check(self) -> None:
        self.pipe.result(0)
        self.pipe.end()
        assert self.pipe.reader.refs.load() == 0


@struct
class GoingOnAsAnother:
    """A read that is on its way when its program gives its calls up, to go on as another one: what comes afterwards is for that."""

    pipe: Pipe
    ALLOWS_RACES = True
    STALE_READS = 1

    def setup(self) -> None:
        self.pipe.begin()

    def thread_reader(self) -> None:
        self.pipe.read(0)

    def thread_exec(self) -> None:
        self.pipe.reader.gives_calls_up.store(True)
        abort_all_calls(self.pipe.reader)

    def check(self) -> None:
        assert self.pipe.result(0) == -1
        self.pipe.end()


@struct
class BufferNotThere:
    """The reader's buffer must be waited for, which no writer does: a thread makes the call anew."""

    pipe: Pipe
    ALLOWS_RACES = True
    PREEMPTIONS = 1
    STALE_READS = 0

    def setup(self) -> None:
        self.pipe.begin()
        transfer.missing.store(self.pipe.buffer(0))

    def thread_reader(self) -> None:
        self.pipe.read(0)

    def thread_writer(self) -> None:
        self.pipe.write(2)

    def thread_aborter(self) -> None:
        self.pipe.abort(0)

    def check(self) -> None:
        got = self.pipe.result(0)
        assert got == 2 or got == -1
        assert self.pipe.queue.used.load() == (0 if got == 2 else 2), "bytes twice, or lost"
        self.pipe.end()


@struct
class AbortOfOne:
    """Nobody writes: the call gives up, whenever it is told."""

    pipe: Pipe
    ALLOWS_RACES = True
    STALE_READS = 0

    def setup(self) -> None:
        self.pipe.begin()

    def thread_reader(self) -> None:
        self.pipe.read(0)

    def thread_aborter(self) -> None:
        self.pipe.abort(0)

    def check(self) -> None:
        assert self.pipe.result(0) == -1
        self.pipe.end()

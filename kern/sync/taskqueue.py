# SPDX-License-Identifier: GPL-2.0-or-later
"""TaskQueue: work that an interrupt handler puts off until it may block. For drivers.

    queue = TaskQueue(name="nic")           # at boot:  queue.start()
    rx = Task(fn=receive, arg=addr_of(nic))
    queue.enqueue(rx)                       # in the handler
A queue has a kernel task of its own, which runs its tasks one at a time, in order. A task that waits already is not queued twice; one that
runs is, so that what was posted before `enqueue` is always seen. The storage of a task is the caller's, who drains it before it goes.
Locks: the condition variable's, a leaf, taken with interrupts off.
"""

from typing import Callable

from lang import Error, Ref, addr_of, at, interrupt_context, struct, u64
from kern.lib.queue import Queue
from kern.sync.condvar import CondVar
from kern.sync.kthread import spawn_ktask


@struct
class Task:
    fn: Callable[[u64], None]
    arg: u64
    next: Ref["Task"] | None
    queued: bool


@struct
class TaskQueue:
    name: str
    tasks: Queue[Task]
    running: Ref[Task] | None
    cv: CondVar

    def start(self) -> None:
        """Make its kernel task. Once. May raise ENOMEM."""
        spawn_ktask(self.name, serve, addr_of(self))

    @interrupt_context
    def enqueue(self, task: Task) -> bool:
        """Have the task run after this. False if it waits already. Callable from interrupt handlers."""
        with self.cv.lock.irqs_off():
            if task.queued:
                return False
            task.queued = True
            self.tasks.push(task)
            self.cv.broadcast()
            return True

    def drain(self, task: Task) -> None:
        """Sleep until the task neither waits nor runs. Not from a task of this queue. May raise ENOMEM."""
        with self.cv.lock.irqs_off() as held:
            while task.queued or self.is_running(task):
                self.cv.wait(held)

    def cancel(self, task: Task) -> bool:
        """Take it off the queue. False if it was not there: it may run now."""
        with self.cv.lock.irqs_off():
            if not task.queued:
                return False
            task.queued = False
            self.cv.broadcast()
            return self.tasks.remove(task)

    def is_running(self, task: Task) -> bool:
        running = self.running
        return running is not None and running is task

    def next_task(self) -> Task | None:
        """Sleep until there is one. None if there was no memory to sleep with."""
        try:
            with self.cv.lock.irqs_off() as held:
                self.running = None
                self.cv.broadcast()
                while (task := self.tasks.pop()) is None:
                    self.cv.wait(held)
                task.queued = False
                self.running = task
                return task
        except Error:
            return None


def serve(address: u64) -> None:
    queue = at(TaskQueue, address)
    while True:
        task = queue.next_task()
        if task is not None:
            task.fn(task.arg)

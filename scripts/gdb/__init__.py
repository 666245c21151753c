# SPDX-License-Identifier: GPL-2.0-or-later
"""What gdb learns of Pykaros: how its values print, `p.vcores[2]`, its processes, cores and threads, stacks through a trap.

`make debug` loads all of it. In a gdb of your own, with a kernel.debug: `python import sys; sys.path.insert(0, "."); import scripts.gdb`.

    ps, cores, kthreads, vcores PID     what runs, and where blocked kernel threads stand
    program NAME                        which program the lines of user code are taken from (by itself: the current process')
    $percore("core", 2), $mine("core")  a per-core variable, of that core or of the selected one
    $threadlocal("me")                  a thread-local variable of the user thread on the selected core
    $running("hello")                   whether the selected core runs that program: for `break hello.py:9 if $running("hello")`
    $len(p.vcores), $at(p.vcores, 2)    as `len(…)` and `[…]`, which gdb can do only with what stands in memory

This package is loaded by gdb's own Python, without the project's environment. It only looks: a machine goes on as if it had not been there.
"""

from scripts.gdb import commands, frames, printers, programs, subscripts

for part in (printers, subscripts, commands, frames, programs):
    part.register()

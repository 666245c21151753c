# SPDX-License-Identifier: GPL-2.0-or-later
"""The interleaving explorer, inside: threads as coroutines, every schedule up to a bound, and memory as weak as the language allows.

Code under test is compiled with a call of `hooks` at each access to memory, fence and pause (compiler/lower/explore.py). Its threads
run one at a time, each on a stack of its own. Before every access to a location that several threads use and one writes, another
thread may be run instead. The choices of a run are a list of numbers; a run is replayed from its start, the last number that can
still grow is counted up, until none can (stateless model checking: Godefroid, POPL 1997). Bounded are the preemptions of a run
(Musuvathi and Qadeer, PLDI 2007), its stale reads, and its steps. No locks: one thread of the host.

- `state`: what a run is and what is known of it; `schedule`: runs, choices, coroutines, failures
- `locations`: which memory is shared, and the heap; `memory`: what a load may see; `hooks`: what compiled code calls
"""

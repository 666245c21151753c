# SPDX-License-Identifier: GPL-2.0-or-later
# cython: language_level=3, boundscheck=False, wraparound=False
"""Compiled functions on real threads, without the GIL: see compiler/host/stress.py, which is what Python calls.

Each thread calls its function again and again through `host.enter` (compiler/host/engine.py), so that a failed check ends only
that call; the first one that fails stops all. All start at once; between calls each waits a random while.
"""

from libc.stdint cimport int32_t, int64_t, uint64_t, uintptr_t
from libc.stdlib cimport calloc

cdef extern from * nogil:
    """
    #include <pthread.h>
    #include <sched.h>
    #include <stdint.h>
    #include <time.h>

    static __thread uint64_t own_number;
    static uint64_t thread_number(void) { return own_number; }
    static void set_thread_number(uint64_t n) { own_number = n; }
    static int64_t load_acquire(int64_t *p) { return __atomic_load_n(p, __ATOMIC_ACQUIRE); }
    static void store_release(int64_t *p, int64_t v) { __atomic_store_n(p, v, __ATOMIC_RELEASE); }
    static int64_t add_one(int64_t *p) { return __atomic_add_fetch(p, 1, __ATOMIC_ACQ_REL); }
    static void spin(uint64_t turns) { for (volatile uint64_t i = 0; i < turns; i++) { } }
    static double seconds_now(void) { struct timespec t; clock_gettime(CLOCK_MONOTONIC, &t); return t.tv_sec + t.tv_nsec * 1e-9; }
    static int start_thread(void *(*code)(void *), void *argument) {
        pthread_t made;
        int error = pthread_create(&made, 0, code, argument);
        if (!error) pthread_detach(made);
        return error;
    }
    static void sleep_a_little(void) { struct timespec t = {0, 500000}; nanosleep(&t, 0); }
    """
    uint64_t thread_number()
    void set_thread_number(uint64_t n)
    int64_t load_acquire(int64_t *p)
    void store_release(int64_t *p, int64_t v)
    int64_t add_one(int64_t *p)
    void spin(uint64_t turns)
    double seconds_now()
    int start_thread(void *(*code)(void *) noexcept nogil, void *argument)
    void sleep_a_little()
    void sched_yield()

ctypedef int32_t (*Enter)(uintptr_t thunk, uintptr_t arguments, uintptr_t result) noexcept nogil

cdef struct Shared:
    Enter enter
    int64_t threads
    int64_t ready               # threads that stand at the start
    int64_t stop                # one has failed
    int64_t over                # threads that are through
    uint64_t iterations
    uint64_t delay              # turns of an empty loop between calls, at most
    double deadline

cdef struct Worker:
    Shared *shared
    uintptr_t thunk
    uintptr_t arguments
    uint64_t number
    uint64_t random
    uint64_t done
    int32_t how                 # of its last call, as `host.enter` says
    uint64_t result[8]


cdef uint64_t next_random(Worker *worker) noexcept nogil:
    # xorshift64 (Marsaglia, 2003)
    worker.random ^= worker.random << 13
    worker.random ^= worker.random >> 7
    worker.random ^= worker.random << 17
    return worker.random


cdef void *work(void *argument) noexcept nogil:
    cdef Worker *worker = <Worker *> argument
    cdef Shared *shared = worker.shared
    set_thread_number(worker.number)
    add_one(&shared.ready)
    while load_acquire(&shared.ready) < shared.threads:
        sched_yield()
    while worker.done < shared.iterations and load_acquire(&shared.stop) == 0:
        worker.how = shared.enter(worker.thunk, worker.arguments, <uintptr_t> worker.result)
        if worker.how != 0:
            store_release(&shared.stop, 1)
            break
        worker.done += 1
        if shared.delay != 0:
            spin(next_random(worker) % shared.delay)
        if worker.done % 64 == 0 and seconds_now() > shared.deadline:
            break
    add_one(&shared.over)
    return NULL


def number_function():
    """The address of a C function that says which thread calls it, for the hook `host.thread`."""
    return <uintptr_t> <void *> &thread_number


def run(uintptr_t enter, list calls, uint64_t iterations, double seconds, double grace, uint64_t delay, uint64_t seed):
    """Call `calls` [(thunk, arguments)] on a thread each. [(calls made, how the last ended)] by thread; how -1: it hangs.

    Memory of threads that hang is never freed: they may still use it.
    """
    cdef int64_t count = len(calls)
    cdef Shared *shared = <Shared *> calloc(1, sizeof(Shared))
    cdef Worker *workers = <Worker *> calloc(count, sizeof(Worker))
    cdef int64_t i
    if shared == NULL or workers == NULL:
        raise MemoryError
    shared.enter = <Enter> <void *> enter
    shared.threads = count
    shared.iterations = iterations
    shared.delay = delay
    shared.deadline = seconds_now() + seconds
    for i in range(count):
        workers[i].shared = shared
        workers[i].thunk, workers[i].arguments = calls[i]
        workers[i].number = i
        workers[i].random = (seed + 1) * 0x9e3779b97f4a7c15ULL + <uint64_t> i + 1
        if start_thread(work, &workers[i]) != 0:
            raise OSError("no thread could be started")
    with nogil:
        while load_acquire(&shared.over) < count and seconds_now() < shared.deadline + grace:
            sleep_a_little()
    hangs = load_acquire(&shared.over) < count
    return [(workers[i].done, -1 if hangs and workers[i].how == 0 else workers[i].how) for i in range(count)]

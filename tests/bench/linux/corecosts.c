/* SPDX-License-Identifier: GPL-2.0-or-later
 * What is nearest on Linux to what user/bench/corecosts.py measures, under the same names.
 *
 * A core that comes: a thread that stands by on an idle processor is woken by a futex. One that goes: a computing thread is moved off its
 * processor by sched_setaffinity. One that is reclaimed: a thread of real-time priority is woken on a processor where another process
 * computes. Notifications are signals between threads, events an eventfd between processes; each has a processor of its own. Medians.
 */
#include "bench.h"
#include <linux/futex.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#define ROUNDS 9
#define TRIPS 500
#define MOST 64

static uint32_t go;                                     /* futex: its value is the round */
static uint32_t over;
static volatile uint64_t arrival[MOST];
static pthread_t threads[MOST];
static volatile int spinner_tid, main_tid;
static volatile uint64_t answers;

static void futex(uint32_t *word, int op, uint32_t value)
{
    syscall(SYS_futex, word, op, value, NULL, NULL, 0);
}

static int by_size(const void *one, const void *other)
{
    uint64_t a = *(const uint64_t *)one, b = *(const uint64_t *)other;
    return a < b ? -1 : a > b;
}

static void tell_median(const char *name, uint64_t *samples)
{
    qsort(samples, ROUNDS, sizeof *samples, by_size);
    tell(name, samples[ROUNDS / 2], 1);
}

static void *stand_by(void *cpu)
{
    run_on((int)(intptr_t)cpu);
    uint32_t seen = 0;
    arrival[(intptr_t)cpu] = 1;
    while (!__atomic_load_n(&over, __ATOMIC_SEQ_CST)) {
        while (__atomic_load_n(&go, __ATOMIC_SEQ_CST) == seen)
            futex(&go, FUTEX_WAIT_PRIVATE, seen);
        seen = __atomic_load_n(&go, __ATOMIC_SEQ_CST);
        arrival[(intptr_t)cpu] = now_ns();
    }
    return NULL;
}

static void wait_for_all(int count)
{
    for (int cpu = 1; cpu <= count; cpu++)
        while (arrival[cpu] == 0)
            __builtin_ia32_pause();
}

/* So many threads stand by on the processors from 1 on; wake them, and wait for the last. `beside`: somebody computes there. */
static uint64_t time_of_wake(int count)
{
    usleep(20000);                                      /* all sleep again */
    for (int cpu = 1; cpu <= count; cpu++)
        arrival[cpu] = 0;
    uint64_t start = now_ns(), last = 0;
    __atomic_add_fetch(&go, 1, __ATOMIC_SEQ_CST);
    futex(&go, FUTEX_WAKE_PRIVATE, MOST);
    wait_for_all(count);
    for (int cpu = 1; cpu <= count; cpu++)
        last = arrival[cpu] > last ? arrival[cpu] : last;
    return last - start;
}

static void start_standing(int count)
{
    __atomic_store_n(&over, 0, __ATOMIC_SEQ_CST);
    __atomic_store_n(&go, 0, __ATOMIC_SEQ_CST);
    for (int cpu = 1; cpu <= count; cpu++) {
        arrival[cpu] = 0;
        must(pthread_create(&threads[cpu], NULL, stand_by, (void *)(intptr_t)cpu) == 0, "pthread_create");
    }
    wait_for_all(count);
}

static void end_standing(int count)
{
    __atomic_store_n(&over, 1, __ATOMIC_SEQ_CST);
    __atomic_add_fetch(&go, 1, __ATOMIC_SEQ_CST);
    futex(&go, FUTEX_WAKE_PRIVATE, MOST);
    for (int cpu = 1; cpu <= count; cpu++)
        pthread_join(threads[cpu], NULL);
}

static void measure_wakes(int count, const char *name)
{
    uint64_t samples[ROUNDS];
    if (count < 1 || count >= cpu_count())
        return;
    start_standing(count);
    for (int i = 0; i < ROUNDS; i++)
        samples[i] = time_of_wake(count);
    end_standing(count);
    tell_median(name, samples);
}

static void *spin(void *cpu)
{
    run_on((int)(intptr_t)cpu);
    spinner_tid = (int)syscall(SYS_gettid);
    while (!__atomic_load_n(&over, __ATOMIC_SEQ_CST))
        __builtin_ia32_pause();
    return NULL;
}

static pthread_t start_spinner(int cpu)
{
    pthread_t thread;
    __atomic_store_n(&over, 0, __ATOMIC_SEQ_CST);
    spinner_tid = 0;
    must(pthread_create(&thread, NULL, spin, (void *)(intptr_t)cpu) == 0, "pthread_create");
    while (spinner_tid == 0)
        __builtin_ia32_pause();
    return thread;
}

static void stop_spinner(pthread_t thread)
{
    __atomic_store_n(&over, 1, __ATOMIC_SEQ_CST);
    pthread_join(thread, NULL);
}

static void measure_moves(void)
{
    uint64_t samples[ROUNDS];
    cpu_set_t first;
    CPU_ZERO(&first);
    CPU_SET(0, &first);
    for (int i = 0; i < ROUNDS; i++) {
        pthread_t thread = start_spinner(1);
        uint64_t start = now_ns();
        must(sched_setaffinity(spinner_tid, sizeof first, &first) == 0, "sched_setaffinity");
        samples[i] = now_ns() - start;
        stop_spinner(thread);
    }
    tell_median("preemption warning to core returned", samples);
}

static void measure_reclaims(void)
{
    uint64_t samples[ROUNDS];
    struct sched_param high = {.sched_priority = 50};
    pid_t squatter = fork();
    if (squatter == 0) {
        run_on(1);
        for (;;)
            __builtin_ia32_pause();
    }
    start_standing(1);
    must(pthread_setschedparam(threads[1], SCHED_FIFO, &high) == 0, "SCHED_FIFO");
    for (int i = 0; i < ROUNDS; i++)
        samples[i] = time_of_wake(1);
    end_standing(1);
    kill(squatter, SIGKILL);
    waitpid(squatter, NULL, 0);
    tell_median("provisioned core reclaimed from a squatter", samples);
}

static void on_signal(int number)
{
    if (number == SIGUSR1)
        syscall(SYS_tgkill, getpid(), main_tid, SIGUSR2);
    else
        answers++;
}

static void signal_there_and_back(int times)
{
    for (int i = 0; i < times; i++) {
        uint64_t before = answers;
        syscall(SYS_tgkill, getpid(), spinner_tid, SIGUSR1);
        while (answers == before)
            __builtin_ia32_pause();
    }
}

static void measure_signals(void)
{
    struct sigaction action = {.sa_handler = on_signal};
    sigaction(SIGUSR1, &action, NULL);
    sigaction(SIGUSR2, &action, NULL);
    main_tid = (int)syscall(SYS_gettid);
    pthread_t thread = start_spinner(1);
    signal_there_and_back(TRIPS / 10);
    uint64_t start = now_ns();
    signal_there_and_back(TRIPS);
    tell("notification round trip, between two vcores", now_ns() - start, TRIPS);
    stop_spinner(thread);
}

static void events_there_and_back(int to, int from, int times)
{
    uint64_t value = 1;
    for (int i = 0; i < times; i++) {
        must(write(to, &value, sizeof value) == sizeof value, "write");
        must(read(from, &value, sizeof value) == sizeof value, "read");
        value = 1;
    }
}

static void measure_events(void)
{
    int there = eventfd(0, 0), back = eventfd(0, 0);
    pid_t child = fork();
    if (child == 0) {
        uint64_t value;
        run_on(1);
        for (;;)
            if (read(there, &value, sizeof value) != sizeof value || write(back, &value, sizeof value) != sizeof value)
                _exit(1);
    }
    events_there_and_back(there, back, TRIPS / 10);
    uint64_t start = now_ns();
    events_there_and_back(there, back, TRIPS);
    tell("event round trip, between two processes", now_ns() - start, TRIPS);
    kill(child, SIGKILL);
    waitpid(child, NULL, 0);
}

int main(void)
{
    setvbuf(stdout, NULL, _IOLBF, 0);
    mount_all();
    run_on(0);
    must(cpu_count() >= 2 && cpu_count() <= MOST, "from 2 to 64 processors");
    measure_wakes(1, "core request to vcore running, 1 core");
    measure_wakes(4, "core request to vcore running, 4 cores");
    measure_wakes(cpu_count() - 1, "core request to vcore running, all other cores");
    measure_moves();
    measure_reclaims();
    measure_signals();
    measure_events();
    power_off();
    return 0;
}

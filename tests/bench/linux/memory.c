/* SPDX-License-Identifier: GPL-2.0-or-later
 * What user/bench/memory.py measures, on Linux: memory in use when nothing runs, and what a process and a thread more take.
 *
 * `all` is how much the machine was given, in KiB: what the kernel keeps for itself counts as well. A process is this program again, asleep.
 * The first of them are not counted: they take what processors have on lists of their own, which MemFree leaves out.
 */
#include "bench.h"
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>

#define UNCOUNTED 64
#define PROCESSES 1000
#define THREADS 1000
#define STACK (64ul << 10)

static pthread_barrier_t gate;

static uint64_t free_kib(void)
{
    char line[256];
    uint64_t kib = 0;
    usleep(200000);                                     /* what is freed late is freed by then */
    FILE *file = fopen("/proc/meminfo", "r");
    must(file != NULL, "/proc/meminfo");
    while (kib == 0 && fgets(line, sizeof line, file))
        sscanf(line, "MemFree: %lu kB", &kib);
    fclose(file);
    return kib;
}

static void tell_kib(const char *name, uint64_t kib, uint64_t count)
{
    printf("%-56s %9lu.%lu KiB\n", name, kib * 10 / count / 10, kib * 10 / count % 10);
}

static void *stand_by(void *unused)
{
    pthread_barrier_wait(&gate);
    pthread_barrier_wait(&gate);
    return unused;
}

static void start_sleepers(pid_t *pids, int count)
{
    char *const argv[] = {"memory", "asleep", NULL}, *const envp[] = {NULL};
    for (int i = 0; i < count; i++)
        must(posix_spawn(&pids[i], "/memory", NULL, NULL, argv, envp) == 0, "posix_spawn");
}

static void measure_processes(void)
{
    pid_t pids[UNCOUNTED + PROCESSES];
    start_sleepers(pids, UNCOUNTED);
    uint64_t before = free_kib();
    start_sleepers(pids + UNCOUNTED, PROCESSES);
    tell_kib("memory of a process", before - free_kib(), PROCESSES);
    for (int i = 0; i < UNCOUNTED + PROCESSES; i++) {
        kill(pids[i], SIGKILL);
        waitpid(pids[i], NULL, 0);
    }
}

static void measure_threads(void)
{
    static pthread_t threads[THREADS];
    pthread_attr_t attr;
    pthread_attr_init(&attr);
    pthread_attr_setstacksize(&attr, STACK);
    pthread_barrier_init(&gate, NULL, THREADS + 1);
    uint64_t before = free_kib();
    for (int i = 0; i < THREADS; i++)
        must(pthread_create(&threads[i], &attr, stand_by, NULL) == 0, "pthread_create");
    pthread_barrier_wait(&gate);
    tell_kib("memory of a thread", before - free_kib(), THREADS);
    pthread_barrier_wait(&gate);
    for (int i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
}

int main(int argc, char **argv)
{
    if (argc > 1 && strcmp(argv[1], "asleep") == 0)
        for (;;)
            pause();
    uint64_t all = argc > 1 ? strtoull(argv[argc - 1], NULL, 10) : 0;
    must(all > 0, "how many KiB has the machine?");
    mount_all();
    tell_kib("memory in use, idle", all - free_kib(), 1);
    measure_processes();
    measure_threads();
    power_off();
    return 0;
}

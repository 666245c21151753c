/* SPDX-License-Identifier: GPL-2.0-or-later
 * What user/bench/costs.py measures, on Linux: the same operations under the same names, a line each.
 *
 * It is the first process: mounts what it needs, measures, powers off. As /true it only ends, for the measurement of spawning.
 * All threads share one processor, so that a switch is a switch. Where Linux has several ways the fastest stands here: posix_spawn
 * does not copy page tables as fork does; small stacks make threads cheap.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/io_uring.h>
#include <pthread.h>
#include <sched.h>
#include <semaphore.h>
#include <signal.h>
#include <spawn.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define PAGE 4096ul
#define STACK (64ul << 10)
#define BLOCK (64ul << 10)
#define BATCH 1000
#define MAX_THREADS 4096

typedef void action(uint64_t times);
typedef void *body(void *times);

static int ends[4];
static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;
static pthread_barrier_t barrier;
static uint64_t turn;
static volatile uint64_t latest;
static sem_t ping, pong;
static volatile uint64_t first_ns, last_ns;             /* one processor: whoever writes is alone */

static void must(int fine, const char *what)
{
    if (!fine) {
        printf("costs: %s: %s\n", what, strerror(errno));
        reboot(RB_POWER_OFF);
        exit(1);
    }
}

static uint64_t now_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static void tell(const char *name, uint64_t ns, uint64_t times)
{
    printf("%-48s %9lu.%lu ns\n", name, ns * 10 / times / 10, ns * 10 / times % 10);
    fflush(stdout);
}

/* Once to warm up, then `times` times, of which the mean is told. */
static void measure(const char *name, uint64_t times, action *act)
{
    act(times / 50 > 2 ? times / 50 : 2);
    uint64_t start = now_ns();
    act(times);
    tell(name, now_ns() - start, times);
}

static void null_calls(uint64_t times)
{
    for (uint64_t i = 0; i < times; i++)
        syscall(SYS_getppid);
}

/* Through io_uring: requests that do nothing, all of a batch submitted by one system call, their completions read from the shared ring. */
static void asynchronous_calls(uint64_t times)
{
    static int ring = -1;
    static struct io_uring_params params;
    static char *sq, *cq;
    static struct io_uring_sqe *sqes;
    if (ring < 0) {
        ring = (int)syscall(SYS_io_uring_setup, 1024, &params);
        must(ring >= 0, "io_uring_setup");
        sq = mmap(NULL, params.sq_off.array + params.sq_entries * sizeof(unsigned), PROT_READ | PROT_WRITE, MAP_SHARED, ring, IORING_OFF_SQ_RING);
        cq = mmap(NULL, params.cq_off.cqes + params.cq_entries * sizeof(struct io_uring_cqe), PROT_READ | PROT_WRITE, MAP_SHARED, ring,
                  IORING_OFF_CQ_RING);
        sqes = mmap(NULL, params.sq_entries * sizeof(struct io_uring_sqe), PROT_READ | PROT_WRITE, MAP_SHARED, ring, IORING_OFF_SQES);
        must(sq != MAP_FAILED && cq != MAP_FAILED && (void *)sqes != MAP_FAILED, "mmap of the rings");
    }
    unsigned *array = (unsigned *)(sq + params.sq_off.array), *tail = (unsigned *)(sq + params.sq_off.tail);
    unsigned *head = (unsigned *)(cq + params.cq_off.head), *done = (unsigned *)(cq + params.cq_off.tail);
    struct io_uring_cqe *cqes = (struct io_uring_cqe *)(cq + params.cq_off.cqes);
    for (uint64_t left = times; left > 0;) {
        unsigned count = left < BATCH ? (unsigned)left : BATCH, at = *tail;
        for (unsigned i = 0; i < count; i++, at++) {
            unsigned slot = at & (params.sq_entries - 1);
            memset(&sqes[slot], 0, sizeof sqes[slot]);
            sqes[slot].opcode = IORING_OP_NOP;
            sqes[slot].user_data = i;
            array[slot] = slot;
        }
        __atomic_store_n(tail, at, __ATOMIC_RELEASE);
        must(syscall(SYS_io_uring_enter, ring, count, count, IORING_ENTER_GETEVENTS, NULL, 0) == (long)count, "io_uring_enter");
        for (unsigned i = 0, from = *head; i < count; i++, from++) {
            must(__atomic_load_n(done, __ATOMIC_ACQUIRE) != from && cqes[from & (params.cq_entries - 1)].res == 0, "a completion");
            __atomic_store_n(head, from + 1, __ATOMIC_RELEASE);
        }
        left -= count;
    }
}

/* A message that a loop around epoll takes: eventfd. */
static void events(uint64_t times)
{
    int fd = eventfd(0, 0), set = epoll_create1(0);
    struct epoll_event wanted = {.events = EPOLLIN}, told;
    must(fd >= 0 && set >= 0 && epoll_ctl(set, EPOLL_CTL_ADD, fd, &wanted) == 0, "eventfd");
    for (uint64_t i = 0; i < times; i++) {
        uint64_t one = 1;
        must(write(fd, &one, sizeof one) == sizeof one, "write");
        must(epoll_wait(set, &told, 1, -1) == 1, "epoll_wait");
        must(read(fd, &one, sizeof one) == sizeof one, "read");
    }
    close(set);
    close(fd);
}

static volatile uint64_t handled;

static void count_signal(int number)
{
    handled += number == SIGUSR1;
}

/* An interruption of oneself: a signal, and its handler. */
static void signals(uint64_t times)
{
    signal(SIGUSR1, count_signal);
    long self = syscall(SYS_gettid);
    for (uint64_t i = 0; i < times; i++) {
        uint64_t before = handled;
        syscall(SYS_tkill, self, SIGUSR1);
        must(handled == before + 1, "a signal");
    }
}

static void clock_reads(uint64_t times)
{
    for (uint64_t i = 0; i < times; i++)
        latest = now_ns();
}

static char *map(uint64_t size)
{
    char *place = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    must(place != MAP_FAILED, "mmap");
    return place;
}

static void page_faults(uint64_t times)
{
    char *memory = map(times * PAGE);
    madvise(memory, times * PAGE, MADV_NOHUGEPAGE);
    for (uint64_t page = 0; page < times; page++)
        memory[page * PAGE] = 1;
    munmap(memory, times * PAGE);
}

static void mappings(uint64_t times)
{
    for (uint64_t i = 0; i < times; i++)
        munmap(map(PAGE), PAGE);
}

static void exchange(int to, int from)
{
    char byte = 0;
    must(write(to, &byte, 1) == 1, "write");
    must(read(from, &byte, 1) == 1, "read");
}

static void pipe_bytes(uint64_t times)
{
    int fd[2];
    must(pipe(fd) == 0, "pipe");
    for (uint64_t i = 0; i < times; i++)
        exchange(fd[1], fd[0]);
    close(fd[0]);
    close(fd[1]);
}

static void spawns(uint64_t times)
{
    char *const argv[] = {"true", NULL}, *const envp[] = {NULL};
    for (uint64_t i = 0; i < times; i++) {
        pid_t pid;
        must(posix_spawn(&pid, "/true", NULL, NULL, argv, envp) == 0, "posix_spawn");
        must(waitpid(pid, NULL, 0) == pid, "waitpid");
    }
}

static pthread_t start(body *run, uint64_t arg)
{
    pthread_attr_t attr;
    pthread_t thread;
    pthread_attr_init(&attr);
    pthread_attr_setstacksize(&attr, STACK);
    must(pthread_create(&thread, &attr, run, (void *)arg) == 0, "pthread_create");
    return thread;
}

static void *nothing(void *arg)
{
    return arg;
}

static void creations(uint64_t times)
{
    for (uint64_t i = 0; i < times; i++)
        pthread_join(start(nothing, 0), NULL);
}

/* Nobody's switches count before all are there. */
static void *yield_often(void *times)
{
    pthread_barrier_wait(&barrier);
    if (first_ns == 0)
        first_ns = now_ns();
    for (uint64_t i = 0; i < (uint64_t)times; i++)
        sched_yield();
    last_ns = now_ns();
    return NULL;
}

static void in_threads(int count, body *run, uint64_t arg)
{
    static pthread_t all[MAX_THREADS];
    for (int i = 0; i < count; i++)
        all[i] = start(run, arg);
    for (int i = 0; i < count; i++)
        pthread_join(all[i], NULL);
}

static void measure_switches(int count, uint64_t each)
{
    char name[64];
    snprintf(name, sizeof name, "thread switch, %d threads", count);
    pthread_barrier_init(&barrier, NULL, (unsigned)count);
    first_ns = 0;
    in_threads(count, yield_often, each);
    pthread_barrier_destroy(&barrier);
    tell(name, last_ns - first_ns, (uint64_t)count * each);
}

static void in_two_threads(body *one, uint64_t arg, body *other)
{
    pthread_t first = start(one, arg), second = start(other, arg);
    pthread_join(first, NULL);
    pthread_join(second, NULL);
}

static void *serve(void *times)
{
    for (uint64_t i = 0; i < (uint64_t)times; i++) {
        sem_post(&ping);
        sem_wait(&pong);
    }
    return NULL;
}

static void *answer(void *times)
{
    for (uint64_t i = 0; i < (uint64_t)times; i++) {
        sem_wait(&ping);
        sem_post(&pong);
    }
    return NULL;
}

static void semaphores(uint64_t times)
{
    in_two_threads(serve, times / 2, answer);
}

static void take_turns(uint64_t times, uint64_t mine)
{
    for (uint64_t i = 0; i < times; i++) {
        pthread_mutex_lock(&mutex);
        while (turn % 2 != mine)
            pthread_cond_wait(&changed, &mutex);
        turn++;
        pthread_cond_signal(&changed);
        pthread_mutex_unlock(&mutex);
    }
}

static void *take_even_turns(void *times)
{
    take_turns((uint64_t)times, 0);
    return NULL;
}

static void *take_odd_turns(void *times)
{
    take_turns((uint64_t)times, 1);
    return NULL;
}

static void conditions(uint64_t times)
{
    in_two_threads(take_even_turns, times / 2, take_odd_turns);
}

static void *meet(void *times)
{
    for (uint64_t i = 0; i < (uint64_t)times; i++)
        pthread_barrier_wait(&barrier);
    return NULL;
}

static void barriers(uint64_t times)
{
    pthread_barrier_init(&barrier, NULL, 16);
    in_threads(16, meet, times);
    pthread_barrier_destroy(&barrier);
}

static void *send_and_receive(void *times)
{
    for (uint64_t i = 0; i < (uint64_t)times; i++)
        exchange(ends[1], ends[2]);
    return NULL;
}

static void *receive_and_send(void *times)
{
    char byte = 0;
    for (uint64_t i = 0; i < (uint64_t)times; i++) {
        must(read(ends[0], &byte, 1) == 1, "read");
        must(write(ends[3], &byte, 1) == 1, "write");
    }
    return NULL;
}

static void pipe_round_trips(uint64_t times)
{
    must(pipe(ends) == 0 && pipe(ends + 2) == 0, "pipe");
    in_two_threads(send_and_receive, times, receive_and_send);
    for (int i = 0; i < 4; i++)
        close(ends[i]);
}

static void *send_blocks(void *times)
{
    static char block[BLOCK];
    for (uint64_t i = 0; i < (uint64_t)times; i++)
        must(write(ends[1], block, BLOCK) == (ssize_t)BLOCK, "write");
    return NULL;
}

static void *receive_blocks(void *times)
{
    static char block[BLOCK];
    for (uint64_t left = (uint64_t)times * BLOCK; left > 0;) {
        ssize_t got = read(ends[0], block, BLOCK);
        must(got > 0, "read");
        left -= (uint64_t)got;
    }
    return NULL;
}

static void pipe_blocks(uint64_t times)
{
    must(pipe(ends) == 0, "pipe");
    fcntl(ends[1], F_SETPIPE_SZ, 1 << 20);
    in_two_threads(send_blocks, times, receive_blocks);
    close(ends[0]);
    close(ends[1]);
}

int main(int argc, char **argv)
{
    (void)argc;
    if (strcmp(argv[0], "true") == 0)
        return 0;
    setvbuf(stdout, NULL, _IOLBF, 0);
    cpu_set_t one;
    CPU_ZERO(&one);
    CPU_SET(0, &one);
    must(sched_setaffinity(0, sizeof one, &one) == 0, "sched_setaffinity");
    sem_init(&ping, 0, 0);
    sem_init(&pong, 0, 0);
    printf("BEGIN\n");
    measure("null call", 20000, null_calls);
    measure("1,000 asynchronous calls, each", 20000, asynchronous_calls);
    measure("event to oneself, sent to handled", 10000, events);
    measure("notification of oneself", 10000, signals);
    measure("read the clock", 100000, clock_reads);
    measure("page fault", 2000, page_faults);
    measure("map and unmap a page", 5000, mappings);
    measure("pipe, 1 byte there and back, one thread", 5000, pipe_bytes);
    measure("spawn and wait", 50, spawns);
    measure("thread create and join", 5000, creations);
    measure_switches(2, 50000);
    measure_switches(16, 6000);
    measure_switches(256, 400);
    measure_switches(1024, 100);
    measure_switches(4096, 50);
    measure("semaphore ping-pong, per hand-over", 50000, semaphores);
    measure("mutex and condition variable, per hand-over", 50000, conditions);
    measure("barrier of 16 threads", 2000, barriers);
    measure("pipe round trip, two threads", 2000, pipe_round_trips);
    measure("pipe, a block of 64 KiB", 1000, pipe_blocks);
    printf("END\n");
    sync();
    reboot(RB_POWER_OFF);
    return 0;
}

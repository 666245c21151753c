/* SPDX-License-Identifier: GPL-2.0-or-later
 * What all programs of this folder need: each is the first process of a Linux that was booted for it. */
#ifndef BENCH_H
#define BENCH_H
#define _GNU_SOURCE
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

static inline void power_off(void)
{
    fflush(stdout);
    sync();
    reboot(RB_POWER_OFF);
    exit(1);
}

static inline void must(int fine, const char *what)
{
    if (!fine) {
        printf("%s: %s\n", what, strerror(errno));
        power_off();
    }
}

static inline uint64_t now_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

/* /proc, and /sys, which says how many processors there are. */
static inline void mount_all(void)
{
    mkdir("/proc", 0755);
    mkdir("/sys", 0755);
    must(mount("proc", "/proc", "proc", 0, NULL) == 0, "mount /proc");
    must(mount("sysfs", "/sys", "sysfs", 0, NULL) == 0, "mount /sys");
}

static inline void run_on(int cpu)
{
    cpu_set_t one;
    CPU_ZERO(&one);
    CPU_SET(cpu, &one);
    must(sched_setaffinity(0, sizeof one, &one) == 0, "sched_setaffinity");
}

static inline int cpu_count(void)
{
    return (int)sysconf(_SC_NPROCESSORS_ONLN);
}

static inline void tell(const char *name, uint64_t ns, uint64_t times)
{
    printf("%-56s %9lu.%lu ns\n", name, ns * 10 / times / 10, ns * 10 / times % 10);
}
#endif

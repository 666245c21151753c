/* SPDX-License-Identifier: GPL-2.0-or-later
 * noise MILLISECONDS: what disturbs a thread that has the last processor for itself, by the kernel's counts of interrupts and by the work that it
 * gets done in quanta of fixed time. The work, its units and what counts as lost are those of user/bench/noise.py, and so are the lines.
 */
#include "bench.h"

#define QUANTUM_NS 1000000u
#define ROUNDS 4000
#define TOLERATED 100
#define TRIALS 10
#define MIX 6364136223846793005u

static uint64_t usual, units, least, most, detours, longest, lost, cycles;
static volatile uint64_t sink;

static uint64_t cycle_counter(void)
{
    return __builtin_ia32_rdtsc();
}

/* Interrupts of one processor so far: the column of /proc/interrupts, all lines. */
static uint64_t interrupts(int cpu)
{
    static char line[8192];
    FILE *file = fopen("/proc/interrupts", "r");
    uint64_t total = 0;
    must(file != NULL, "/proc/interrupts");
    must(fgets(line, sizeof line, file) != NULL, "/proc/interrupts");
    while (fgets(line, sizeof line, file)) {
        char *at = strchr(line, ':');
        for (int i = 0; at && i <= cpu; i++) {
            char *end;
            uint64_t value = strtoull(at + 1, &end, 10);
            if (end == at + 1)
                break;                                  /* ERR and MIS have one number for all */
            if (i == cpu)
                total += value;
            at = end - 1;
            while (*++at == ' ')
                ;
            at--;
        }
    }
    fclose(file);
    return total;
}

static uint64_t compute(uint64_t quanta, uint64_t quantum)
{
    uint64_t shortest = ~0ull, limit = usual + usual / TOLERATED;
    uint64_t start = cycle_counter(), value = start, last = start;
    units = detours = longest = lost = most = 0;
    least = ~0ull;
    for (uint64_t i = 0; i < quanta; i++) {
        uint64_t end = start + (i + 1) * quantum, mine = 0;
        while (last < end) {
            for (int round = 0; round < ROUNDS; round++)
                value = (value ^ value >> 29) * MIX;
            uint64_t now = cycle_counter(), taken = now - last;
            last = now;
            mine++;
            shortest = taken < shortest ? taken : shortest;
            if (taken > limit) {
                detours++;
                lost += taken - usual;
                longest = taken - usual > longest ? taken - usual : longest;
            }
        }
        units += mine;
        least = mine < least ? mine : least;
        most = mine > most ? mine : most;
    }
    cycles = last - start;
    sink = value;
    return shortest;
}

int main(int argc, char **argv)
{
    uint64_t quanta = argc > 1 ? strtoull(argv[argc - 1], NULL, 10) * 1000000 / QUANTUM_NS : 0;
    must(quanta > 0, "how many milliseconds?");
    mount_all();
    int cpu = cpu_count() - 1;
    run_on(cpu);
    uint64_t ns = now_ns(), tsc = cycle_counter();
    while (now_ns() - ns < 200000000)
        ;
    double per_ns = (double)(cycle_counter() - tsc) / (double)(now_ns() - ns);
    uint64_t quantum = (uint64_t)(QUANTUM_NS * per_ns + 0.5);
    usual = 1ull << 32;
    usual = compute(TRIALS, quantum);
    uint64_t before = interrupts(cpu);
    compute(quanta, quantum);
    uint64_t entries = interrupts(cpu) - before;
    printf("core %d held, %lu entries\n", cpu, entries);
    printf("  %lu quanta of %u us, %lu to %lu units of %.0f ns each, %lu in all;", quanta, QUANTUM_NS / 1000, least, most, (double)usual / per_ns, units);
    printf(" lost %.0f ns of %.0f, %.4f %%,", (double)lost / per_ns, (double)cycles / per_ns, 100.0 * (double)lost / (double)cycles);
    printf(" in %lu detours of up to %.0f ns\n", detours, (double)longest / per_ns);
    power_off();
    return 0;
}

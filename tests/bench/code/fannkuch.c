/* SPDX-License-Identifier: GPL-2.0-or-later
   fannkuch N 1: flips of pancakes over all permutations of N, as in the Computer Language Benchmarks Game. */
#include <inttypes.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#define MOST 16

static int32_t permutation[MOST], first[MOST], count[MOST];

/* How often the stack is turned until the smallest is on top; works on `permutation`. */
static int64_t flips_of(uint64_t n)
{
    for (uint64_t i = 0; i < n; i++)
        permutation[i] = first[i];
    int64_t flips = 0;
    uint64_t top;
    while ((top = (uint64_t)permutation[0]) != 0) {
        for (uint64_t low = 0, high = top; low < high; low++, high--) {
            int32_t t = permutation[low];
            permutation[low] = permutation[high];
            permutation[high] = t;
        }
        flips++;
    }
    return flips;
}

int main(int argc, char **argv)
{
    (void)argc;
    uint64_t n = strtoull(argv[1], NULL, 10);
    for (uint64_t i = 0; i < n; i++)
        first[i] = (int32_t)i;
    int64_t checksum = 0, most = 0;
    uint64_t r = n;
    bool even = true;
    for (;;) {
        for (; r != 1; r--)
            count[r - 1] = (int32_t)r;
        int64_t flips = flips_of(n);
        most = flips > most ? flips : most;
        checksum += even ? flips : -flips;
        for (;; r++) {
            if (r == n) {
                printf("%" PRId64 " %" PRId64 "\n", checksum, most);
                return 0;
            }
            int32_t bottom = first[0];
            for (uint64_t i = 0; i < r; i++)
                first[i] = first[i + 1];
            first[r] = bottom;
            if (--count[r] > 0)
                break;
        }
        even = !even;
    }
}

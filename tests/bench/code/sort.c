/* SPDX-License-Identifier: GPL-2.0-or-later
   sort N ROUNDS: quicksort (median of three, insertion sort for short parts) of N pseudo-random integers. */
#include <inttypes.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#define SHORT 16

static void insertion_sort(uint64_t *items, int64_t low, int64_t high)
{
    for (int64_t i = low + 1; i <= high; i++) {
        uint64_t x = items[i];
        int64_t j = i - 1;
        while (j >= low && items[j] > x) {
            items[j + 1] = items[j];
            j--;
        }
        items[j + 1] = x;
    }
}

static uint64_t larger(uint64_t a, uint64_t b)
{
    return a > b ? a : b;
}

static uint64_t median(uint64_t a, uint64_t b, uint64_t c)
{
    if (a < b)
        return b < c ? b : larger(a, c);
    return a < c ? a : larger(b, c);
}

static void quicksort(uint64_t *items, int64_t low, int64_t high)
{
    while (high - low > SHORT) {
        uint64_t pivot = median(items[low], items[low + (high - low) / 2], items[high]);
        int64_t i = low, j = high;
        while (i <= j) {
            while (items[i] < pivot)
                i++;
            while (items[j] > pivot)
                j--;
            if (i <= j) {
                uint64_t t = items[i];
                items[i] = items[j];
                items[j] = t;
                i++;
                j--;
            }
        }
        if (j - low < high - i) {
            quicksort(items, low, j);
            low = i;
        } else {
            quicksort(items, i, high);
            high = j;
        }
    }
    insertion_sort(items, low, high);
}

int main(int argc, char **argv)
{
    (void)argc;
    uint64_t n = strtoull(argv[1], NULL, 10), rounds = strtoull(argv[2], NULL, 10);
    uint64_t *items = calloc(n, sizeof *items);
    uint64_t state = 88172645463325252u, check = 0;
    for (uint64_t r = 0; r < rounds; r++) {
        for (uint64_t i = 0; i < n; i++) {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            items[i] = state;
        }
        quicksort(items, 0, (int64_t)n - 1);
        for (uint64_t i = 0; i < n; i++)
            check = check * 31 + items[i];
    }
    printf("%" PRIu64 "\n", check);
    return 0;
}

/* SPDX-License-Identifier: GPL-2.0-or-later
   spectral N 1: the spectral norm of an infinite matrix, as in the Computer Language Benchmarks Game. */
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

static double a(uint64_t i, uint64_t j)
{
    return 1.0 / (double)((i + j) * (i + j + 1) / 2 + i + 1);
}

static void multiply(const double *v, double *into, uint64_t n)
{
    for (uint64_t i = 0; i < n; i++) {
        double total = 0.0;
        for (uint64_t j = 0; j < n; j++)
            total += a(i, j) * v[j];
        into[i] = total;
    }
}

static void multiply_transposed(const double *v, double *into, uint64_t n)
{
    for (uint64_t i = 0; i < n; i++) {
        double total = 0.0;
        for (uint64_t j = 0; j < n; j++)
            total += a(j, i) * v[j];
        into[i] = total;
    }
}

static void both(const double *v, double *into, double *between, uint64_t n)
{
    multiply(v, between, n);
    multiply_transposed(between, into, n);
}

int main(int argc, char **argv)
{
    (void)argc;
    uint64_t n = strtoull(argv[1], NULL, 10);
    double *u = calloc(n, sizeof *u), *v = calloc(n, sizeof *v), *between = calloc(n, sizeof *between);
    for (uint64_t i = 0; i < n; i++)
        u[i] = 1.0;
    for (int i = 0; i < 10; i++) {
        both(u, v, between, n);
        both(v, u, between, n);
    }
    double vbv = 0.0, vv = 0.0;
    for (uint64_t i = 0; i < n; i++) {
        vbv += u[i] * v[i];
        vv += v[i] * v[i];
    }
    printf("%.9f\n", sqrt(vbv / vv));
    return 0;
}

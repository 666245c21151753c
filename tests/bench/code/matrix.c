/* SPDX-License-Identifier: GPL-2.0-or-later
   matrix N ROUNDS: products of two N by N matrices of double, row by row. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

static void multiply(double *into, const double *a, const double *b, uint64_t n)
{
    for (uint64_t i = 0; i < n; i++) {
        double *row = into + i * n;
        for (uint64_t j = 0; j < n; j++)
            row[j] = 0.0;
        for (uint64_t k = 0; k < n; k++) {
            double factor = a[i * n + k];
            const double *other = b + k * n;
            for (uint64_t j = 0; j < n; j++)
                row[j] += factor * other[j];
        }
    }
}

int main(int argc, char **argv)
{
    (void)argc;
    uint64_t n = strtoull(argv[1], NULL, 10), rounds = strtoull(argv[2], NULL, 10);
    double *a = calloc(n * n, sizeof *a), *b = calloc(n * n, sizeof *b), *c = calloc(n * n, sizeof *c);
    for (uint64_t i = 0; i < n * n; i++) {
        a[i] = (double)(i % 7) / 8.0;
        b[i] = (double)(i % 5) - 2.0;
    }
    double total = 0.0;
    for (uint64_t r = 0; r < rounds; r++) {
        multiply(c, a, b, n);
        total += c[n + 1];
        a[0] += 1.0;
    }
    double trace = total;
    for (uint64_t i = 0; i < n; i++)
        trace += c[i * n + i];
    printf("%.3f\n", trace);
    return 0;
}

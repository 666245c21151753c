/* SPDX-License-Identifier: GPL-2.0-or-later
   format CASE ROUNDS: one line of text made ROUNDS times, by snprintf. */
#include <inttypes.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int main(int argc, char **argv)
{
    (void)argc;
    static const char *const cases[] = { "decimal", "hexadecimal", "strings", "widths", "floats" };
    int which = 0;
    while (which < 5 && strcmp(cases[which], argv[1]))
        which++;
    uint64_t rounds = strtoull(argv[2], NULL, 10), check = 0;
    char line[200];
    for (uint64_t i = 0; i < rounds; i++) {
        uint64_t big = i * 0x9E3779B97F4A7C15u;
        int n = 0;
        switch (which) {
        case 0:
            n = snprintf(line, sizeof line, "%" PRIu64 " %" PRId64 " %" PRIu64, i, (int64_t)i - 500000, big);
            break;
        case 1:
            n = snprintf(line, sizeof line, "%" PRIx64 " %016" PRIx64 " %02x", i, big, (unsigned)(i & 255));
            break;
        case 2: {
            const char *name = (i & 1) == 0 ? "alpha" : "delta";
            n = snprintf(line, sizeof line, "%s: %s and %s", name, argv[1], name);
            break;
        }
        case 3:
            n = snprintf(line, sizeof line, "%8" PRIu64 " %-6" PRIu64 " %-12s|%04" PRIu64, i, i & 1023, "name", i & 255);
            break;
        case 4:
            n = snprintf(line, sizeof line, "%.2f %.3f", (double)i / 7.0, (double)i * 1.5);
            break;
        default:
            n = snprintf(line, sizeof line, "[%6" PRIu64 "] core %" PRIu64 ": %s at 0x%" PRIx64 " took %.1f ms\n", i, i & 15, "thread",
                         big, (double)(i & 1023) / 8.0);
        }
        check = check * 31 + (uint8_t)line[n - 1] + (uint64_t)n;
    }
    printf("%" PRIu64 "\n", check);
    return 0;
}

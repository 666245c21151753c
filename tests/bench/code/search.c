/* SPDX-License-Identifier: GPL-2.0-or-later
   search N ROUNDS: the places of some words in N bytes of text, by Horspool's algorithm (1980). */
#include <inttypes.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static uint64_t skip[256];

static void prepare(const uint8_t *word, uint64_t n)
{
    for (int i = 0; i < 256; i++)
        skip[i] = n;
    for (uint64_t i = 0; i < n - 1; i++)
        skip[word[i]] = n - 1 - i;
}

static bool matches(const uint8_t *text, uint64_t at, const uint8_t *word, uint64_t n)
{
    for (uint64_t i = 0; i < n; i++)
        if (text[at + i] != word[i])
            return false;
    return true;
}

static uint64_t occurrences(const uint8_t *text, uint64_t size, const uint8_t *word, uint64_t n)
{
    prepare(word, n);
    uint8_t last = word[n - 1];
    uint64_t found = 0, at = 0;
    while (at + n <= size) {
        uint8_t end = text[at + n - 1];
        if (end == last && matches(text, at, word, n))
            found += at + 1;
        at += skip[end];
    }
    return found;
}

int main(int argc, char **argv)
{
    (void)argc;
    static const char *const words[] = { "abcdef", "fade", "deadbeef", "cab", "facade" };
    uint64_t n = strtoull(argv[1], NULL, 10), rounds = strtoull(argv[2], NULL, 10);
    uint8_t *text = calloc(n, 1);
    uint64_t state = 88172645463325252u, check = 0;
    for (uint64_t i = 0; i < n; i++) {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        text[i] = (uint8_t)('a' + (state >> 32) % 6);
    }
    for (uint64_t r = 0; r < rounds; r++)
        for (int w = 0; w < 5; w++)
            check = check * 31 + occurrences(text, n, (const uint8_t *)words[w], strlen(words[w]));
    printf("%" PRIu64 "\n", check);
    return 0;
}

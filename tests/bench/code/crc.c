/* SPDX-License-Identifier: GPL-2.0-or-later
   crc N ROUNDS: CRC-32 (the polynomial of IEEE 802.3, by a table, byte by byte) of N bytes. */
#include <inttypes.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

static uint32_t table[256];

static void make_table(void)
{
    for (uint32_t n = 0; n < 256; n++) {
        uint32_t c = n;
        for (int k = 0; k < 8; k++)
            c = c & 1 ? c >> 1 ^ 0xEDB88320u : c >> 1;
        table[n] = c;
    }
}

static uint32_t crc32(const uint8_t *data, uint64_t size)
{
    uint32_t crc = 0xFFFFFFFFu;
    for (uint64_t i = 0; i < size; i++)
        crc = table[(crc ^ data[i]) & 0xFF] ^ crc >> 8;
    return crc ^ 0xFFFFFFFFu;
}

int main(int argc, char **argv)
{
    (void)argc;
    uint64_t n = strtoull(argv[1], NULL, 10), rounds = strtoull(argv[2], NULL, 10), check = 0;
    make_table();
    uint8_t *data = calloc(n, 1);
    for (uint64_t i = 0; i < n; i++)
        data[i] = (uint8_t)(i * 7 + (i >> 8));
    for (uint64_t r = 0; r < rounds; r++) {
        uint32_t crc = crc32(data, n);
        check = check * 31 + crc;
        data[0] = (uint8_t)crc;
    }
    printf("%" PRIu64 "\n", check);
    return 0;
}

/* SPDX-License-Identifier: GPL-2.0-or-later
   hash_map N ROUNDS: N insertions, 2 N look-ups (half of them in vain) and N/2 removals in a map with open addressing. */
#include <inttypes.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#define EMPTY 0
#define REMOVED UINT64_MAX

struct entry {
    uint64_t key, value;
};

struct map {
    struct entry *entries;
    uint64_t mask, count;
};

static uint64_t slot(const struct map *map, uint64_t key)
{
    return (key * 0x9E3779B97F4A7C15u >> 20) & map->mask;
}

static void put(struct map *map, uint64_t key, uint64_t value)
{
    uint64_t i = slot(map, key);
    while (map->entries[i].key != EMPTY && map->entries[i].key != key)
        i = (i + 1) & map->mask;
    struct entry *entry = &map->entries[i];
    if (entry->key == EMPTY) {
        entry->key = key;
        map->count++;
    }
    entry->value = value;
}

static uint64_t get(const struct map *map, uint64_t key)
{
    for (uint64_t i = slot(map, key);; i = (i + 1) & map->mask) {
        const struct entry *entry = &map->entries[i];
        if (entry->key == key)
            return entry->value;
        if (entry->key == EMPTY)
            return 0;
    }
}

static bool remove_key(struct map *map, uint64_t key)
{
    uint64_t i = slot(map, key);
    while (map->entries[i].key != EMPTY) {
        if (map->entries[i].key == key) {
            map->entries[i].key = REMOVED;
            map->count--;
            return true;
        }
        i = (i + 1) & map->mask;
    }
    return false;
}

int main(int argc, char **argv)
{
    (void)argc;
    uint64_t n = strtoull(argv[1], NULL, 10), rounds = strtoull(argv[2], NULL, 10), size = 1, check = 0;
    while (size < n * 2)
        size *= 2;
    struct map map = { calloc(size, sizeof(struct entry)), size - 1, 0 };
    for (uint64_t r = 0; r < rounds; r++) {
        for (uint64_t i = 0; i < size; i++)
            map.entries[i].key = EMPTY;
        map.count = 0;
        for (uint64_t i = 0; i < n; i++)
            put(&map, i * 2 + 1, i);
        for (uint64_t i = 0; i < n * 2; i++)
            check += get(&map, i);
        for (uint64_t i = 0; i < n / 2; i++)
            if (remove_key(&map, i * 3))
                check++;
        check += map.count;
    }
    printf("%" PRIu64 "\n", check);
    return 0;
}

# SPDX-License-Identifier: GPL-2.0-or-later
"""Fortuna: random numbers that stay unpredictable, also if an attacker learnt the state for a moment, or makes most of the events.

After Ferguson, Schneier and Kohno, Cryptography Engineering, chapter 9, with ChaCha20 for the block cipher. Events go round 32 pools; a
reseed, at most ten a second and only when pool 0 has enough, takes pool i every 2**i times: whoever knows many of the events does not know
enough of a pool that was long in filling. After each request the key is replaced, so what was given out cannot be computed from what is
left. No lock: the caller has one.
"""

from lang import Array, Span, array, struct, u8, u32, u64
from kern.lib.chacha20 import BLOCK, KEY_WORDS, chacha20_block
from kern.lib.sha import Hash, Hasher

DIGEST: u64 = 32                            # of SHA-256
POOLS: u64 = 32
POOL_ENOUGH: u64 = 64                       # bytes of events in pool 0
SEED_ENOUGH: u64 = 32                       # bytes of a seed
RESEED_NS: u64 = 100_000_000                # at least between two
LONGEST_REQUEST: u64 = 4096


@struct
class Fortuna:
    pools: Array[Hasher] = array(POOLS)
    next_pool: u64
    key: Array[u32] = array(KEY_WORDS)
    counter: u64                            # blocks made, ever: no block is made twice under one key
    reseeds: u64
    reseeded_ns: u64
    has_seed: bool                          # it was given one that is long enough

    def init(self) -> None:
        for pool in self.pools:
            pool.init(Hash.SHA256)

    @property
    def is_seeded(self) -> bool:
        return self.has_seed or self.reseeds > 0

    def seed(self, secret: Span[u8]) -> None:
        """Take in what is unpredictable as it is, without the pools: at the start (the book's seed file), or from whoever has some."""
        hash = Hasher()
        hash.init(Hash.SHA256)
        self.put_key(hash)
        hash.update(secret)
        digest = array(DIGEST, u8)
        hash.finish(digest[0:DIGEST])
        self.take_key(digest[0:DIGEST])
        self.has_seed = self.has_seed or len(secret) >= SEED_ENOUGH

    def add_event(self, source: u8, data: Span[u8]) -> None:
        """Something that happened, up to 32 bytes of it, from one of 256 kinds of source: into the next pool."""
        assert len(data) <= DIGEST, "an event has at most 32 bytes"
        pool = self.pools[self.next_pool]
        self.next_pool = (self.next_pool + 1) % POOLS
        header = array(2, u8)
        header[0] = source
        header[1] = u8(len(data))
        pool.update(header[0:2])
        pool.update(data)

    def reseed_if_due(self, now_ns: u64) -> None:
        """Take the pools' events into the key, if there are enough, and it is not too soon."""
        if self.pools[0].length < POOL_ENOUGH:
            return
        if self.reseeds > 0 and now_ns - self.reseeded_ns < RESEED_NS:
            return
        self.reseeds += 1
        self.reseeded_ns = now_ns
        seed = Hasher()
        seed.init(Hash.SHA256)
        self.put_key(seed)
        digest = array(DIGEST, u8)
        for i in range(POOLS):
            if self.reseeds % (u64(1) << i) != 0:
                break
            self.pools[i].finish(digest[0:DIGEST])
            self.pools[i].init(Hash.SHA256)
            seed.update(digest[0:DIGEST])
        seed.finish(digest[0:DIGEST])
        self.take_key(digest[0:DIGEST])

    def fill(self, into: Span[u8]) -> None:
        """Random bytes, at most LONGEST_REQUEST of them at once."""
        assert len(into) <= LONGEST_REQUEST, "one request for so many bytes would show too much of one key"
        done: u64 = 0
        block = array(BLOCK, u8)
        while done < len(into):
            self.next_block(block[0:BLOCK])
            count = min(len(into) - done, BLOCK)
            for i in range(count):
                into[done + i] = block[i]
            done += count
        self.next_block(block[0:BLOCK])
        self.take_key(block[0:DIGEST])

    def next_block(self, into: Span[u8]) -> None:
        nonce = array(3, u32)
        self.counter += 1
        nonce[0] = u32(self.counter >> 32)
        chacha20_block(self.key[0:KEY_WORDS], u32(self.counter & 0xFFFF_FFFF), nonce[0:3], into)

    def put_key(self, into: Hasher) -> None:
        bytes = array(DIGEST, u8)
        for i in range(DIGEST):
            bytes[i] = u8(self.key[i // 4] >> u32(i % 4 * 8) & 0xFF)
        into.update(bytes[0:DIGEST])

    def take_key(self, bytes: Span[u8]) -> None:
        for i in range(KEY_WORDS):
            at = i * 4
            self.key[i] = u32(bytes[at]) | u32(bytes[at + 1]) << 8 | u32(bytes[at + 2]) << 16 | u32(bytes[at + 3]) << 24

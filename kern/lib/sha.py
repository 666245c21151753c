# SPDX-License-Identifier: GPL-2.0-or-later
"""Secure hashes: SHA-1, SHA-256, SHA-512 (FIPS 180-4), and HMAC over them (RFC 2104).

    hash = Hasher()
    hash.init(Hash.SHA256)
    hash.update(data)                       # as often as there is more
    hash.finish(digest[:])                  # 32 bytes

    hmac(Hash.SHA256, key, data, digest[:])
No allocation, no locks. SHA-1 is there to read what is old: nothing new should trust it.
"""

from enum import IntEnum, auto

from lang import Array, Span, array, copy_bytes, memset, struct, u8, u32, u64, wrap

BLOCK: u64 = 64                             # of SHA-1 and SHA-256
BLOCK_512: u64 = 128
LONGEST_DIGEST: u64 = 64

# The first 64 bits of the fractional parts of the cube roots of the first 80 primes; SHA-256 has the upper halves of the first 64.
K: Array[u64] = (
    0x428A_2F98_D728_AE22,
    0x7137_4491_23EF_65CD,
    0xB5C0_FBCF_EC4D_3B2F,
    0xE9B5_DBA5_8189_DBBC,
    0x3956_C25B_F348_B538,
    0x59F1_11F1_B605_D019,
    0x923F_82A4_AF19_4F9B,
    0xAB1C_5ED5_DA6D_8118,
    0xD807_AA98_A303_0242,
    0x1283_5B01_4570_6FBE,
    0x2431_85BE_4EE4_B28C,
    0x550C_7DC3_D5FF_B4E2,
    0x72BE_5D74_F27B_896F,
    0x80DE_B1FE_3B16_96B1,
    0x9BDC_06A7_25C7_1235,
    0xC19B_F174_CF69_2694,
    0xE49B_69C1_9EF1_4AD2,
    0xEFBE_4786_384F_25E3,
    0x0FC1_9DC6_8B8C_D5B5,
    0x240C_A1CC_77AC_9C65,
    0x2DE9_2C6F_592B_0275,
    0x4A74_84AA_6EA6_E483,
    0x5CB0_A9DC_BD41_FBD4,
    0x76F9_88DA_8311_53B5,
    0x983E_5152_EE66_DFAB,
    0xA831_C66D_2DB4_3210,
    0xB003_27C8_98FB_213F,
    0xBF59_7FC7_BEEF_0EE4,
    0xC6E0_0BF3_3DA8_8FC2,
    0xD5A7_9147_930A_A725,
    0x06CA_6351_E003_826F,
    0x1429_2967_0A0E_6E70,
    0x27B7_0A85_46D2_2FFC,
    0x2E1B_2138_5C26_C926,
    0x4D2C_6DFC_5AC4_2AED,
    0x5338_0D13_9D95_B3DF,
    0x650A_7354_8BAF_63DE,
    0x766A_0ABB_3C77_B2A8,
    0x81C2_C92E_47ED_AEE6,
    0x9272_2C85_1482_353B,
    0xA2BF_E8A1_4CF1_0364,
    0xA81A_664B_BC42_3001,
    0xC24B_8B70_D0F8_9791,
    0xC76C_51A3_0654_BE30,
    0xD192_E819_D6EF_5218,
    0xD699_0624_5565_A910,
    0xF40E_3585_5771_202A,
    0x106A_A070_32BB_D1B8,
    0x19A4_C116_B8D2_D0C8,
    0x1E37_6C08_5141_AB53,
    0x2748_774C_DF8E_EB99,
    0x34B0_BCB5_E19B_48A8,
    0x391C_0CB3_C5C9_5A63,
    0x4ED8_AA4A_E341_8ACB,
    0x5B9C_CA4F_7763_E373,
    0x682E_6FF3_D6B2_B8A3,
    0x748F_82EE_5DEF_B2FC,
    0x78A5_636F_4317_2F60,
    0x84C8_7814_A1F0_AB72,
    0x8CC7_0208_1A64_39EC,
    0x90BE_FFFA_2363_1E28,
    0xA450_6CEB_DE82_BDE9,
    0xBEF9_A3F7_B2C6_7915,
    0xC671_78F2_E372_532B,
    0xCA27_3ECE_EA26_619C,
    0xD186_B8C7_21C0_C207,
    0xEADA_7DD6_CDE0_EB1E,
    0xF57D_4F7F_EE6E_D178,
    0x06F0_67AA_7217_6FBA,
    0x0A63_7DC5_A2C8_98A6,
    0x113F_9804_BEF9_0DAE,
    0x1B71_0B35_131C_471B,
    0x28DB_77F5_2304_7D84,
    0x32CA_AB7B_40C7_2493,
    0x3C9E_BE0A_15C9_BEBC,
    0x431D_67C4_9C10_0D4C,
    0x4CC5_D4BE_CB3E_42B6,
    0x597F_299C_FC65_7E2A,
    0x5FCB_6FAB_3AD6_FAEC,
    0x6C44_198C_4A47_5817,
)
# The same of the square roots of the first 8.
START: Array[u64] = (
    0x6A09_E667_F3BC_C908,
    0xBB67_AE85_84CA_A73B,
    0x3C6E_F372_FE94_F82B,
    0xA54F_F53A_5F1D_36F1,
    0x510E_527F_ADE6_82D1,
    0x9B05_688C_2B3E_6C1F,
    0x1F83_D9AB_FB41_BD6B,
    0x5BE0_CD19_137E_2179,
)
START_SHA1: Array[u32] = (0x6745_2301, 0xEFCD_AB89, 0x98BA_DCFE, 0x1032_5476, 0xC3D2_E1F0)


class Hash(IntEnum):
    SHA1 = auto()
    SHA256 = auto()
    SHA512 = auto()


def digest_length(kind: Hash) -> u64:
    """Bytes of a digest."""
    match kind:
        case Hash.SHA1:
            return 20
        case Hash.SHA256:
            return 32
        case Hash.SHA512:
            return 64


def block_length(kind: Hash) -> u64:
    """Bytes that are hashed at once."""
    return BLOCK_512 if kind == Hash.SHA512 else BLOCK


def right32(x: u32, n: u32) -> u32:
    return x >> n | x << 32 - n


def right64(x: u64, n: u64) -> u64:
    return x >> n | x << 64 - n


@struct
class Hasher:
    """One of the three, by `kind`."""

    kind: Hash
    state32: Array[u32] = array(8)
    state64: Array[u64] = array(8)
    buffer: Array[u8] = array(128)
    used: u64                               # bytes in `buffer`
    length: u64                             # bytes in all

    def init(self, kind: Hash) -> None:
        self.kind = kind
        self.used = 0
        self.length = 0
        for i in range(8):
            self.state64[i] = START[i]
            self.state32[i] = u32(START[i] >> 32)
        if kind == Hash.SHA1:
            for i in range(5):
                self.state32[i] = START_SHA1[i]

    def update(self, data: Span[u8]) -> None:
        block = block_length(self.kind)
        self.length += len(data)
        rest = data
        while len(rest) > 0:
            count = min(block - self.used, len(rest))
            copy_bytes(self.buffer[self.used : self.used + count], rest[:count])
            self.used += count
            rest = rest[count:]
            if self.used == block:
                self.absorb()
                self.used = 0

    def finish(self, into: Span[u8]) -> None:
        """Write the digest, `digest_length` bytes; begin anew with `init`."""
        block = block_length(self.kind)
        counted = block // 8                # bytes that the message's length takes up
        self.buffer[self.used] = 0x80
        self.used += 1
        if self.used > block - counted:
            memset(self.buffer[self.used : block], 0)
            self.absorb()
            self.used = 0
        memset(self.buffer[self.used : block], 0)
        for i in range(u64(8)):
            self.buffer[block - 1 - i] = wrap(u8, self.length * 8 >> i * 8)
        self.buffer[block - 9] = wrap(u8, self.length >> 61) if self.kind == Hash.SHA512 else self.buffer[block - 9]
        self.absorb()
        width: u64 = 8 if self.kind == Hash.SHA512 else 4
        for i in range(digest_length(self.kind)):
            word = self.state64[i // 8] if self.kind == Hash.SHA512 else u64(self.state32[i // 4])
            into[i] = wrap(u8, word >> (width - 1 - i % width) * 8)

    def absorb(self) -> None:
        match self.kind:
            case Hash.SHA1:
                self.absorb_sha1()
            case Hash.SHA256:
                self.absorb_sha256()
            case Hash.SHA512:
                self.absorb_sha512()

    def word32(self, i: u64) -> u32:
        at = i * 4
        return u32(self.buffer[at]) << 24 | u32(self.buffer[at + 1]) << 16 | u32(self.buffer[at + 2]) << 8 | u32(self.buffer[at + 3])

    def absorb_sha1(self) -> None:
        w = array(80, u32)
        for i in range(u64(16)):
            w[i] = self.word32(i)
        for i in range(u64(16), 80):
            w[i] = right32(w[i - 3] ^ w[i - 8] ^ w[i - 14] ^ w[i - 16], 31)
        s = self.state32
        a, b, c, d, e = s[0], s[1], s[2], s[3], s[4]
        for i in range(u64(80)):
            if i < 20:
                f, k = b & c | ~b & d, u32(0x5A82_7999)
            elif i < 40:
                f, k = b ^ c ^ d, u32(0x6ED9_EBA1)
            elif i < 60:
                f, k = b & c | b & d | c & d, u32(0x8F1B_BCDC)
            else:
                f, k = b ^ c ^ d, u32(0xCA62_C1D6)
            a, b, c, d, e = right32(a, 27) + f + e + k + w[i], a, right32(b, 2), c, d
        s[0] += a
        s[1] += b
        s[2] += c
        s[3] += d
        s[4] += e

    def absorb_sha256(self) -> None:
        w = array(64, u32)
        for i in range(u64(16)):
            w[i] = self.word32(i)
        for i in range(u64(16), 64):
            x, y = w[i - 15], w[i - 2]
            small = right32(x, 7) ^ right32(x, 18) ^ x >> 3
            w[i] = w[i - 16] + small + w[i - 7] + (right32(y, 17) ^ right32(y, 19) ^ y >> 10)
        v = array(8, u32)
        for i in range(8):
            v[i] = self.state32[i]
        for i in range(u64(64)):
            e = v[4]
            t1 = v[7] + (right32(e, 6) ^ right32(e, 11) ^ right32(e, 25)) + (e & v[5] ^ ~e & v[6]) + u32(K[i] >> 32) + w[i]
            a = v[0]
            t2 = (right32(a, 2) ^ right32(a, 13) ^ right32(a, 22)) + (a & v[1] ^ a & v[2] ^ v[1] & v[2])
            for j in range(7, 0, -1):
                v[j] = v[j - 1]
            v[4] += t1
            v[0] = t1 + t2
        for i in range(8):
            self.state32[i] += v[i]

    def absorb_sha512(self) -> None:
        w = array(80, u64)
        for i in range(u64(16)):
            w[i] = u64(self.word32(i * 2)) << 32 | u64(self.word32(i * 2 + 1))
        for i in range(u64(16), 80):
            x, y = w[i - 15], w[i - 2]
            small = right64(x, 1) ^ right64(x, 8) ^ x >> 7
            w[i] = w[i - 16] + small + w[i - 7] + (right64(y, 19) ^ right64(y, 61) ^ y >> 6)
        v = array(8, u64)
        for i in range(8):
            v[i] = self.state64[i]
        for i in range(u64(80)):
            e = v[4]
            t1 = v[7] + (right64(e, 14) ^ right64(e, 18) ^ right64(e, 41)) + (e & v[5] ^ ~e & v[6]) + K[i] + w[i]
            a = v[0]
            t2 = (right64(a, 28) ^ right64(a, 34) ^ right64(a, 39)) + (a & v[1] ^ a & v[2] ^ v[1] & v[2])
            for j in range(7, 0, -1):
                v[j] = v[j - 1]
            v[4] += t1
            v[0] = t1 + t2
        for i in range(8):
            self.state64[i] += v[i]


def digest(kind: Hash, data: Span[u8], into: Span[u8]) -> None:
    """The digest of all of it at once."""
    hasher = Hasher()
    hasher.init(kind)
    hasher.update(data)
    hasher.finish(into)


def hmac(kind: Hash, key: Span[u8], data: Span[u8], into: Span[u8]) -> None:
    """The authentication code of `data` under `key`, `digest_length` bytes."""
    block = block_length(kind)
    pad = array(BLOCK_512, u8)
    if len(key) > block:
        digest(kind, key, pad[:LONGEST_DIGEST])
    else:
        copy_bytes(pad[: len(key)], key)
    for i in range(block):
        pad[i] ^= 0x36
    hasher = Hasher()
    hasher.init(kind)
    hasher.update(pad[:block])
    hasher.update(data)
    hasher.finish(into)
    for i in range(block):
        pad[i] ^= 0x36 ^ 0x5C
    hasher.init(kind)
    hasher.update(pad[:block])
    hasher.update(into[: digest_length(kind)])
    hasher.finish(into)

# SPDX-License-Identifier: GPL-2.0-or-later
"""The shortest digits of a float, in most cases by 64-bit integers alone.

Grisu3 of Florian Loitsch, "Printing Floating-Point Numbers Quickly and Accurately with Integers", PLDI 2010: the number and
the ends of the interval that rounds to it are multiplied by a power of ten from a table, all with an error of less than
one unit, and digits are taken from the upper end until only numbers of the interval are left. Where the errors leave
open which digits are the shortest or the nearest (one number in two hundred) it says so, and big integers decide.
"""

from lang import Span, clz, i64, mul_high, struct, u8, u64

HIDDEN_BIT: u64 = 1 << 52
MOST_DIGITS = 17
FIRST_POWER = 348  # the table begins with 10**-348
STEP = 8  # decades between its entries
LOWEST_EXPONENT = -60  # of the product: at least 4 bits of it are the integer part, and at most 32
# Significands of 10**(8 * i - 348) to 64 bits, rounded to the nearest.
POWERS: tuple[u64, ...] = (
    0xFA8FD5A0081C0288,
    0xBAAEE17FA23EBF76,
    0x8B16FB203055AC76,
    0xCF42894A5DCE35EA,
    0x9A6BB0AA55653B2D,
    0xE61ACF033D1A45DF,
    0xAB70FE17C79AC6CA,
    0xFF77B1FCBEBCDC4F,
    0xBE5691EF416BD60C,
    0x8DD01FAD907FFC3C,
    0xD3515C2831559A83,
    0x9D71AC8FADA6C9B5,
    0xEA9C227723EE8BCB,
    0xAECC49914078536D,
    0x823C12795DB6CE57,
    0xC21094364DFB5637,
    0x9096EA6F3848984F,
    0xD77485CB25823AC7,
    0xA086CFCD97BF97F4,
    0xEF340A98172AACE5,
    0xB23867FB2A35B28E,
    0x84C8D4DFD2C63F3B,
    0xC5DD44271AD3CDBA,
    0x936B9FCEBB25C996,
    0xDBAC6C247D62A584,
    0xA3AB66580D5FDAF6,
    0xF3E2F893DEC3F126,
    0xB5B5ADA8AAFF80B8,
    0x87625F056C7C4A8B,
    0xC9BCFF6034C13053,
    0x964E858C91BA2655,
    0xDFF9772470297EBD,
    0xA6DFBD9FB8E5B88F,
    0xF8A95FCF88747D94,
    0xB94470938FA89BCF,
    0x8A08F0F8BF0F156B,
    0xCDB02555653131B6,
    0x993FE2C6D07B7FAC,
    0xE45C10C42A2B3B06,
    0xAA242499697392D3,
    0xFD87B5F28300CA0E,
    0xBCE5086492111AEB,
    0x8CBCCC096F5088CC,
    0xD1B71758E219652C,
    0x9C40000000000000,
    0xE8D4A51000000000,
    0xAD78EBC5AC620000,
    0x813F3978F8940984,
    0xC097CE7BC90715B3,
    0x8F7E32CE7BEA5C70,
    0xD5D238A4ABE98068,
    0x9F4F2726179A2245,
    0xED63A231D4C4FB27,
    0xB0DE65388CC8ADA8,
    0x83C7088E1AAB65DB,
    0xC45D1DF942711D9A,
    0x924D692CA61BE758,
    0xDA01EE641A708DEA,
    0xA26DA3999AEF774A,
    0xF209787BB47D6B85,
    0xB454E4A179DD1877,
    0x865B86925B9BC5C2,
    0xC83553C5C8965D3D,
    0x952AB45CFA97A0B3,
    0xDE469FBD99A05FE3,
    0xA59BC234DB398C25,
    0xF6C69A72A3989F5C,
    0xB7DCBF5354E9BECE,
    0x88FCF317F22241E2,
    0xCC20CE9BD35C78A5,
    0x98165AF37B2153DF,
    0xE2A0B5DC971F303A,
    0xA8D9D1535CE3B396,
    0xFB9B7CD9A4A7443C,
    0xBB764C4CA7A44410,
    0x8BAB8EEFB6409C1A,
    0xD01FEF10A657842C,
    0x9B10A4E5E9913129,
    0xE7109BFBA19C0C9D,
    0xAC2820D9623BF429,
    0x80444B5E7AA7CF85,
    0xBF21E44003ACDD2D,
    0x8E679C2F5E44FF8F,
    0xD433179D9C8CB841,
    0x9E19DB92B4E31BA9,
    0xEB96BF6EBADF77D9,
    0xAF87023B9BF0EE6B,
)


@struct
class Scaled:
    """`significand * 2**exponent`."""

    significand: u64
    exponent: i64

    def normalize(self) -> None:
        shift = clz(self.significand)
        self.significand <<= shift
        self.exponent -= i64(shift)

    def multiply(self, power: u64, exponent: i64) -> None:
        """The upper 64 bits of the product, rounded."""
        below = self.significand * power
        self.significand = mul_high(self.significand, power) + (below >> 63)
        self.exponent += exponent + 64


@struct
class Digits:
    """Digits (values, not characters) d1 d2 d3 … of the number 0.d1d2d3… times ten to the `point`."""

    buffer: Span[u8]
    count: u64
    point: i64

    def push(self, digit: u8) -> None:
        self.buffer[self.count] = digit
        self.count += 1


def shortest(bits: u64, digits: Digits) -> bool:
    """Of a finite number above zero, at most MOST_DIGITS; False if this cannot tell."""
    value, low, high = Scaled(), Scaled(), Scaled()
    set_interval(bits, value, low, high)
    # The power of ten that brings the product's exponent into LOWEST_EXPONENT and the 28 above it.
    missing = (LOWEST_EXPONENT - (value.exponent + 64) + 63) * 30103
    decimal = -(-missing // 100000)
    index = (FIRST_POWER + decimal - 1) // STEP + 1
    power = index * STEP - FIRST_POWER
    binary = (power * 217706 >> 16) - 63  # floor(power * log2(10)), for the significand's 64 bits
    for each in (value, low, high):
        each.multiply(POWERS[index], binary)
    if not generate(low, value, high, digits):
        return False
    digits.point += i64(digits.count) - power
    return True


def set_interval(bits: u64, value: Scaled, low: Scaled, high: Scaled) -> None:
    """The number, and the midpoints to its neighbours, all with one exponent."""
    biased = i64(bits >> 52)
    fraction = bits & (HIDDEN_BIT - 1)
    if biased > 0:
        fraction |= HIDDEN_BIT
    exponent = max(biased, i64(1)) - 1075
    value.significand, value.exponent = fraction, exponent
    value.normalize()
    high.significand, high.exponent = fraction * 2 + 1, exponent - 1
    high.normalize()
    nearer = fraction == HIDDEN_BIT and biased > 1  # the neighbour below has a smaller exponent
    low.significand = fraction * 4 - 1 if nearer else fraction * 2 - 1
    low.exponent = exponent - 2 if nearer else exponent - 1
    low.significand <<= u64(low.exponent - high.exponent)
    low.exponent = high.exponent


def generate(low: Scaled, value: Scaled, high: Scaled, digits: Digits) -> bool:
    """Take digits off the upper end until the rest lies in the interval, then go down towards the number itself."""
    unit: u64 = 1
    top = high.significand + unit
    interval = top - (low.significand - unit)
    distance = top - value.significand
    shift = u64(-high.exponent)
    one = u64(1) << shift
    whole = top >> shift
    fraction = top & (one - 1)
    divisor: u64 = 1
    places: i64 = 1
    while whole // divisor >= 10:
        divisor *= 10
        places += 1
    while places > 0:
        digits.push(u8(whole // divisor))
        whole %= divisor
        places -= 1
        rest = (whole << shift) + fraction
        if rest < interval:
            digits.point = places
            return settle(digits, distance, interval, rest, divisor << shift, unit)
        divisor //= 10
    while True:
        fraction *= 10
        unit *= 10
        interval *= 10
        digits.push(u8(fraction >> shift))
        fraction &= one - 1
        places -= 1
        if fraction < interval:
            digits.point = places
            return settle(digits, distance * unit, interval, fraction, one, unit)


def settle(digits: Digits, distance: u64, interval: u64, rest: u64, step: u64, unit: u64) -> bool:
    """Lower the last digit while that comes nearer to the number, which is `distance` below the top, give or take a unit.

    `rest` is how far below the top the digits are, `step` what one of the last digit is worth. Whether they are certainly the nearest ones.
    """
    near, far = distance - unit, distance + unit
    while rest < near and interval - rest >= step and (rest + step < near or near - rest >= rest + step - near):
        digits.buffer[digits.count - 1] -= 1
        rest += step
    if rest < far and interval - rest >= step and (rest + step < far or far - rest > rest + step - far):
        return False
    return 2 * unit <= rest <= interval - 4 * unit

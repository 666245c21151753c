# SPDX-License-Identifier: GPL-2.0-or-later
"""Formatting of floats, digit for digit as CPython does it. Not compiled into the kernel.

Three ways, from quick to complete: a few places of a number that is not huge are rounded in 128 bits (`format_fixed`); the shortest text
that reads back as the same number, `{x}`, mostly takes 64 bits (compiler/runtime/grisu.py). Everything else comes from exact
arithmetic on big integers: the value is `r / s`, and each step takes one decimal digit off; for the shortest text, until what is
left lies within half the distance to the neighbours (Steele & White 1990, "How to Print Floating-Point Numbers Accurately").
"""

from __future__ import annotations

from lang import Array, FormatSpec, Ptr, Sink, Span, array, cast, copy, f64, i32, i64, mul_high, noinline, struct, u8, u32, u64, wrap

from compiler.runtime.fmt import put_digit_pairs, put_number
from compiler.runtime.grisu import MOST_DIGITS, Digits, shortest

LIMBS = 40  # 1280 bits: the largest number in play has 1140
MAX_DIGITS = 800  # no f64 has more than 767 significant digits
MAX_PRECISION = 1100
LONGEST = 1500  # characters
MOST_PLACES = 17  # of the quick way
TWO_TO_THE_64: u64 = 0x43F0_0000_0000_0000  # the bits of that number


@struct
class Big:
    """A natural number, lowest limb first."""

    limb: Array[u32] = array(LIMBS)
    used: u64

    def set(self, value: u64) -> None:
        self.used = 2
        self.limb[0] = wrap(u32, value)
        self.limb[1] = u32(value >> 32)
        self.trim()

    def trim(self) -> None:
        while self.used > 0 and self.limb[self.used - 1] == 0:
            self.used -= 1

    def multiply(self, factor: u64) -> None:
        """Times a factor below 2**32."""
        carry: u64 = 0
        for i in range(self.used):
            product = u64(self.limb[i]) * factor + carry
            self.limb[i] = wrap(u32, product)
            carry = product >> 32
        if carry > 0:
            self.limb[self.used] = u32(carry)
            self.used += 1

    def power_of_ten(self, exponent: u64) -> None:
        left = exponent
        while left >= 9:
            self.multiply(1_000_000_000)
            left -= 9
        while left > 0:
            self.multiply(10)
            left -= 1

    def shift(self, count: u64) -> None:
        left = count
        while left >= 31:
            self.multiply(1 << 31)
            left -= 31
        self.multiply(1 << left)

    def subtract(self, other: Big) -> None:
        """Less `other`, which is not larger."""
        borrow: u64 = 0
        for i in range(self.used):
            less = borrow + (u64(other.limb[i]) if i < other.used else u64(0))
            have = u64(self.limb[i])
            borrow = 0
            if have < less:
                have += 1 << 32
                borrow = 1
            self.limb[i] = wrap(u32, have - less)
        self.trim()

    def add(self, other: Big) -> None:
        carry: u64 = 0
        for i in range(max(self.used, other.used)):
            total = carry
            if i < self.used:
                total += u64(self.limb[i])
            if i < other.used:
                total += u64(other.limb[i])
            self.limb[i] = wrap(u32, total)
            carry = total >> 32
        self.used = max(self.used, other.used)
        if carry > 0:
            self.limb[self.used] = u32(carry)
            self.used += 1


def compare(a: Big, b: Big) -> i32:
    if a.used != b.used:
        return -1 if a.used < b.used else 1
    i = a.used
    while i > 0:
        i -= 1
        if a.limb[i] != b.limb[i]:
            return -1 if a.limb[i] < b.limb[i] else 1
    return 0


def compare_sum(a: Big, b: Big, c: Big) -> i32:
    """`a + b` against `c`."""
    total = copy(a)
    total.add(b)
    return compare(total, c)


@struct
class Decimal(Digits):
    """The digits of a number, as exact arithmetic finds them. `buffer` holds MAX_DIGITS."""

    r: Big
    s: Big
    low: Big  # distance to the midpoint below, in units of `s`
    high: Big
    even: bool

    def load(self, bits: u64) -> None:
        """Set up r / s for a finite number above zero, scaled into [0.1, 1)."""
        fraction = bits & ((1 << 52) - 1)
        biased = i64(bits >> 52 & 0x7FF)
        exponent: i64 = -1074
        if biased > 0:
            fraction |= 1 << 52
            exponent = biased - 1075
        self.even = fraction & 1 == 0
        self.r.set(fraction)
        self.s.set(1)
        self.low.set(1)
        self.high.set(1)
        # One more factor of two throughout, so that half a distance is an integer.
        if exponent >= 0:
            self.r.shift(u64(exponent) + 1)
            self.low.shift(u64(exponent))
            self.high.shift(u64(exponent))
            self.s.shift(1)
        else:
            self.r.shift(1)
            self.s.shift(u64(0 - exponent) + 1)
        if fraction == 1 << 52 and biased > 1:  # the neighbour below is half as far
            self.r.shift(1)
            self.s.shift(1)
            self.high.shift(1)
        self.scale(exponent + bit_length(fraction))

    def scale(self, magnitude: i64) -> None:
        """Find the decimal exponent: the smallest `point` with r / s < 10**point."""
        self.point = (magnitude - 1) * 30103 // 100000
        if self.point >= 0:
            self.s.power_of_ten(u64(self.point))
        else:
            factor = u64(0 - self.point)
            self.r.power_of_ten(factor)
            self.low.power_of_ten(factor)
            self.high.power_of_ten(factor)
        while compare(self.r, self.s) >= 0:
            self.s.multiply(10)
            self.point += 1

    def next_digit(self) -> u8:
        self.r.multiply(10)
        digit: u8 = 0
        while compare(self.r, self.s) >= 0:
            self.r.subtract(self.s)
            digit += 1
        return digit

    def round_up(self) -> None:
        """Add one in the last place; the carry may make 10 of 9.99."""
        i = self.count
        while i > 0:
            i -= 1
            if self.buffer[i] < 9:
                self.buffer[i] += 1
                self.count = i + 1
                return
        self.buffer[0] = 1
        self.count = 1
        self.point += 1

    def shortest(self) -> None:
        """The fewest digits that only this number is nearest to."""
        if self.reaches_top():  # rounds up to the next power of ten
            self.s.multiply(10)
            self.point += 1
        while True:
            digit = self.next_digit()
            self.low.multiply(10)
            self.high.multiply(10)
            below = compare(self.r, self.low)
            above = compare_sum(self.r, self.high, self.s)
            enough_low = below < 0 or below == 0 and self.even
            enough_high = above > 0 or above == 0 and self.even
            self.push(digit)
            if not enough_low and not enough_high:
                continue
            if enough_high and (not enough_low or self.at_least_half(digit)):
                self.round_up()
            return

    def reaches_top(self) -> bool:
        above = compare_sum(self.r, self.high, self.s)
        return above > 0 or above == 0 and self.even

    def at_least_half(self, digit: u8) -> bool:
        """Whether the rest is above half, or half and the digit odd."""
        self.r.multiply(2)
        order = compare(self.r, self.s)
        return order > 0 or order == 0 and digit & 1 == 1

    def exact(self, wanted: i64) -> None:
        """`wanted` digits, correctly rounded; none may be wanted, or fewer, when all of the number is behind the last place."""
        if wanted < 0:
            return
        last: u8 = 0
        while i64(self.count) < wanted and self.count < MAX_DIGITS and self.r.used > 0:
            last = self.next_digit()
            self.push(last)
        if i64(self.count) == wanted and self.r.used > 0 and self.at_least_half(last):
            self.round_up()
        while self.count > 0 and self.buffer[self.count - 1] == 0:
            self.count -= 1


def bit_length(value: u64) -> i64:
    count: i64 = 0
    rest = value
    while rest > 0:
        count += 1
        rest >>= 1
    return count


def bits_of(value: f64) -> u64:
    box = array(1, f64)
    box[0] = value
    return cast(Ptr[u64], box[0:1].ptr)[0]


@struct
class Line:
    """The characters of a number: `whole` of them before the point, then the rest."""

    text: Span[u8]
    used: u64
    whole: u64

    def put(self, byte: u8) -> None:
        self.text[self.used] = byte
        self.used += 1

    def put_digit(self, digits: Digits, place: i64) -> None:
        """The digit at a place, 0 in front of the first and behind the last."""
        inside = 0 <= place < i64(digits.count)
        self.put(48 + digits.buffer[place] if inside else u8(48))

    def fixed(self, digits: Digits, places: i64, keep_point: bool) -> None:
        """Digits with `places` of them behind the point."""
        if digits.point <= 0:
            self.put(ord("0"))
        for place in range(digits.point):
            self.put_digit(digits, place)
        self.whole = self.used
        if places > 0 or keep_point:
            self.put(ord("."))
        for place in range(digits.point, digits.point + places):
            self.put_digit(digits, place)

    def exponential(self, digits: Digits, places: i64, keep_point: bool, letter: u8) -> None:
        self.put_digit(digits, 0)
        self.whole = self.used
        if places > 0 or keep_point:
            self.put(ord("."))
        for place in range(1, places + 1):
            self.put_digit(digits, place)
        self.put(letter)
        exponent = digits.point - 1 if digits.count > 0 else i64(0)
        self.put(ord("-") if exponent < 0 else ord("+"))
        size = u64(abs(exponent))
        if size >= 100:
            self.put(u8(48 + size // 100))
        self.put(u8(48 + size // 10 % 10))
        self.put(u8(48 + size % 10))


def format_f64(sink: Sink, value: f64, spec: FormatSpec) -> None:
    bits = bits_of(value)
    negative = bits >> 63 != 0
    magnitude = bits & 0x7FFF_FFFF_FFFF_FFFF
    upper = spec.kind == ord("E") or spec.kind == ord("F") or spec.kind == ord("G")
    if magnitude >= 0x7FF0_0000_0000_0000:
        name = "INF" if upper else "inf"
        if magnitude > 0x7FF0_0000_0000_0000:
            name = "NAN" if upper else "nan"
            negative = False
        put_number(sink, spec, negative, "", "", name, 0)
        return
    if (spec.kind | 32) == ord("f") and 0 <= spec.precision <= MOST_PLACES and magnitude < TWO_TO_THE_64 and not spec.alternate:
        format_fixed(sink, magnitude, negative, spec)
    elif spec.kind != 0 or spec.precision >= 0 or spec.alternate or not format_shortest(sink, magnitude, negative, spec):
        format_exactly(sink, value, negative, spec)


def format_shortest(sink: Sink, magnitude: u64, negative: bool, spec: FormatSpec) -> bool:
    """As few digits as tell this number from its neighbours; False, and nothing is printed, where that takes more than 64 bits."""
    room = array(MOST_DIGITS, u8)
    digits = Digits(buffer=room)
    if magnitude == 0:
        digits.push(0)
        digits.point = 1
    elif not shortest(magnitude, digits):
        return False
    shown = array(32, u8)
    line = Line(text=shown)
    count = i64(digits.count)
    if -4 < digits.point <= 16:
        line.fixed(digits, max(count - digits.point, i64(1)), False)
    else:
        line.exponential(digits, count - 1, False, ord("e"))
    if spec.width == 0 and spec.sign == 0 and spec.grouping == 0:
        if negative:
            sink.put("-")
        sink.put(line.text[0 : line.used])
    else:
        put_number(sink, spec, negative, "", line.text[0 : line.whole], line.text[line.whole : line.used], 3)
    return True


def format_fixed(sink: Sink, bits: u64, negative: bool, spec: FormatSpec) -> None:
    """A number below 2**64 with few places: its fraction times ten to the places fits 128 bits, so it is rounded exactly in integers."""
    places = u64(spec.precision)
    fraction = bits & ((1 << 52) - 1)
    biased = bits >> 52
    if biased > 0:
        fraction |= 1 << 52
    else:
        biased = 1
    whole: u64 = 0
    if biased >= 1075:
        whole = fraction << biased - 1075
        fraction = 0
    elif biased > 1075 - 53:
        whole = fraction >> 1075 - biased
        fraction &= (u64(1) << 1075 - biased) - 1
    scale = power_of_ten(places)
    odd = places == 0 and whole & 1 == 1
    shown = rounded_shift(mul_high(fraction, scale), fraction * scale, 1075 - biased, odd) if fraction > 0 else u64(0)
    if shown >= scale:
        shown -= scale
        whole += 1
    room = array(48, u8)
    at = put_digit_pairs(room, 48, shown)
    if places == 0:
        at = put_digit_pairs(room, 48, whole)
        put_number(sink, spec, negative, "", room[at:48], "", 3)
        return
    while at > 48 - places:
        at -= 1
        room[at] = ord("0")
    point = at - 1
    room[point] = ord(".")
    at = put_digit_pairs(room, point, whole)
    if spec.width > 0 or spec.sign != 0 or spec.grouping != 0:
        put_number(sink, spec, negative, "", room[at:point], room[point:48], 3)
        return
    if negative:
        at -= 1
        room[at] = ord("-")
    sink.put(room[at:48])


def power_of_ten(exponent: u64) -> u64:
    found: u64 = 1
    for _ in range(exponent):
        found *= 10
    return found


def rounded_shift(high: u64, low: u64, count: u64, odd: bool) -> u64:
    """The 128 bits of `high` and `low` shifted right, to the nearest; halfway to even, or up if `odd`, what is in front of it, is."""
    if count >= 128:
        return 0  # at most 117 bits were there, so less than half is left
    kept: u64 = 0
    rest_high = high
    rest_low = low
    half_high: u64 = 0
    half_low: u64 = 0
    if count > 64:
        kept = high >> count - 64
        rest_high = high & ((u64(1) << count - 64) - 1)
        half_high = u64(1) << count - 65
    elif count == 64:
        kept = high
        rest_high = 0
        half_low = 1 << 63
    else:
        kept = high << 64 - count | low >> count
        rest_high = 0
        rest_low = low & ((u64(1) << count) - 1)
        half_low = u64(1) << count - 1
    above = rest_high > half_high or rest_high == half_high and rest_low > half_low
    tie = rest_high == half_high and rest_low == half_low
    return kept + 1 if above or tie and (odd or kept & 1 == 1) else kept


@noinline
def format_exactly(sink: Sink, value: f64, negative: bool, spec: FormatSpec) -> None:
    """Any finite number in any format, by big integers."""
    magnitude = bits_of(value) & 0x7FFF_FFFF_FFFF_FFFF
    upper = spec.kind == ord("E") or spec.kind == ord("F") or spec.kind == ord("G")
    digits, text = array(MAX_DIGITS, u8), array(LONGEST, u8)
    number, shown = Decimal(buffer=digits), Line(text=text)
    if spec.kind == ord("%"):
        scaled = bits_of(value * 100.0) & 0x7FFF_FFFF_FFFF_FFFF
        if scaled >= 0x7FF0_0000_0000_0000:
            put_number(sink, spec, negative, "", "", "inf%", 0)
            return
        load(number, scaled)
        put_fixed(shown, number, spec)
        shown.put(ord("%"))
    else:
        load(number, magnitude)
        put_kind(shown, number, spec, upper)
    put_number(sink, spec, negative, "", shown.text[0 : shown.whole], shown.text[shown.whole : shown.used], 3)


def load(number: Decimal, bits: u64) -> None:
    """Zero has no digits, and its point stands behind the first place."""
    if bits == 0:
        number.point = 1
    else:
        number.load(bits)


def put_fixed(shown: Line, number: Decimal, spec: FormatSpec) -> None:
    places: i64 = min(i64(spec.precision), MAX_PRECISION) if spec.precision >= 0 else 6
    number.exact(number.point + places)
    if number.count == 0:
        number.point = 1
    shown.fixed(number, places, spec.alternate)


def put_kind(shown: Line, number: Decimal, spec: FormatSpec, upper: bool) -> None:
    """e, f, g, or none: as short as it can be read back, or as g with at least one digit behind the point."""
    kind = spec.kind | 32 if spec.kind != 0 else u8(0)
    letter: u8 = ord("E") if upper else ord("e")
    precision: i64 = min(i64(spec.precision), MAX_PRECISION) if spec.precision >= 0 else 6
    if kind == ord("f"):
        put_fixed(shown, number, spec)
        return
    if kind == ord("e"):
        number.exact(precision + 1)
        shown.exponential(number, precision, spec.alternate, letter)
        return
    plain = kind != ord("g") and kind != ord("n")
    limit: i64 = 16
    if plain and spec.precision < 0:
        if number.r.used > 0:
            number.shortest()
        precision = i64(number.count)
    else:
        precision = max(precision, i64(1))
        number.exact(precision)
        limit = precision - 1 if plain else precision
    count = i64(number.count)
    padded = precision if spec.alternate and not (plain and spec.precision < 0) else count
    if number.point <= -4 or number.point > limit:
        shown.exponential(number, max(padded - 1, i64(0)), spec.alternate, letter)
        return
    places = max(padded - number.point, i64(0))
    if plain:
        places = max(places, i64(1))
    shown.fixed(number, places, spec.alternate)

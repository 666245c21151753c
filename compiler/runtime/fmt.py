# SPDX-License-Identifier: GPL-2.0-or-later
"""Formatting of integers, strings and bools, as an f-string's replacement fields ask for it.

The compiler expands an f-string into calls of these functions. Each gives what CPython's `format` gives for the same
spec. Nothing here allocates or blocks; digits are built on the stack, and a sink gets whole pieces, not single bytes.
"""

from abc import ABC, abstractmethod

from lang import Format, Ref, Span, array, i32, i64, recursion, struct, u8, u32, u64, wrap

DIGITS = "0123456789abcdef"
UPPER_DIGITS = "0123456789ABCDEF"
PAIRS = (
    "000102030405060708091011121314151617181920212223242526272829303132333435363738394041424344454647484950515253545556575859"
    "60616263646566676869707172737475767778798081828384858687888990919293949596979899"
)
ROOM = 80  # bytes in which a number is put together: its digits end in the middle
MIDDLE = 40
WIDEST = 36  # of such a number, with what is around it


class Sink(ABC):
    """Whatever takes text: a console, a ring, a `Text`, a file."""

    @abstractmethod
    def put(self, data: str) -> None:
        """Take the bytes; they are only valid during the call."""

    def print(self, message: Format) -> None:
        """Print an f-string here."""
        message.print_to(self)


@struct
class FormatSpec:
    """A parsed format spec. Characters are their codes, 0 where the spec is silent."""

    fill: u8
    align: u8  # '<' '>' '^' '='
    sign: u8  # '+' '-' ' '
    alternate: bool  # '#'
    zero: bool  # '0' before the width
    width: u32
    grouping: u8  # ',' '_'
    precision: i32 = -1
    kind: u8  # d x X o b c n s e f g


class Measure(Sink):
    """Counts characters (code points) and drops them."""

    count: u64

    def put(self, data: str) -> None:
        self.count += characters(data)


class Limit(Sink):
    """Passes on the first `left` characters."""

    target: Ref[Sink]
    left: u64

    def __init__(self, target: Sink, left: u64) -> None:
        self.target = target
        self.left = left

    @recursion(1)  # what it limits is never limited itself
    def put(self, data: str) -> None:
        kept = prefix_of(data, self.left)
        self.left -= characters(kept)
        if len(kept) > 0:
            self.target.put(kept)


def characters(data: str) -> u64:
    """How many code points: every byte but the continuation bytes starts one."""
    count: u64 = 0
    for byte in data:
        if byte & 0xC0 != 0x80:
            count += 1
    return count


def prefix_of(data: str, count: u64) -> str:
    """The first `count` code points."""
    seen: u64 = 0
    for i in range(len(data)):
        if data[i] & 0xC0 != 0x80:
            if seen == count:
                return data[0:i]
            seen += 1
    return data


def put_fill(sink: Sink, fill: u8, count: u64) -> None:
    """`count` times the same byte."""
    if count == 0:
        return
    piece = array(32, u8)
    left = count
    for i in range(min(left, u64(32))):
        piece[i] = fill
    while left > 0:
        n = min(left, u64(32))
        sink.put(piece[0:n])
        left -= n


def padding_before(align: u8, padding: u64) -> u64:
    """How much of the padding goes in front."""
    if align == ord("<"):
        return 0
    if align == ord("^"):
        return padding // 2
    return padding


# -- strings ------------------------------------------------------------------------------------------------------
def format_str(sink: Sink, value: str, spec: FormatSpec) -> None:
    shown = value
    if spec.precision >= 0:
        shown = prefix_of(value, u64(spec.precision))
    if spec.width == 0:
        sink.put(shown)
        return
    put_aligned(sink, shown, spec, ord("<"))


def put_aligned(sink: Sink, shown: str, spec: FormatSpec, default_align: u8) -> None:
    """A piece of text padded to the spec's width."""
    before, after = padding_of(characters(shown), spec, default_align)
    put_fill(sink, fill_of(spec), before)
    sink.put(shown)
    put_fill(sink, fill_of(spec), after)


def padding_of(length: u64, spec: FormatSpec, default_align: u8) -> tuple[u64, u64]:
    """How many characters go before and behind so many."""
    width = u64(spec.width)
    padding: u64 = width - length if width > length else 0
    before = padding_before(spec.align if spec.align != 0 else default_align, padding)
    return before, padding - before


def fill_of(spec: FormatSpec) -> u8:
    if spec.fill != 0:
        return spec.fill
    return ord("0") if spec.zero else ord(" ")


def format_repr_str(sink: Sink, value: str, spec: FormatSpec) -> None:
    """`{value!r:spec}`."""
    if spec.width == 0 and spec.precision < 0:
        put_repr(sink, value)
        return
    measure = Measure()
    put_repr(measure, value)
    length = measure.count
    if spec.precision >= 0:
        length = min(length, u64(spec.precision))
    before, after = padding_of(length, spec, ord("<"))
    put_fill(sink, fill_of(spec), before)
    limited = Limit(sink, length)
    put_repr(limited, value)
    put_fill(sink, fill_of(spec), after)


def format_message(sink: Sink, value: Format, spec: FormatSpec) -> None:
    """`{message:>20}`: how long it is shows when it is printed, so it is printed twice."""
    measure = Measure()
    value.print_to(measure)
    before, after = padding_of(measure.count, spec, ord("<"))
    put_fill(sink, fill_of(spec), before)
    value.print_to(sink)
    put_fill(sink, fill_of(spec), after)


def put_repr(sink: Sink, value: str) -> None:
    """Quoted and escaped as Python's `repr`: single quotes unless only those occur inside."""
    single = False
    double = False
    for byte in value:
        single = single or byte == ord("'")
        double = double or byte == ord('"')
    quote = '"' if single and not double else "'"
    sink.put(quote)
    start: u64 = 0
    i: u64 = 0
    while i < len(value):
        n = escape_length(value, i, quote[0])
        if n == 0:
            i += 1
            continue
        sink.put(value[start:i])
        put_escape(sink, value[i + n - 1])
        i += n
        start = i
    sink.put(value[start:])
    sink.put(quote)


def escape_length(value: str, i: u64, quote: u8) -> u64:
    """How many bytes at `i` need an escape: 0, 1, or 2 for a C1 control character (U+0080..U+00A0, U+00AD)."""
    byte = value[i]
    if byte < 32 or byte == 127 or byte == quote or byte == ord("\\"):
        return 1
    if byte == 0xC2 and i + 1 < len(value):
        follows = value[i + 1]
        if 0x80 <= follows <= 0xA0 or follows == 0xAD:
            return 2
    return 0


def put_escape(sink: Sink, byte: u8) -> None:
    if byte == ord("\n"):
        sink.put("\\n")
    elif byte == ord("\r"):
        sink.put("\\r")
    elif byte == ord("\t"):
        sink.put("\\t")
    elif byte == ord("\\"):
        sink.put("\\\\")
    elif byte == ord("'"):
        sink.put("\\'")
    elif byte == ord('"'):
        sink.put('\\"')
    else:
        sink.put("\\x")
        high = u64(byte >> 4)
        low = u64(byte & 15)
        sink.put(DIGITS[high : high + 1])
        sink.put(DIGITS[low : low + 1])


# -- integers -----------------------------------------------------------------------------------------------------
def put_digit_pairs(buffer: Span[u8], end: u64, value: u64) -> u64:
    """Write the decimal digits so that they end at `end`; where they start. Two at a time: half the divisions."""
    at = end
    rest = value
    while rest >= 100:
        pair = rest % 100 * 2
        rest //= 100
        at -= 2
        buffer[at] = PAIRS[pair]
        buffer[at + 1] = PAIRS[pair + 1]
    if rest >= 10:
        at -= 2
        buffer[at] = PAIRS[rest * 2]
        buffer[at + 1] = PAIRS[rest * 2 + 1]
    else:
        at -= 1
        buffer[at] = u8(ord("0") + rest)
    return at


def put_digits_by_shift(buffer: Span[u8], end: u64, value: u64, shift: u64, table: str) -> u64:
    """The same for a base of 1 << shift."""
    at = end
    rest = value
    mask = (u64(1) << shift) - 1
    while True:
        at -= 1
        buffer[at] = table[rest & mask]
        rest >>= shift
        if rest == 0:
            return at


def put_u64(sink: Sink, value: u64) -> None:
    """Decimal, as short as it gets."""
    buffer = array(20, u8)
    at = put_digit_pairs(buffer, 20, value)
    sink.put(buffer[at:20])


def put_i64(sink: Sink, value: i64) -> None:
    buffer = array(20, u8)
    negative = value < 0
    at = put_digit_pairs(buffer, 20, 0 - wrap(u64, value) if negative else wrap(u64, value))
    if negative:
        at -= 1
        buffer[at] = ord("-")
    sink.put(buffer[at:20])


def put_hex(sink: Sink, value: u64) -> None:
    """Hexadecimal without a prefix."""
    buffer = array(16, u8)
    at = put_digits_by_shift(buffer, 16, value, 4, DIGITS)
    sink.put(buffer[at:16])


def format_u64(sink: Sink, value: u64, negative: bool, spec: FormatSpec) -> None:
    """Any integer: its magnitude and its sign."""
    kind = spec.kind
    if kind == ord("c"):
        format_char(sink, u32(value), spec)
    elif kind == ord("x"):
        format_by_shift(sink, value, negative, spec, 4, DIGITS, "0x")
    elif kind == ord("X"):
        format_by_shift(sink, value, negative, spec, 4, UPPER_DIGITS, "0X")
    elif kind == ord("o"):
        format_by_shift(sink, value, negative, spec, 3, DIGITS, "0o")
    elif kind == ord("b"):
        format_binary(sink, value, negative, spec)
    else:
        room = array(ROOM, u8)
        at = put_digit_pairs(room, MIDDLE, value)
        put_padded(sink, spec, negative, "", room, at, 3)


def format_by_shift(sink: Sink, value: u64, negative: bool, spec: FormatSpec, shift: u64, table: str, prefix: str) -> None:
    room = array(ROOM, u8)
    at = put_digits_by_shift(room, MIDDLE, value, shift, table)
    put_padded(sink, spec, negative, prefix if spec.alternate else "", room, at, 4)


def format_binary(sink: Sink, value: u64, negative: bool, spec: FormatSpec) -> None:
    buffer = array(64, u8)
    at = put_digits_by_shift(buffer, 64, value, 1, DIGITS)
    put_number(sink, spec, negative, "0b" if spec.alternate else "", buffer[at:64], "", 4)


def put_padded(sink: Sink, spec: FormatSpec, negative: bool, prefix: str, room: Span[u8], first: u64, group: u64) -> None:
    """The digits from `first` to MIDDLE with all that belongs around them, put together where they stand and given away as one piece."""
    if spec.width > WIDEST or spec.grouping != 0:
        put_number(sink, spec, negative, prefix, room[first:MIDDLE], "", group)
        return
    sign = sign_of(spec, negative)
    fill = fill_of(spec)
    align = spec.align
    if align == 0:
        align = ord("=") if spec.zero else ord(">")
    at = first
    end: u64 = MIDDLE
    used = MIDDLE - first + len(sign) + len(prefix)
    padding: u64 = u64(spec.width) - used if u64(spec.width) > used else 0
    before = padding_before(align, padding)
    if align == ord("="):
        for _ in range(padding):
            at -= 1
            room[at] = fill
    if len(prefix) > 0:
        at -= 2
        room[at] = prefix[0]
        room[at + 1] = prefix[1]
    if len(sign) > 0:
        at -= 1
        room[at] = sign[0]
    if align != ord("="):
        for _ in range(before):
            at -= 1
            room[at] = fill
        for _ in range(padding - before):
            room[end] = fill
            end += 1
    sink.put(room[at:end])


def sign_of(spec: FormatSpec, negative: bool) -> str:
    if negative:
        return "-"
    if spec.sign == ord("+"):
        return "+"
    if spec.sign == ord(" "):
        return " "
    return ""


def put_number(sink: Sink, spec: FormatSpec, negative: bool, prefix: str, digits: str, rest: str, group: u64) -> None:
    """Sign, prefix, digits (grouped), the rest (fraction and exponent), padded to the width."""
    sign = sign_of(spec, negative)
    fill = fill_of(spec)
    align = spec.align
    if align == 0:
        align = ord("=") if spec.zero else ord(">")
    width = u64(spec.width)
    fixed = len(sign) + len(prefix) + len(rest)
    separated = group if spec.grouping != 0 else u64(0)
    count = len(digits)
    if align == ord("=") and fill == ord("0"):
        while fixed + grouped_length(count, separated) < width:
            count += 1
    used = fixed + grouped_length(count, separated)
    padding: u64 = width - used if width > used else 0
    before = padding_before(align, padding)
    if align != ord("="):
        put_fill(sink, fill, before)
    if len(sign) > 0:
        sink.put(sign)
    if len(prefix) > 0:
        sink.put(prefix)
    if align == ord("="):
        put_fill(sink, fill, padding)
    put_digits(sink, digits, count, separated, spec.grouping)
    if len(rest) > 0:
        sink.put(rest)
    if align != ord("="):
        put_fill(sink, fill, padding - before)


def grouped_length(count: u64, group: u64) -> u64:
    if group == 0 or count == 0:
        return count
    return count + (count - 1) // group


def put_digits(sink: Sink, digits: str, count: u64, group: u64, separator: u8) -> None:
    """`count` digits, with zeros in front of those given, and a separator between groups."""
    if group == 0:
        put_fill(sink, ord("0"), count - len(digits))
        sink.put(digits)
        return
    piece = array(72, u8)
    used: u64 = 0
    for i in range(count):
        left = count - i  # digits from here to the end
        if i > 0 and left % group == 0:
            piece[used] = separator
            used += 1
        piece[used] = digits[len(digits) - left] if left <= len(digits) else u8(ord("0"))
        used += 1
        if used >= 70:
            sink.put(piece[0:used])
            used = 0
    if used > 0:
        sink.put(piece[0:used])


def format_bool(sink: Sink, value: bool, spec: FormatSpec) -> None:
    """As in Python: a name without a spec, a number with one."""
    if spec.width == 0 and spec.kind == 0 and spec.sign == 0 and not spec.alternate and spec.grouping == 0:
        sink.put("True" if value else "False")
        return
    format_u64(sink, 1 if value else 0, False, spec)


def format_char(sink: Sink, value: u32, spec: FormatSpec) -> None:
    """`c`: the character with that code, in UTF-8."""
    buffer = array(4, u8)
    length = encode_utf8(buffer, value)
    if spec.width == 0:
        sink.put(buffer[0:length])
        return
    put_aligned(sink, buffer[0:length], spec, ord(">"))


def encode_utf8(into: Span[u8], value: u32) -> u64:
    """Write the character's bytes; how many there are."""
    if value < 0x80:
        into[0] = u8(value)
        return 1
    if value < 0x800:
        into[0] = u8(0xC0 | value >> 6)
        into[1] = u8(0x80 | value & 63)
        return 2
    if value < 0x10000:
        into[0] = u8(0xE0 | value >> 12)
        into[1] = u8(0x80 | value >> 6 & 63)
        into[2] = u8(0x80 | value & 63)
        return 3
    into[0] = u8(0xF0 | value >> 18 & 7)
    into[1] = u8(0x80 | value >> 12 & 63)
    into[2] = u8(0x80 | value >> 6 & 63)
    into[3] = u8(0x80 | value & 63)
    return 4

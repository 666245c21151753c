# SPDX-License-Identifier: GPL-2.0-or-later
"""Multi-word arithmetic in u32 limbs: factorials and powers, printed in decimal."""

from lang import Array, Text, array, i32, struct, text, u32, u64, wrap

LIMBS = 40


@struct
class Big:
    limb: Array[u32] = array(LIMBS)
    used: u64 = 1

    def set(self, value: u32) -> None:
        for i in range(len(self.limb)):
            self.limb[i] = 0
        self.limb[0] = value
        self.used = 1

    def multiply(self, factor: u32) -> None:
        carry: u64 = 0
        for i in range(self.used):
            carry += u64(self.limb[i]) * u64(factor)
            self.limb[i] = wrap(u32, carry)
            carry >>= 32
        if carry:
            self.limb[self.used] = u32(carry)
            self.used += 1

    def divide(self, divisor: u32) -> u32:
        rest: u64 = 0
        for i in reversed(range(self.used)):
            rest = rest << 32 | u64(self.limb[i])
            self.limb[i] = u32(rest // u64(divisor))
            rest %= u64(divisor)
        while self.used > 1 and self.limb[self.used - 1] == 0:
            self.used -= 1
        return u32(rest)

    def is_zero(self) -> bool:
        return self.used == 1 and self.limb[0] == 0

    def show(self, into: Text) -> None:
        parts = array(60, u32)
        count: u64 = 0
        while True:
            parts[count] = self.divide(1_000_000_000)
            count += 1
            if self.is_zero():
                break
        into.write(f"{parts[count - 1]}")
        for i in reversed(range(count - 1)):
            into.write(f"{parts[i]:09}")


number = Big()
line = text(500)


def main() -> i32:
    number.set(1)
    for i in range(1, 101):
        number.multiply(u32(i))
    number.show(line)
    print(line)
    number.set(3)
    for _ in range(200):
        number.multiply(3)
    line.clear()
    number.show(line)
    print(line, line.len)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())

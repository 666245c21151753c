# SPDX-License-Identifier: GPL-2.0-or-later
"""Distinct address types, offsets, places, container_of."""

from typing import NewType

from lang import Kaddr, Paddr, Uaddr, addr_of, alignof, array, at, container_of, i32, offsetof, ptr_of, sizeof, struct, u8, u16, u32, u64

Pfn = NewType("Pfn", u64)
PAGE: u64 = 4096
PAGE_MASK: u64 = 4095


@struct
class Timer:
    deadline: u64
    armed: bool


@struct
class Device:
    id: u16
    timer: Timer
    flags: u8


@struct(align=64)
class Aligned:
    value: u8


@struct(packed=True)
class Packed:
    a: u8
    b: u32


def frame_of(p: Paddr) -> Pfn:
    return Pfn(u64(p) // PAGE)


def device_of(timer: Timer) -> Device:
    return container_of(Device, "timer", timer)


devices = array(3, Device)


def main() -> i32:
    p = Paddr(0x12345)
    q = p + 0x1000
    print(f"{p:#x} {q:#x}", q - p, q > p, p // PAGE, p % PAGE, f"{p & ~PAGE_MASK:#x}", f"{p >> 4:#x}")
    print(u64(frame_of(q)), frame_of(p) + 1, frame_of(p) == Pfn(18))
    k = Kaddr(0xFFFF800000000000) + u64(p)
    print(f"{k:#018x}", Uaddr(5) < Uaddr(6))
    print(sizeof(Timer), sizeof(Device), offsetof(Device, "timer"), offsetof(Device, "flags"), alignof(u32))
    for i, device in enumerate(devices):
        device.id = u16(i) * 10
    timer = devices[2].timer
    timer.deadline = 99
    print(device_of(timer).id, devices[2].timer.deadline)
    same = at(Device, addr_of(devices[1]))
    same.flags = 7
    print(devices[1].flags, same is devices[1], addr_of(devices[1]) == addr_of(same))
    print(addr_of(devices[0]) % 2)
    pointer = ptr_of(devices[0].flags)
    pointer[0] = 200
    print(devices[0].flags)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())

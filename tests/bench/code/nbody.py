# SPDX-License-Identifier: GPL-2.0-or-later
"""nbody STEPS 1: the Sun and the outer planets, as in the Computer Language Benchmarks Game."""

import sys

from lang import Span, array, f64, i32, sqrt, struct, u64

SOLAR_MASS = 39.47841760435743
DAYS = 365.24
BODIES: u64 = 5


@struct
class Body:
    x: f64
    y: f64
    z: f64
    vx: f64
    vy: f64
    vz: f64
    mass: f64


bodies = array(BODIES, Body)


def place(i: u64, x: f64, y: f64, z: f64, vx: f64, vy: f64, vz: f64, mass: f64) -> None:
    body = bodies[i]
    body.x = x
    body.y = y
    body.z = z
    body.vx = vx * DAYS
    body.vy = vy * DAYS
    body.vz = vz * DAYS
    body.mass = mass * SOLAR_MASS


def set_up() -> None:
    place(0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 1.0)
    place(
        1,
        4.84143144246472090e00,
        -1.16032004402742839e00,
        -1.03622044471123109e-01,
        1.66007664274403694e-03,
        7.69901118419740425e-03,
        -6.90460016972063023e-05,
        9.54791938424326609e-04,
    )
    place(
        2,
        8.34336671824457987e00,
        4.12479856412430479e00,
        -4.03523417114321381e-01,
        -2.76742510726411687e-03,
        4.99852801234917238e-03,
        2.30417297573763929e-05,
        2.85885980666130812e-04,
    )
    place(
        3,
        1.28943695621391310e01,
        -1.51111514016986312e01,
        -2.23307578892655734e-01,
        2.96460137564761618e-03,
        2.37847173959480950e-03,
        -2.96589568540237556e-05,
        4.36624404335156298e-05,
    )
    place(
        4,
        1.53796971148509165e01,
        -2.59193146099879641e01,
        1.79258772950371181e-01,
        2.68067772490389322e-03,
        1.62824170038242295e-03,
        -9.51592254519715870e-05,
        5.15138902046611451e-05,
    )


def offset_momentum(all: Span[Body]) -> None:
    px: f64 = 0.0
    py: f64 = 0.0
    pz: f64 = 0.0
    for body in all:
        px += body.vx * body.mass
        py += body.vy * body.mass
        pz += body.vz * body.mass
    all[0].vx = -px / SOLAR_MASS
    all[0].vy = -py / SOLAR_MASS
    all[0].vz = -pz / SOLAR_MASS


def energy(all: Span[Body]) -> f64:
    total: f64 = 0.0
    for i in range(len(all)):
        a = all[i]
        total += 0.5 * a.mass * (a.vx * a.vx + a.vy * a.vy + a.vz * a.vz)
        for j in range(i + 1, len(all)):
            b = all[j]
            dx = a.x - b.x
            dy = a.y - b.y
            dz = a.z - b.z
            total -= a.mass * b.mass / sqrt(dx * dx + dy * dy + dz * dz)
    return total


def advance(all: Span[Body], dt: f64) -> None:
    for i in range(len(all)):
        a = all[i]
        for j in range(i + 1, len(all)):
            b = all[j]
            dx = a.x - b.x
            dy = a.y - b.y
            dz = a.z - b.z
            square = dx * dx + dy * dy + dz * dz
            magnitude = dt / (square * sqrt(square))
            a.vx -= dx * b.mass * magnitude
            a.vy -= dy * b.mass * magnitude
            a.vz -= dz * b.mass * magnitude
            b.vx += dx * a.mass * magnitude
            b.vy += dy * a.mass * magnitude
            b.vz += dz * a.mass * magnitude
    for body in all:
        body.x += dt * body.vx
        body.y += dt * body.vy
        body.z += dt * body.vz


def main() -> i32:
    steps = u64(sys.argv[1])
    set_up()
    offset_momentum(bodies)
    print(f"{energy(bodies):.9f}")
    for _ in range(steps):
        advance(bodies, 0.01)
    print(f"{energy(bodies):.9f}")
    return 0

/* SPDX-License-Identifier: GPL-2.0-or-later
   nbody STEPS 1: the Sun and the outer planets, as in the Computer Language Benchmarks Game. */
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#define SOLAR_MASS 39.47841760435743
#define DAYS 365.24
#define BODIES 5

struct body {
    double x, y, z, vx, vy, vz, mass;
};

static struct body bodies[BODIES];

static void place(int i, double x, double y, double z, double vx, double vy, double vz, double mass)
{
    struct body *body = &bodies[i];
    body->x = x;
    body->y = y;
    body->z = z;
    body->vx = vx * DAYS;
    body->vy = vy * DAYS;
    body->vz = vz * DAYS;
    body->mass = mass * SOLAR_MASS;
}

static void set_up(void)
{
    place(0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 1.0);
    place(1, 4.84143144246472090e+00, -1.16032004402742839e+00, -1.03622044471123109e-01,
          1.66007664274403694e-03, 7.69901118419740425e-03, -6.90460016972063023e-05, 9.54791938424326609e-04);
    place(2, 8.34336671824457987e+00, 4.12479856412430479e+00, -4.03523417114321381e-01,
          -2.76742510726411687e-03, 4.99852801234917238e-03, 2.30417297573763929e-05, 2.85885980666130812e-04);
    place(3, 1.28943695621391310e+01, -1.51111514016986312e+01, -2.23307578892655734e-01,
          2.96460137564761618e-03, 2.37847173959480950e-03, -2.96589568540237556e-05, 4.36624404335156298e-05);
    place(4, 1.53796971148509165e+01, -2.59193146099879641e+01, 1.79258772950371181e-01,
          2.68067772490389322e-03, 1.62824170038242295e-03, -9.51592254519715870e-05, 5.15138902046611451e-05);
}

static void offset_momentum(struct body *all, uint64_t count)
{
    double px = 0.0, py = 0.0, pz = 0.0;
    for (uint64_t i = 0; i < count; i++) {
        px += all[i].vx * all[i].mass;
        py += all[i].vy * all[i].mass;
        pz += all[i].vz * all[i].mass;
    }
    all[0].vx = -px / SOLAR_MASS;
    all[0].vy = -py / SOLAR_MASS;
    all[0].vz = -pz / SOLAR_MASS;
}

static double energy(const struct body *all, uint64_t count)
{
    double total = 0.0;
    for (uint64_t i = 0; i < count; i++) {
        const struct body *a = &all[i];
        total += 0.5 * a->mass * (a->vx * a->vx + a->vy * a->vy + a->vz * a->vz);
        for (uint64_t j = i + 1; j < count; j++) {
            const struct body *b = &all[j];
            double dx = a->x - b->x, dy = a->y - b->y, dz = a->z - b->z;
            total -= a->mass * b->mass / sqrt(dx * dx + dy * dy + dz * dz);
        }
    }
    return total;
}

static void advance(struct body *all, uint64_t count, double dt)
{
    for (uint64_t i = 0; i < count; i++) {
        struct body *a = &all[i];
        for (uint64_t j = i + 1; j < count; j++) {
            struct body *b = &all[j];
            double dx = a->x - b->x, dy = a->y - b->y, dz = a->z - b->z;
            double square = dx * dx + dy * dy + dz * dz;
            double magnitude = dt / (square * sqrt(square));
            a->vx -= dx * b->mass * magnitude;
            a->vy -= dy * b->mass * magnitude;
            a->vz -= dz * b->mass * magnitude;
            b->vx += dx * a->mass * magnitude;
            b->vy += dy * a->mass * magnitude;
            b->vz += dz * a->mass * magnitude;
        }
    }
    for (uint64_t i = 0; i < count; i++) {
        all[i].x += dt * all[i].vx;
        all[i].y += dt * all[i].vy;
        all[i].z += dt * all[i].vz;
    }
}

int main(int argc, char **argv)
{
    (void)argc;
    uint64_t steps = strtoull(argv[1], NULL, 10);
    set_up();
    offset_momentum(bodies, BODIES);
    printf("%.9f\n", energy(bodies, BODIES));
    for (uint64_t i = 0; i < steps; i++)
        advance(bodies, BODIES, 0.01);
    printf("%.9f\n", energy(bodies, BODIES));
    return 0;
}

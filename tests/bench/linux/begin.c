/* SPDX-License-Identifier: GPL-2.0-or-later
 * Says that it runs, and powers off: the end of a boot. */
#include "bench.h"

int main(void)
{
    printf("BEGIN\n");
    power_off();
    return 0;
}

/* SPDX-License-Identifier: BSD-3-Clause */
/* The table of ports as it is, taken in here rather than from the library, so that it can be emptied. */
#include "../../app/capture/ports.c"

#include "ports.h"

void fuzz_forget_ports(void)
{
    ports_used = 0;
    memset(port_slots, 0, sizeof(port_slots));
}

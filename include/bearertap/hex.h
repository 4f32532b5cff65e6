/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef BEARERTAP_HEX_H
#define BEARERTAP_HEX_H

#include <stdint.h>

/* The value of a hexadecimal digit of either case; -1: it is none. A pure function, any thread. */
static inline int hex_digit(uint8_t byte)
{
    if (byte >= '0' && byte <= '9')
        return byte - '0';
    uint8_t lower = byte | 0x20;
    return lower >= 'a' && lower <= 'f' ? lower - 'a' + 10 : -1;
}

#endif

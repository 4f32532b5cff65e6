/* SPDX-License-Identifier: BSD-3-Clause */
#include <bearertap/utf8.h>

int utf8_character_length(const uint8_t *bytes, size_t left)
{
    uint8_t lead = bytes[0];
    if (lead < 0x80)
        return 1;
    if (lead < 0xc2 || lead > 0xf4)
        return -1;
    int wanted = lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : 4;
    for (int i = 1; i < wanted; i++) {
        uint8_t low = 0x80, high = 0xbf;
        if (i == 1) {
            low = lead == 0xe0 ? 0xa0 : lead == 0xf0 ? 0x90 : 0x80;  /* no overlong form */
            high = lead == 0xed ? 0x9f : lead == 0xf4 ? 0x8f : 0xbf; /* no surrogate, nothing past U+10FFFF */
        }
        if ((size_t)i >= left || bytes[i] < low || bytes[i] > high)
            return -i;
    }
    return wanted;
}

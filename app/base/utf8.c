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

uint32_t utf8_code_point(const uint8_t *bytes, size_t left, size_t *length)
{
    int taken = utf8_character_length(bytes, left);
    *length = (size_t)(taken > 0 ? taken : -taken);
    if (taken < 0)
        return UTF8_NO_CHARACTER;
    if (taken == 1)
        return bytes[0];
    uint32_t code = bytes[0] & (0x7fU >> taken);
    for (int i = 1; i < taken; i++)
        code = code << 6 | (bytes[i] & 0x3fU);
    return code;
}

bool utf8_is_unseen(uint32_t code)
{
    static const struct {
        uint32_t first, last;
    } ranges[] = {
        {0x7f, 0xa0},                               /* DEL, C1, the space that is not broken */
        {0xad, 0xad},       {0x61c, 0x61c},         /* soft hyphen, Arabic letter mark */
        {0x180e, 0x180e},   {0x200b, 0x200f},       /* zero width, marks of direction */
        {0x2028, 0x202e},                           /* separators, embeddings and overrides of direction */
        {0x2060, 0x206f},                           /* joiners, isolates of direction */
        {0xfeff, 0xfeff},   {0xfff9, 0xfffb},       /* byte order mark, annotations */
        {0xe0000, 0xe0fff}, {0x110000, UINT32_MAX}, /* tags and other defaults of nothing visible; no character */
    };
    if (code < 0x7f)
        return code < 0x20;
    for (size_t i = 0; i < sizeof(ranges) / sizeof(ranges[0]); i++)
        if (code >= ranges[i].first && code <= ranges[i].last)
            return true;
    return false;
}

/* SPDX-License-Identifier: BSD-3-Clause */
/* Files that are given to `read` but are no captures, or captures in a wrapping: told by their first bytes, so that the
 * message can say what to do. */
#include "format.h"

static const struct {
    uint8_t length;
    uint8_t magic[6];
    struct foreign_format format;
} foreign_formats[] = {
    {2, {0x1f, 0x8b}, {"compressed with gzip", "zcat", ""}},
    {4, {0x28, 0xb5, 0x2f, 0xfd}, {"compressed with zstd", "zstdcat", ""}},
    {6, {0xfd, '7', 'z', 'X', 'Z', 0}, {"compressed with xz", "xzcat", ""}},
    {3, {'B', 'Z', 'h'}, {"compressed with bzip2", "bzcat", ""}},
    {4, {0x04, 0x22, 0x4d, 0x18}, {"compressed with lz4", "lz4cat", ""}},
    {4, {'P', 'K', 3, 4}, {"a zip archive", "unzip -p", ""}},
    {6, {'s', 'n', 'o', 'o', 'p', 0}, {"a snoop capture", "editcap -F pcap", " -"}},
    {4, {'G', 'M', 'B', 'U'}, {"a Network Monitor capture", "editcap -F pcap", " -"}},
    {4, {0x34, 0xcd, 0xb2, 0xa1}, {"a pcap of a patched libpcap, with longer packet headers", "editcap -F pcap", " -"}},
    {4, {0xa1, 0xb2, 0xcd, 0x34}, {"a pcap of a patched libpcap, with longer packet headers", "editcap -F pcap", " -"}},
};

static bool is_text(const uint8_t *bytes, size_t length)
{
    for (size_t i = 0; i < length; i++)
        if (!(bytes[i] == '\t' || bytes[i] == '\n' || bytes[i] == '\r' || (bytes[i] >= 0x20 && bytes[i] < 0x7f)))
            return false;
    return true;
}

const struct foreign_format *foreign_format_of(const uint8_t *bytes, size_t length)
{
    static const struct foreign_format text = {"text", NULL, NULL};
    for (size_t i = 0; i < RTE_DIM(foreign_formats); i++)
        if (length >= foreign_formats[i].length &&
            memcmp(bytes, foreign_formats[i].magic, foreign_formats[i].length) == 0)
            return &foreign_formats[i].format;
    return is_text(bytes, RTE_MIN(length, (size_t)64)) ? &text : NULL;
}

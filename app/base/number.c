/* SPDX-License-Identifier: BSD-3-Clause */
#include <bearertap/number.h>

#include <inttypes.h>
#include <stdio.h>

const char *number_show(uint64_t number, char text[NUMBER_SHOWN_MAX])
{
    char digits[24];
    int length = snprintf(digits, sizeof(digits), "%" PRIu64, number), put = 0;
    for (int i = 0; i < length; i++) {
        if (i > 0 && (length - i) % 3 == 0)
            text[put++] = ',';
        text[put++] = digits[i];
    }
    text[put] = '\0';
    return text;
}

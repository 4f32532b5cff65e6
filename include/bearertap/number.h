/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef BEARERTAP_NUMBER_H
#define BEARERTAP_NUMBER_H

#include <stdint.h>

/* For people: 1234567 as 1,234,567, whatever the locale. Returns `text`, which the longest number fits. Any thread. */
#define NUMBER_SHOWN_MAX 32
const char *number_show(uint64_t number, char text[NUMBER_SHOWN_MAX]);

#endif

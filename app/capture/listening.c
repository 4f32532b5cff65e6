/* SPDX-License-Identifier: BSD-3-Clause */
#include "listening.h"

#include <stdlib.h>
#include <string.h>

#include <rte_log.h>

void listening_begin(struct listening *listening)
{
    memset(listening, 0, sizeof(*listening));
    listening->before = rte_log_get_stream();
    listening->log = open_memstream(&listening->text, &listening->length);
    if (listening->log != NULL)
        rte_openlog_stream(listening->log);
}

void listening_end(struct listening *listening, char *said, size_t capacity)
{
    said[0] = '\0';
    if (listening->log == NULL)
        return;
    rte_openlog_stream(listening->before);
    fclose(listening->log);
    char *text = listening->text;
    if (text == NULL)
        return;
    text[strcspn(text, "\n")] = '\0'; /* the cause is said first, then who was told */
    snprintf(said, capacity, "%s", text);
    free(text);
}

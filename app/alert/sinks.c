/* SPDX-License-Identifier: BSD-3-Clause */
#include "sink.h"

#include <string.h>

static const struct sink_kind kinds[] = {
    {"stdout", false}, /* standard output */
    {"file", true},    /* lines are added to it */
};

const struct sink_kind *sink_kind_find(const char *name)
{
    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
        if (strcmp(kinds[i].name, name) == 0)
            return &kinds[i];
    return NULL;
}

bool sink_kind_has_path(const struct sink_kind *kind)
{
    return kind->has_path;
}

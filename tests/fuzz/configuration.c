/* SPDX-License-Identifier: BSD-3-Clause */
/* A configuration: it is taken, within its bounds, or refused in words that repeat nothing of length. */
#include <string.h>

#include <bearertap/configuration.h>

#include "support.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct configuration configuration;
    struct error error = {""};
    uint8_t *bytes = fuzz_copy(data, size);
    int result = configuration_parse(&configuration, "FILE", (const char *)bytes, size, &error);
    REQUIRE((result == 0) == (error.text[0] == '\0'));
    REQUIRE(configuration.keys_count <= CONFIGURATION_KEYS_MAX && configuration.workers <= 64);
    REQUIRE(configuration.filter.include.count <= FILTER_RULES_MAX);
    REQUIRE(configuration.filter.exclude.count <= FILTER_RULES_MAX);
    REQUIRE(configuration.ports_count <= CONFIGURATION_PORTS_MAX && configuration.cpus_count <= SPREAD_WORKERS_MAX);
    REQUIRE(configuration.sinks_count <= CONFIGURATION_SINKS_MAX && configuration.eal_count <= CONFIGURATION_EAL_MAX);
    for (unsigned i = 0; i < configuration.ports_count; i++)
        REQUIRE(result != 0 || configuration.ports[i].device != NULL);
    for (unsigned i = 0; i < configuration.sinks_count; i++)
        REQUIRE(result != 0 ||
                sink_kind_has_path(configuration.sinks[i].kind) == (configuration.sinks[i].path != NULL));
    REQUIRE(result != 0 || configuration.cpus_count == 0 || configuration.workers <= configuration.cpus_count);
    for (unsigned i = 0; i < configuration.keys_count; i++)
        REQUIRE(configuration.keys[i][0] != '\0');
    REQUIRE(strlen(error.text) < 400);
    configuration_release(&configuration);
    __builtin_free(bytes);
    return 0;
}

/* SPDX-License-Identifier: BSD-3-Clause */
#include "gen_truth.h"

#include <arpa/inet.h>
#include <inttypes.h>
#include <time.h>

void gen_truth_begin(struct gen_truth *truth, const struct traffic_options *options, uint64_t size_bytes)
{
    truth->seed = options->seed;
    truth->any = false;
    gen_file_format(&truth->file,
                    "{\"options\":{\"mix\":\"%s\",\"seed\":%" PRIu64 ",\"size\":%" PRIu64
                    ",\"flows\":%u,\"keys\":%u,\"payload\":%u,\"under_way\":%s},\n\"sightings\":[",
                    options->mix->name, options->seed, size_bytes, options->flows, options->keys,
                    options->payload_bytes, options->under_way ? "true" : "false");
}

static void put_time(struct gen_file *file, uint64_t time_ns)
{
    time_t seconds = (time_t)(time_ns / 1000000000);
    struct tm broken_down;
    char text[32];
    gmtime_r(&seconds, &broken_down);
    strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%S", &broken_down);
    gen_file_format(file, "\"time\":\"%s.%09" PRIu64 "Z\"", text, time_ns % 1000000000);
}

static void put_end(struct gen_file *file, const char *name, bool ipv6, const uint8_t address[16], uint16_t port)
{
    char text[INET6_ADDRSTRLEN];
    inet_ntop(ipv6 ? AF_INET6 : AF_INET, address, text, sizeof(text));
    gen_file_format(file, ",\"%s\":\"%s\",\"%s_port\":%u", name, text, name, port);
}

void gen_truth_sighting(void *context, const struct traffic_sighting *sighting)
{
    struct gen_truth *truth = context;
    struct gen_file *file = &truth->file;
    char kid[TRAFFIC_KEY_ID_MAX];
    traffic_key_id(truth->seed, sighting->key, kid);
    gen_file_put(file, truth->any ? ",\n" : "\n");
    truth->any = true;
    gen_file_format(file, "{\"packet\":%" PRIu64 ",", sighting->packet + 1); /* as Wireshark counts them */
    put_time(file, sighting->time_ns);
    gen_file_format(file, ",\"connection\":%u", sighting->connection);
    put_end(file, "client", sighting->ipv6, sighting->client_address, sighting->client_port);
    put_end(file, "server", sighting->ipv6, sighting->server_address, sighting->server_port);
    gen_file_format(file, ",\"kid\":\"%s\",\"placement\":\"%s\",\"truncated\":%s", kid, sighting->placement,
                    sighting->truncated ? "true" : "false");
    if (!sighting->truncated)
        gen_file_format(file, ",\"token_sha256\":\"%s\"", sighting->token_sha256);
    gen_file_put(file, "}");
}

void gen_truth_end(struct gen_truth *truth, const struct traffic_totals *totals)
{
    const struct {
        const char *name;
        uint64_t count;
    } rows[] = {
        {"packets", totals->packets},
        {"bytes", totals->bytes},
        {"payload_bytes", totals->payload_bytes},
        {"connections", totals->connections},
        {"requests", totals->requests},
        {"responses", totals->responses},
        {"tokens", totals->tokens},
        {"sightings", totals->sightings},
        {"lost_segments", totals->lost_segments},
        {"duplicated_segments", totals->duplicated_segments},
        {"reordered_segments", totals->reordered_segments},
    };
    gen_file_put(&truth->file, truth->any ? "\n],\n\"totals\":{" : "],\n\"totals\":{");
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        gen_file_format(&truth->file, "%s\"%s\":%" PRIu64, i > 0 ? "," : "", rows[i].name, rows[i].count);
    gen_file_put(&truth->file, "}}\n");
}

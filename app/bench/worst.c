/* SPDX-License-Identifier: BSD-3-Clause */
#include "worst.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "make_lap.h"
#include "rows.h"
#include "trial.h"

/* What one-byte segments are made of is a small part of what others are, or they would fill the memory. */
#define BYTES_OF_API      ((size_t)64 << 20)
#define PAYLOAD_IN_CRUMBS 300000u

/* ---- cutting packets anew ---- */

static void write_16(uint8_t *at, uint32_t value)
{
    at[0] = (uint8_t)(value >> 8);
    at[1] = (uint8_t)value;
}

static void write_32(uint8_t *at, uint32_t value)
{
    write_16(at, value >> 16);
    write_16(at + 2, value);
}

static uint32_t payload_offset(const struct lap *lap, const struct lap_packet *packet)
{
    return packet->tcp_at + 4u * (lap->bytes[packet->at + packet->tcp_at + 12] >> 4);
}

/* A packet with a part of another's payload; `spoilt`: each byte of it another. */
static bool add_part(const struct lap *from, const struct lap_packet *packet, uint32_t offset, uint32_t length,
                     bool spoilt, struct lap *to)
{
    uint8_t frame[UINT16_MAX];
    uint32_t begin = payload_offset(from, packet), addresses = packet->addresses_at;
    memcpy(frame, from->bytes + packet->at, begin);
    memcpy(frame + begin, from->bytes + packet->at + begin + offset, length);
    for (uint32_t i = 0; spoilt && i < length; i++)
        frame[begin + i] ^= 1;
    if (packet->address_bytes == 4)
        write_16(frame + addresses - 10, begin + length - (addresses - 12));
    else
        write_16(frame + addresses - 4, begin + length - (addresses + 32));
    write_32(frame + packet->tcp_at + 4, packet->sequence + offset);
    return lap_add(to, frame, begin + length, begin + length, packet->time_ns, packet->port);
}

static bool add_whole(const struct lap *from, const struct lap_packet *packet, struct lap *to)
{
    to->expected += packet->sightings;
    return lap_add(to, from->bytes + packet->at, packet->length, packet->wire, packet->time_ns, packet->port);
}

static int cut_to_crumbs(const struct lap *from, struct lap *to)
{
    uint32_t payload = 0;
    for (uint32_t i = 0; i < from->count && payload < PAYLOAD_IN_CRUMBS; i++) {
        const struct lap_packet *packet = &from->packets[i];
        bool room = packet->payload_length > 0 || add_whole(from, packet, to);
        for (uint32_t at = 0; room && at < packet->payload_length; at++)
            room = add_part(from, packet, at, 1, false, to);
        if (!room)
            return -ENOMEM;
        to->expected += packet->payload_length > 0 ? packet->sightings : 0;
        payload += packet->payload_length;
    }
    return 0;
}

/* Every segment is followed by a copy of it with other bytes. */
static int contradict(const struct lap *from, struct lap *to)
{
    for (uint32_t i = 0; i < from->count; i++) {
        const struct lap_packet *packet = &from->packets[i];
        if (!add_whole(from, packet, to) ||
            (packet->payload_length > 0 && !add_part(from, packet, 0, packet->payload_length, true, to)))
            return -ENOMEM;
    }
    return 0;
}

/* Every segment is followed by one that begins in its middle, with the same bytes. */
static int overlap(const struct lap *from, struct lap *to)
{
    for (uint32_t i = 0; i < from->count; i++) {
        const struct lap_packet *packet = &from->packets[i];
        uint32_t half = packet->payload_length / 2;
        if (!add_whole(from, packet, to) ||
            (half > 0 && !add_part(from, packet, half, packet->payload_length - half, false, to)))
            return -ENOMEM;
    }
    return 0;
}

/* What an end sends without hearing from the other comes the wrong way round: the last segment first. A connection's
 * first segments stay, by which its openings are made. */
static int reverse(const struct lap *from, struct lap *to)
{
    struct last {
        uint32_t run[64]; /* where the segments of the run stood */
        uint32_t length;
        uint8_t direction, seen; /* bits: that direction's first is past */
    } *lasts = calloc(from->connections + 1ull, sizeof(*lasts));
    uint32_t *order = calloc(from->count + 1ull, sizeof(*order));
    int status = lasts == NULL || order == NULL ? -ENOMEM : 0;
    for (uint32_t i = 0; status == 0 && i < from->count; i++) {
        const struct lap_packet *packet = &from->packets[i];
        order[i] = i;
        if (packet->connection == UINT32_MAX)
            continue;
        struct last *last = &lasts[packet->connection];
        bool first = (last->seen >> packet->direction & 1) == 0,
             plain = packet->flags == TCP_ACK || packet->flags == (TCP_ACK | TCP_PSH);
        last->seen = (uint8_t)(last->seen | 1 << packet->direction);
        if (first || !plain || packet->payload_length == 0 || packet->direction != last->direction ||
            last->length == 64)
            last->length = 0;
        last->direction = packet->direction;
        if (first || !plain || packet->payload_length == 0)
            continue;
        last->run[last->length++] = i;
        /* The run so far is turned: the new one goes to its front, the others one place on. */
        for (uint32_t j = last->length - 1; j > 0; j--)
            order[last->run[j]] = order[last->run[j - 1]];
        order[last->run[0]] = i;
    }
    for (uint32_t i = 0; status == 0 && i < from->count; i++)
        if (!add_whole(from, &from->packets[order[i]], to))
            status = -ENOMEM;
        else
            to->packets[i].time_ns = from->packets[i].time_ns;
    free(order);
    free(lasts);
    return status;
}

/* Toeplitz' hash of both ports under the key that is the same for both directions, as drivers are given it. */
static uint32_t toeplitz_of_ports(uint16_t source, uint16_t destination)
{
    uint32_t input = (uint32_t)source << 16 | destination, hash = 0;
    for (unsigned bit = 0; bit < 32; bit++)
        if ((input >> (31 - bit) & 1) != 0) {
            uint64_t key = 0x6d5a6d5a6d5a6d5au << bit;
            hash ^= (uint32_t)(key >> 32);
        }
    return hash;
}

/* Clients choose their ports so that all hash to one bucket of a table with the hash that everybody knows. The
 * program's hash has a random key: nobody outside can do better. */
static int aim(const struct lap *from, struct lap *to)
{
    for (uint32_t i = 0; i < from->count; i++) {
        const struct lap_packet *packet = &from->packets[i];
        if (!add_whole(from, packet, to))
            return -ENOMEM;
        if (packet->connection == UINT32_MAX)
            continue;
        uint8_t *tcp = to->bytes + to->packets[i].at + packet->tcp_at;
        uint16_t ports[] = {(uint16_t)(tcp[0] << 8 | tcp[1]), (uint16_t)(tcp[2] << 8 | tcp[3])};
        unsigned client = ports[0] > ports[1] ? 0 : 1;
        uint16_t aimed = (uint16_t)(32768 + packet->connection % 511 * 64);
        while ((toeplitz_of_ports(aimed, ports[1 - client]) & 0xff) != 0 && aimed < 65535)
            aimed++;
        write_16(tcp + 2 * client, aimed);
    }
    return 0;
}

/* ---- the table ---- */

const struct worst_row worst_rows[] = {
    {"deep", "full of what begins like a token and is none", "each beginning is a match, and a header to be read",
     "deep", NULL},
    {"handshakes", "connections of one request", "a record is made and let go for every few packets", "handshakes",
     NULL},
    {"flood", "SYN packets of random sources, nine in ten", "every one is a connection, and a miss in the index",
     "flood", NULL},
    {"unique", "every JOSE header new", "every header is decoded, read, and its key looked up", "unique", NULL},
    {"storm", "every token revoked", "every token is copied out, hashed and told", "storm", NULL},
    {"unique-storm", "every JOSE header new, every token revoked",
     "a header is read and a token copied out, every time", "unique-storm", NULL},
    {"one-byte segments", "storm, a packet a byte", "all of a packet's cost for a byte", "storm", cut_to_crumbs},
    {"out of order", "api, whatever is sent in a row comes the last first", "segments are held, and put in order", NULL,
     reverse},
    {"contradictions", "api, every segment sent again with other bytes", "both copies are compared", NULL, contradict},
    {"overlaps", "api, the second half of every segment sent again", "both copies are compared", NULL, overlap},
    {"aimed ports", "api, source ports that a well-known hash puts into one bucket",
     "nothing: the key of our hash is random", NULL, aim},
};

const unsigned worst_rows_count = sizeof(worst_rows) / sizeof(worst_rows[0]);

/* ---- measuring ---- */

static int make_cut_lap(const struct trial_lap *self, struct lap **result, struct error *error)
{
    const struct worst_row *row = self->variant;
    const struct lap_options options = {.mix = self->mix,
                                        .flows = self->flows,
                                        .keys = self->keys,
                                        .payload_bytes = 1448,
                                        .frame_bytes = self->frame_bytes,
                                        .shares = 1};
    struct lap *api, *lap;
    int status = lap_of_traffic(&options, &api, error);
    if (status != 0)
        return status;
    uint32_t room = api->count * 2 + PAYLOAD_IN_CRUMBS * 2;
    status = lap_create(room, (size_t)room * 256 + api->bytes_used * 3, &lap, error);
    if (status == 0) {
        if (row->cut(api, lap) != 0)
            status = error_set(error, ENOMEM, "a lap has too little room for its packets");
        if (status == 0)
            status = lap_seal(lap, true, 1, error);
        if (status == 0)
            *result = lap;
        else
            lap_destroy(lap);
    }
    lap_destroy(api);
    return status;
}

int worst_measure(const struct worst_row *row, const struct bench_settings *settings, json_t *result,
                  struct error *error)
{
    struct trial_lap api = {
        .mix = traffic_mix_find("api"), .frame_bytes = BYTES_OF_API, .flows = settings->flows, .keys = KEYS_BORNE};
    struct trial trial = {
        .laps_count = 2,
        .sides_count = 2,
        .laps = {api, api},
        .sides = {{.name = row->name, .kind = SIDE_INSPECT, .lap = 0, .borne = KEYS_BORNE, .by_stage = true},
                  {.name = "api", .kind = SIDE_INSPECT, .lap = 1, .borne = KEYS_BORNE}},
    };
    if (row->mix != NULL)
        trial.laps[0].mix = traffic_mix_find(row->mix);
    if (row->cut != NULL) {
        trial.laps[0].make = make_cut_lap;
        trial.laps[0].variant = row;
    }
    int status = trial_run(&trial, settings, error);
    if (status != 0)
        return status;
    json_object_set_new(result, "value", json_real(comparison_ratio(&trial.comparison, 1, 0)));
    json_object_set_new(result, "runs", json_pack("[o]", trial_run_json(&trial, 0)));
    json_object_set_new(result, "noise", trial_noise_json(&trial));
    return 0;
}

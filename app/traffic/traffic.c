/* SPDX-License-Identifier: BSD-3-Clause */
/* Packets of many connections, in the order of chance, and the truth about them. */
#include <bearertap/traffic.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/evp.h>

#include "connection.h"
#include "disorder.h"
#include "frame.h"
#include "mixes.h"
#include "pools.h"
#include "random.h"

enum {
    TENTHS_OF_NS_A_BYTE = 8, /* 10 Gbit/s */
    FRAMING_BYTES = 24,      /* preamble, check sequence, gap */
};

#define BEGIN_NS (1767571200ull * 1000000000) /* 2026-01-05, 00:00:00 UTC */

struct traffic {
    struct traffic_options options;
    traffic_sighting_function *sighted;
    void *context;
    struct traffic_totals totals;
    struct pools pools;
    struct connection_scratch scratch;
    struct connection_world world;
    struct random random;
    struct disorder disorder;
    struct connection *connections;
    uint32_t next_number;
    uint64_t now_ns;
    bool finishing;
    uint32_t finished; /* connections that are at their end, from the first on */
    EVP_MD *sha256;
    EVP_MD_CTX *sha256_context;
    char text[HTTP_TEXT_MAX];
    uint8_t frame[TRAFFIC_FRAME_MAX];
};

/* ---- beginning and end ---- */

static int check_options(const struct traffic_options *options, struct error *error)
{
    if (options->mix == NULL)
        return error_set(error, EINVAL, "no mix was chosen");
    if (options->flows < 1 || options->flows > TRAFFIC_FLOWS_MAX)
        return error_set(error, EINVAL, "%u connections at a time cannot be made; 1 to %u can", options->flows,
                         TRAFFIC_FLOWS_MAX);
    if (options->keys < 1 || options->keys > TRAFFIC_KEYS_MAX)
        return error_set(error, EINVAL, "%u revoked keys cannot be made; 1 to %u can", options->keys, TRAFFIC_KEYS_MAX);
    if (options->payload_bytes < 1 || options->payload_bytes > TRAFFIC_PAYLOAD_MAX)
        return error_set(error, EINVAL, "segments of %u bytes cannot be made; 1 to %u can", options->payload_bytes,
                         TRAFFIC_PAYLOAD_MAX);
    return 0;
}

static void begin_connection(struct traffic *traffic, uint32_t slot, bool under_way)
{
    connection_begin(&traffic->connections[slot], &traffic->world, recipe_style(traffic->options.mix->recipe, slot),
                     traffic->next_number++, under_way);
    traffic->totals.connections++;
}

static int allocate(struct traffic *traffic)
{
    if (pools_create(traffic->options.seed, &traffic->pools) != 0)
        return -ENOMEM;
    traffic->connections = calloc(traffic->options.flows, sizeof(*traffic->connections));
    if (traffic->connections == NULL)
        return -ENOMEM;
    if (!traffic->options.tell_tokens)
        return 0;
    traffic->sha256 = EVP_MD_fetch(NULL, "SHA256", NULL);
    traffic->sha256_context = EVP_MD_CTX_new();
    return traffic->sha256 != NULL && traffic->sha256_context != NULL ? 0 : -ENOMEM;
}

int traffic_create(const struct traffic_options *options, traffic_sighting_function *sighted, void *context,
                   struct traffic **traffic, struct error *error)
{
    int result = check_options(options, error);
    if (result != 0)
        return result;
    struct traffic *made = calloc(1, sizeof(*made));
    if (made == NULL)
        return error_set(error, ENOMEM, "no memory to make traffic");
    made->options = *options;
    made->sighted = sighted;
    made->context = context;
    if (allocate(made) != 0) {
        traffic_destroy(made);
        return error_set(error, ENOMEM, "no memory for traffic of %u connections at a time; take fewer",
                         options->flows);
    }
    made->scratch = (struct connection_scratch){.text.bytes = made->text, .number = UINT32_MAX};
    made->world = (struct connection_world){
        .seed = options->seed,
        .pools = &made->pools,
        .scratch = &made->scratch,
        .keys = options->keys,
        .payload_bytes = options->payload_bytes,
    };
    made->random.state = random_seed(options->seed, RANDOM_PICKS, 0);
    made->disorder =
        (struct disorder){.random.state = random_seed(options->seed, RANDOM_PICKS, 1), .totals = &made->totals};
    made->now_ns = BEGIN_NS;
    for (uint32_t slot = 0; slot < options->flows; slot++)
        begin_connection(made, slot, options->under_way);
    *traffic = made;
    return 0;
}

void traffic_destroy(struct traffic *traffic)
{
    if (traffic == NULL)
        return;
    EVP_MD_CTX_free(traffic->sha256_context);
    EVP_MD_free(traffic->sha256);
    free(traffic->connections);
    pools_destroy(&traffic->pools);
    free(traffic);
}

const struct traffic_totals *traffic_totals(const struct traffic *traffic)
{
    return &traffic->totals;
}

/* ---- the truth ---- */

static void tell_token(struct traffic *traffic, const struct connection *connection, char text[65])
{
    const struct http_message *message = &connection->message;
    uint8_t digest[32] = {0};
    const char *token = connection_text(connection, &traffic->world) + message->header_begin;
    struct text hex = {.bytes = text};
    if (EVP_DigestInit_ex2(traffic->sha256_context, traffic->sha256, NULL) != 1 ||
        EVP_DigestUpdate(traffic->sha256_context, token, message->token_end - message->header_begin) != 1 ||
        EVP_DigestFinal_ex(traffic->sha256_context, digest, NULL) != 1)
        memset(digest, 0, sizeof(digest));
    for (unsigned i = 0; i < sizeof(digest); i++)
        text_put_hex(&hex, digest[i], 2);
    text[hex.length] = '\0';
}

/* Whether what chaos loses of the head has any of these bytes. */
static bool loses(const struct connection *connection, uint32_t begin, uint32_t end)
{
    uint32_t lost = connection->lost_offset;
    return lost != OFFSET_NONE && lost < end && begin < lost + connection->payload_bytes;
}

static void tell_sighting(struct traffic *traffic, const struct connection *connection)
{
    const struct http_message *message = &connection->message;
    struct frame_end client, server;
    struct traffic_sighting sighting = {
        .packet = traffic->totals.packets,
        .time_ns = traffic->now_ns,
        .connection = connection->number,
        .ipv6 = connection->ipv6,
        .key = connection->key,
        .placement = loses(connection, message->announced_at, message->header_begin) ? "other" : "authorization",
        .truncated = loses(connection, message->header_end, message->token_end + 1),
    };
    connection_ends(connection, &client, &server);
    memcpy(sighting.client_address, client.address, sizeof(client.address));
    memcpy(sighting.server_address, server.address, sizeof(server.address));
    sighting.client_port = client.port;
    sighting.server_port = server.port;
    if (traffic->options.tell_tokens && !sighting.truncated)
        tell_token(traffic, connection, sighting.token_sha256);
    traffic->totals.sightings++;
    if (traffic->sighted != NULL)
        traffic->sighted(traffic->context, &sighting);
}

/* A segment that is sent for the first time: does it bring the end of a token's JOSE header? */
static void look_for_token(struct traffic *traffic, const struct connection *connection,
                           const struct connection_segment *segment)
{
    const struct http_message *message = &connection->message;
    if (segment->length == 0 || connection->message_side != SIDE_CLIENT)
        return;
    uint32_t dot = message->header_end - 1;
    if (dot < segment->offset || dot - segment->offset >= segment->length ||
        loses(connection, message->header_begin, message->header_end))
        return;
    traffic->totals.tokens++;
    if (connection->key != TOKEN_KEY_CLEAN)
        tell_sighting(traffic, connection);
}

/* ---- packets ---- */

/* A frame takes its time on the wire, and waits for as long again at most. */
static void let_time_pass(struct traffic *traffic, uint32_t length)
{
    uint32_t wire_ns = (length + FRAMING_BYTES) * TENTHS_OF_NS_A_BYTE / 10;
    traffic->now_ns += 1 + wire_ns / 2 + random_below(&traffic->random, wire_ns);
}

static void copy_message(const struct traffic *traffic, const struct connection *connection, uint32_t offset,
                         uint32_t length, uint8_t *out)
{
    const struct http_message *message = &connection->message;
    uint32_t body_end = message->text_length + message->body_length;
    if (offset < message->text_length) {
        uint32_t left = message->text_length - offset, piece = length < left ? length : left;
        memcpy(out, connection_text(connection, &traffic->world) + offset, piece);
        out += piece, offset += piece, length -= piece;
    }
    if (length > 0 && offset < body_end) {
        uint32_t left = body_end - offset, piece = length < left ? length : left;
        pool_copy(&traffic->pools.of[message->body], message->body_at + (offset - message->text_length), out, piece);
        out += piece, offset += piece, length -= piece;
    }
    if (length > 0)
        memcpy(out, http_tail(message->body) + (offset - body_end), length);
}

static void count(struct traffic *traffic, const struct frame_place *place, uint32_t payload_length,
                  struct traffic_packet *packet)
{
    packet->bytes = traffic->frame;
    packet->length = place->length;
    packet->time_ns = traffic->now_ns;
    packet->ip_offset = place->ip_offset;
    packet->tcp_offset = place->tcp_offset;
    packet->payload_length = payload_length;
    traffic->totals.packets++;
    traffic->totals.bytes += place->length;
    traffic->totals.payload_bytes += payload_length;
    let_time_pass(traffic, place->length);
}

static void send_segment(struct traffic *traffic, const struct connection *connection,
                         const struct connection_segment *segment, struct traffic_packet *packet)
{
    struct frame_segment described;
    connection_describe(connection, segment, &described);
    if (segment->length > 0)
        copy_message(traffic, connection, segment->offset, segment->length,
                     traffic->frame + frame_headers_length(&described));
    struct frame_place place = frame_put_headers(traffic->frame, &described, segment->length);
    *packet = (struct traffic_packet){
        .connection = connection->number,
        .from_client = segment->side == SIDE_CLIENT,
        .is_connection = true,
    };
    count(traffic, &place, segment->length, packet);
}

/* A connection's next step; false where nothing of it came to the tap. */
static bool advance(struct traffic *traffic, struct connection *connection, struct traffic_packet *packet)
{
    struct connection_segment segment;
    enum held_kind kind = disorder_release(connection, &segment);
    if (kind == HELD_NOTHING) {
        connection_next(connection, &traffic->world, traffic->now_ns, &segment);
        if (segment.length > 0 && segment.offset == 0)
            ++*(segment.side == SIDE_CLIENT ? &traffic->totals.requests : &traffic->totals.responses);
        if (disorder_decide(&traffic->disorder, connection, &segment) != FATE_SENT)
            return false;
    }
    if (kind != HELD_DUPLICATE)
        look_for_token(traffic, connection, &segment);
    send_segment(traffic, connection, &segment, packet);
    return true;
}

/* Who floods sends a SYN each from addresses that are not his; none of them is a client's of ours. */
static void send_lone(struct traffic *traffic, struct traffic_packet *packet)
{
    uint64_t bits = random_next(&traffic->random), more = random_next(&traffic->random);
    struct frame_segment segment = {
        .hop_limit = (uint8_t)(40 + (bits & 15)),
        .ip_id = (uint16_t)(bits >> 4),
        .sequence = (uint32_t)more,
        .flags = FRAME_SYN,
        .window = 64240,
        .has_timestamps = true,
        .timestamp = (uint32_t)(more >> 32),
        .segment_size_max = 1460,
        .from = {.address = {(uint8_t)(11 + (bits >> 20) % 100), (uint8_t)(bits >> 32), (uint8_t)(bits >> 40),
                             (uint8_t)(bits >> 48)},
                 .port = (uint16_t)(1024 + (bits >> 8) % 64512),
                 .mac = {2, 0x43, 0, 0, 0, 1}},
    };
    connection_server(false, bits >> 56, &segment.to);
    struct frame_place place = frame_put_headers(traffic->frame, &segment, 0);
    *packet = (struct traffic_packet){.connection = UINT32_MAX};
    count(traffic, &place, 0, packet);
}

static bool next_at_the_end(struct traffic *traffic, struct traffic_packet *packet)
{
    while (traffic->finished < traffic->options.flows) {
        struct connection *connection = &traffic->connections[traffic->finished];
        while (connection->held_kind != HELD_NOTHING || connection_is_within_head(connection))
            if (advance(traffic, connection, packet))
                return true;
        traffic->finished++;
    }
    return false;
}

bool traffic_next(struct traffic *traffic, struct traffic_packet *packet)
{
    uint32_t flood_percent = traffic->options.mix->recipe->flood_percent;
    if (traffic->finishing)
        return next_at_the_end(traffic, packet);
    if (flood_percent > 0 && random_hits(&traffic->random, flood_percent, 100)) {
        send_lone(traffic, packet);
        return true;
    }
    for (;;) {
        uint32_t slot = random_below(&traffic->random, traffic->options.flows);
        if (traffic->connections[slot].phase == PHASE_OVER)
            begin_connection(traffic, slot, false);
        if (advance(traffic, &traffic->connections[slot], packet))
            return true;
    }
}

void traffic_finish(struct traffic *traffic)
{
    traffic->finishing = true;
}

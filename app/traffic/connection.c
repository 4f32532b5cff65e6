/* SPDX-License-Identifier: BSD-3-Clause */
#include "connection.h"

#include <string.h>

#include "random.h"

enum {
    SERVERS = 48,
    CLIENTS_BITS = 20,
    PORT_FIRST = 32768, /* of the clients' */
    PORTS = 28232,
    WINDOW = 4000, /* times 128: room for what is under way of the largest segments, too */
    FULL_SEGMENTS_BEFORE_ACKNOWLEDGEMENT = 2,
};

/* A fact about the connection that is drawn once and never kept: `which` names it. */
static uint32_t fact(const struct connection *connection, unsigned which, uint32_t bound)
{
    return (uint32_t)(((random_seed(connection->seed, RANDOM_CONNECTION, which) >> 32) * bound) >> 32);
}

enum {
    FACT_IPV6,
    FACT_KEY,
    FACT_CALLS,
    FACT_TIMESTAMPS,
    FACT_SERVER,
    FACT_CLOSES,
    FACT_HOPS,
    FACT_BARE,
    FACT_PLACE,
    FACT_SEQUENCES, /* two each: a side's */
    FACT_CLOCKS = FACT_SEQUENCES + 2,
    FACT_IP_IDS = FACT_CLOCKS + 2,
};

/* ---- addresses ---- */

void connection_server(bool ipv6, uint64_t which, struct frame_end *server)
{
    static const uint8_t prefix[16] = {0x20, 0x01, 0x0d, 0xb8, 0, 0x80};
    uint8_t host = (uint8_t)(1 + which % SERVERS);
    *server = (struct frame_end){.port = which / SERVERS % 4 == 0 ? 80 : 8080, .mac = {2, 0x53, 0, 0, 0, host}};
    if (ipv6) {
        memcpy(server->address, prefix, sizeof(prefix));
        server->address[15] = host;
    } else {
        const uint8_t address[4] = {172, 16, 0, host};
        memcpy(server->address, address, sizeof(address));
    }
}

/* Client and port are one for one with the connection's number: no two connections have the same. */
void connection_ends(const struct connection *connection, struct frame_end *client, struct frame_end *server)
{
    uint32_t host = (connection->number * 0x9e3779b1u) & ((1u << CLIENTS_BITS) - 1);
    uint32_t round = connection->number >> CLIENTS_BITS;
    static const uint8_t prefix[16] = {0x20, 0x01, 0x0d, 0xb8, 0, 0x10};
    const uint8_t bytes[4] = {10, (uint8_t)(host >> 16), (uint8_t)(host >> 8), (uint8_t)host};
    *client = (struct frame_end){.port = (uint16_t)(PORT_FIRST + (host * 7919u + round) % PORTS),
                                 .mac = {2, 0x43, 0, 0, 0, 1}}; /* the router before them all */
    if (connection->ipv6) {
        memcpy(client->address, prefix, sizeof(prefix));
        memcpy(client->address + 12, bytes, 4);
    } else {
        memcpy(client->address, bytes, 4);
    }
    connection_server(connection->ipv6, fact(connection, FACT_SERVER, SERVERS * 4), server);
}

void connection_describe(const struct connection *connection, const struct connection_segment *segment,
                         struct frame_segment *out)
{
    struct frame_end ends[2];
    connection_ends(connection, &ends[SIDE_CLIENT], &ends[SIDE_SERVER]);
    uint32_t size_max = (uint32_t)connection->payload_bytes + 12;
    *out = (struct frame_segment){
        .from = ends[segment->side],
        .to = ends[1 - segment->side],
        .ipv6 = connection->ipv6,
        .hop_limit = segment->side == SIDE_SERVER ? 64 : (uint8_t)(64 - fact(connection, FACT_HOPS, 12)),
        .ip_id = segment->ip_id,
        .flow_label = fact(connection, FACT_HOPS, 0xffffffff),
        .sequence = segment->sequence,
        .acknowledgement = segment->acknowledgement,
        .flags = segment->flags,
        .window = segment->window,
        .has_timestamps = connection->has_timestamps,
        .timestamp = segment->timestamp,
        .echo = segment->echo,
        .segment_size_max = (uint16_t)(size_max < 8960 ? size_max : 8960), /* offload joins segments of that size */
    };
}

/* ---- messages ---- */

static void make_text(const struct connection *connection, const struct connection_world *world,
                      struct http_message *message)
{
    struct connection_scratch *scratch = world->scratch;
    scratch->number = connection->number;
    scratch->message_seed = message->seed;
    scratch->text.length = 0;
    if (connection->message_side == SIDE_SERVER) {
        http_put_response(&scratch->text, connection->style, world->pools, message);
        return;
    }
    bool new_headers = connection->style->new_headers;
    const struct token_recipe token = {
        .traffic_seed = world->seed,
        .seed = random_seed(new_headers ? message->seed : connection->seed, RANDOM_TOKEN, 0),
        .key = connection->key,
        .new_header = new_headers,
    };
    http_put_request(&scratch->text, connection->style, world->pools, &token, connection->seed, message);
}

const char *connection_text(const struct connection *connection, const struct connection_world *world)
{
    struct http_message message = connection->message;
    if (world->scratch->number != connection->number || world->scratch->message_seed != message.seed)
        make_text(connection, world, &message);
    return world->scratch->text.bytes;
}

/* Which segment of the head chaos loses; all but one of those that the draw hits are spared. */
static uint32_t choose_loss(const struct connection *connection, uint32_t lost_in_ten_thousand)
{
    struct random random = {random_seed(connection->message.seed, RANDOM_MESSAGE, 1)};
    for (uint32_t at = 0; at < connection->message.head_length; at += connection->payload_bytes)
        if (random_hits(&random, lost_in_ten_thousand, 10000))
            return at;
    return OFFSET_NONE;
}

static void begin_message(struct connection *connection, const struct connection_world *world)
{
    const struct style *style = connection->style;
    connection->message_side = connection->phase == PHASE_REQUEST ? SIDE_CLIENT : SIDE_SERVER;
    connection->message.seed =
        random_seed(connection->seed, RANDOM_MESSAGE, 2u * connection->calls_left + connection->message_side);
    make_text(connection, world, &connection->message);
    connection->sent = 0;
    connection->message_begun = true;
    connection->unacknowledged = 0;
    connection->lost_offset = OFFSET_NONE;
    if (style->lost > 0 && connection->is_settled && connection->message_side == SIDE_CLIENT)
        connection->lost_offset = choose_loss(connection, style->lost);
}

bool connection_is_within_head(const struct connection *connection)
{
    return connection->message_begun && connection->message_side == SIDE_CLIENT &&
           connection->sent < connection->message.head_length;
}

/* ---- beginnings ---- */

/* One of each so many that begin one after the other, and not each by a draw of its own: few connections, too, then
 * have their share. */
static bool is_revoked(const struct connection *connection, const struct connection_world *world)
{
    uint32_t one_in = connection->style->revoked_one_in;
    if (one_in == 0)
        return false;
    struct random random = {random_seed(world->seed, RANDOM_REVOKED_KEY, connection->number / one_in + (1ull << 32))};
    return random_below(&random, one_in) == connection->number % one_in;
}

static void stand_under_way(struct connection *connection, const struct connection_world *world)
{
    struct random random = {random_seed(connection->seed, RANDOM_CONNECTION, FACT_PLACE)};
    for (unsigned side = 0; side < 2; side++)
        connection->last_timestamp[side] = connection->timestamp_base[side];
    if (connection->bare_left > 0) {
        connection->phase = PHASE_BARE;
        connection->bare_left = random_between(&random, 1, connection->bare_left);
        return;
    }
    connection->calls_left = (uint16_t)random_between(&random, 1, connection->calls_left);
    connection->phase = random_hits(&random, 1, 8) ? PHASE_REQUEST : PHASE_RESPONSE;
    if (connection->phase == PHASE_RESPONSE) {
        begin_message(connection, world);
        uint32_t segments = (connection->message.length - 1) / connection->payload_bytes + 1;
        connection->sent = random_below(&random, segments) * connection->payload_bytes;
    }
}

void connection_begin(struct connection *connection, const struct connection_world *world, const struct style *style,
                      uint32_t number, bool under_way)
{
    *connection = (struct connection){
        .seed = random_seed(world->seed, RANDOM_CONNECTION, number),
        .style = style,
        .number = number,
        .key = TOKEN_KEY_CLEAN,
        .lost_offset = OFFSET_NONE,
        .acknowledge_by = SIDE_NOBODY,
    };
    connection->ipv6 = fact(connection, FACT_IPV6, 5) == 0;
    connection->has_timestamps = style->bare_most == 0 || fact(connection, FACT_TIMESTAMPS, 2) == 0;
    connection->server_closes = fact(connection, FACT_CLOSES, 4) == 0;
    /* IPv6's header is 20 bytes longer, and the wire takes no more for it. */
    bool has_room = world->payload_bytes > 100;
    connection->payload_bytes = (uint16_t)(world->payload_bytes - (connection->ipv6 && has_room ? 20 : 0));
    if (is_revoked(connection, world))
        connection->key = fact(connection, FACT_KEY, world->keys);
    for (unsigned side = 0; side < 2; side++) {
        connection->next_sequence[side] = fact(connection, FACT_SEQUENCES + side, UINT32_MAX);
        connection->timestamp_base[side] = fact(connection, FACT_CLOCKS + side, UINT32_MAX);
        connection->ip_id[side] = (uint16_t)fact(connection, FACT_IP_IDS + side, 0x10000);
    }
    if (style->bare_most > 0)
        connection->bare_left =
            style->bare_least + fact(connection, FACT_BARE, style->bare_most - style->bare_least + 1);
    else
        connection->calls_left =
            (uint16_t)(style->calls_least + fact(connection, FACT_CALLS, style->calls_most - style->calls_least + 1u));
    if (under_way)
        stand_under_way(connection, world);
}

/* ---- segments ---- */

static void make_segment(struct connection *connection, unsigned side, unsigned flags, uint64_t now_ns,
                         struct connection_segment *segment)
{
    unsigned other = 1 - side;
    bool waits = connection->held_kind == HELD_REORDERED && connection->held.side == other;
    connection->last_timestamp[side] = connection->timestamp_base[side] + (uint32_t)(now_ns / 1000000);
    *segment = (struct connection_segment){
        .sequence = connection->next_sequence[side],
        /* Who has not got a segment yet acknowledges what came before it, however much followed. */
        .acknowledgement = !(flags & FRAME_ACK) ? 0
                           : waits              ? connection->held.sequence
                                                : connection->next_sequence[other],
        .timestamp = connection->last_timestamp[side],
        .echo = flags & FRAME_ACK ? connection->last_timestamp[other] : 0,
        .window = (uint16_t)(flags & FRAME_SYN ? 64240 : WINDOW + (connection->ip_id[side] & 127)),
        .ip_id = connection->ip_id[side]++,
        .flags = (uint8_t)flags,
        .side = (uint8_t)side,
    };
    if (flags & (FRAME_SYN | FRAME_FIN))
        connection->next_sequence[side]++;
}

static void end_message(struct connection *connection)
{
    connection->message_begun = false;
    if (connection->message_side == SIDE_CLIENT) {
        /* An answer that is quick takes the acknowledgement along. */
        bool is_slow = (connection->message.seed >> 20 & 7) == 0;
        connection->acknowledge_by = is_slow ? SIDE_SERVER : SIDE_NOBODY;
        connection->has_asked = true;
        connection->phase = PHASE_RESPONSE;
        return;
    }
    connection->acknowledge_by = SIDE_CLIENT;
    connection->is_settled = connection->has_asked;
    connection->phase = --connection->calls_left > 0 ? PHASE_REQUEST : PHASE_FIN;
}

static void next_of_message(struct connection *connection, const struct connection_world *world, uint64_t now_ns,
                            struct connection_segment *segment)
{
    if (!connection->message_begun)
        begin_message(connection, world);
    unsigned side = connection->message_side;
    uint32_t left = connection->message.length - connection->sent;
    bool is_last = left <= connection->payload_bytes;
    make_segment(connection, side, is_last ? FRAME_ACK | FRAME_PSH : FRAME_ACK, now_ns, segment);
    segment->offset = connection->sent;
    segment->length = is_last ? left : connection->payload_bytes;
    connection->sent += segment->length;
    connection->next_sequence[side] += segment->length;
    if (is_last) {
        end_message(connection);
    } else if (++connection->unacknowledged == FULL_SEGMENTS_BEFORE_ACKNOWLEDGEMENT) {
        connection->acknowledge_by = (uint8_t)(1 - side);
        connection->unacknowledged = 0;
    }
}

void connection_next(struct connection *connection, const struct connection_world *world, uint64_t now_ns,
                     struct connection_segment *segment)
{
    unsigned closer = connection->server_closes ? SIDE_SERVER : SIDE_CLIENT;
    if (connection->acknowledge_by != SIDE_NOBODY) {
        make_segment(connection, connection->acknowledge_by, FRAME_ACK, now_ns, segment);
        connection->acknowledge_by = SIDE_NOBODY;
        return;
    }
    switch ((enum connection_phase)connection->phase) {
    case PHASE_SYN:
        make_segment(connection, SIDE_CLIENT, FRAME_SYN, now_ns, segment);
        connection->phase = PHASE_SYN_ACK;
        break;
    case PHASE_SYN_ACK:
        make_segment(connection, SIDE_SERVER, FRAME_SYN | FRAME_ACK, now_ns, segment);
        connection->phase = PHASE_HANDSHAKE_ACK;
        break;
    case PHASE_HANDSHAKE_ACK:
        make_segment(connection, SIDE_CLIENT, FRAME_ACK, now_ns, segment);
        connection->phase = connection->bare_left > 0 ? PHASE_BARE : PHASE_REQUEST;
        break;
    case PHASE_BARE:
        make_segment(connection, random_mix(connection->seed + connection->bare_left) & 1, FRAME_ACK, now_ns, segment);
        if (--connection->bare_left == 0)
            connection->phase = PHASE_FIN;
        break;
    case PHASE_REQUEST:
    case PHASE_RESPONSE:
        next_of_message(connection, world, now_ns, segment);
        break;
    case PHASE_FIN:
        make_segment(connection, closer, FRAME_FIN | FRAME_ACK, now_ns, segment);
        connection->phase = PHASE_FIN_ACK;
        break;
    case PHASE_FIN_ACK:
        make_segment(connection, 1 - closer, FRAME_FIN | FRAME_ACK, now_ns, segment);
        connection->phase = PHASE_LAST_ACK;
        break;
    case PHASE_LAST_ACK:
    case PHASE_OVER:
        make_segment(connection, closer, FRAME_ACK, now_ns, segment);
        connection->phase = PHASE_OVER;
        break;
    }
}

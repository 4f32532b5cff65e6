/* SPDX-License-Identifier: BSD-3-Clause */
#include "script.h"

#include <stdlib.h>
#include <string.h>

#include <bearertap/packet.h>

#define CONNECTIONS  4
#define STREAM_MAX   8192 /* of a side */
#define SEGMENT_MAX  2048
#define FILE_MAX     (24 + SCRIPT_PACKETS_MAX * (16 + 100 + SEGMENT_MAX))
#define START_S      1700000000u
#define NS_OF_SECOND 1000000000u

/* What a step of the script may write with two bytes. Base64url was made with Python's base64. */
#define H_REVOKED "eyJhbGciOiJSUzI1NiIsImtpZCI6ImEifQ"                   /* {"alg":"RS256","kid":"a"} */
#define H_ISSUER  "eyJhbGciOiJSUzI1NiIsImtpZCI6ImIifQ"                   /* {"alg":"RS256","kid":"b"} */
#define H_CLEAN   "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9"                 /* {"alg":"HS256","typ":"JWT"} */
#define H_SPACE   "ewogImtpZCI6ImEifQ"                                   /* {, newline, "kid":"a"} */
#define H_JWE     "eyJhbGciOiJkaXIiLCJlbmMiOiJBMTI4R0NNIiwia2lkIjoiYSJ9" /* dir, A128GCM, kid a */
#define PAYLOAD   "eyJpc3MiOiJpIiwic3ViIjoieCJ9"                         /* {"iss":"i","sub":"x"} */
#define PAYLOAD_2 "eyJpc3MiOiJqIn0"                                      /* {"iss":"j"} */

static const char *const fragments[] = {
    H_REVOKED "." PAYLOAD ".c2lnbmF0dXJlLW9uZQ",
    H_ISSUER "." PAYLOAD ".c2lnbmF0dXJlLXR3bw",
    H_ISSUER "." PAYLOAD_2 ".c2lnbmF0dXJlLTI",
    H_CLEAN "." PAYLOAD ".c2lnbmF0dXJlLTM",
    H_SPACE "." PAYLOAD ".c2lnbmF0dXJlLTQ",
    H_JWE "..aXY.Y2lwaGVydGV4dA.dGFn",
    H_REVOKED "%2e" PAYLOAD "%2Ec2lnbmF0dXJl",
    H_REVOKED,
    ".",
    "GET /a/b HTTP/1.1\r\n",
    "GET /q?access_token=",
    "GET /p/",
    "POST /f HTTP/1.1\r\nContent-Type: application/x-www-form-urlencoded\r\n",
    "POST /j HTTP/1.1\r\nContent-Type: application/json\r\n",
    "Content-Length: 100\r\n",
    "Transfer-Encoding: chunked\r\n",
    "Host: h.example\r\n",
    "User-Agent: u/1\r\n",
    "Authorization: Bearer ",
    "Authorization: DPoP ",
    "Proxy-Authorization: Bearer ",
    "Cookie: a=b; s=",
    "X-Token: ",
    "access_token=",
    "&id_token=",
    "{\"access_token\":\"",
    "\"}",
    " HTTP/1.1\r\n",
    "\r\n",
    "\r\n\r\n",
    "HTTP/1.1 200 OK\r\n",
    "Set-Cookie: s=",
    "opaque-credential",
    "eyJ",
};

struct side {
    uint32_t first_sequence; /* of its first byte */
    uint32_t written, sent;  /* bytes of the stream so far; sent in order so far */
    uint8_t stream[STREAM_MAX];
};

struct script {
    struct side sides[CONNECTIONS][2];
    unsigned packets;
    uint32_t written;
    uint64_t now_ns; /* since START_S */
    uint8_t *file;
    size_t length;
};

/* A segment of a connection, as it goes into the file. */
struct sent {
    unsigned connection, side;
    uint8_t flags;
    uint32_t sequence, acknowledgement;
    const uint8_t *payload;
    uint32_t length, cut; /* cut: bytes at its end that the capture did not take */
};

static void put(struct script *script, const void *bytes, size_t length)
{
    if (length > 0)
        memcpy(script->file + script->length, bytes, length);
    script->length += length;
}

static void put_16(struct script *script, uint32_t value)
{
    put(script, (uint8_t[2]){(uint8_t)(value >> 8), (uint8_t)value}, 2);
}

static void put_32(struct script *script, uint32_t value)
{
    put_16(script, value >> 16);
    put_16(script, value & 0xffff);
}

static void put_record(struct script *script, uint32_t captured, uint32_t wire)
{
    uint32_t header[4] = {START_S + (uint32_t)(script->now_ns / NS_OF_SECOND),
                          (uint32_t)(script->now_ns % NS_OF_SECOND), captured, wire};
    put(script, header, sizeof(header));
    script->packets++;
}

static void put_addresses(struct script *script, unsigned side, bool ipv6)
{
    static const uint8_t addresses[2][16] = {{10, 0, 0, 1}, {10, 0, 0, 2}};
    put(script, addresses[side], ipv6 ? 16 : 4);
    put(script, addresses[1 - side], ipv6 ? 16 : 4);
}

static void put_segment(struct script *script, const struct sent *sent)
{
    if (script->packets >= SCRIPT_PACKETS_MAX)
        return;
    bool ipv6 = sent->connection == 3, vlan = sent->connection == 2;
    bool syn = (sent->flags & TCP_SYN) != 0;
    uint32_t tcp = (syn ? 24 : 20) + sent->length, link = vlan ? 18 : 14;
    uint32_t wire = link + (ipv6 ? 40 : 20) + tcp, cut = sent->cut < sent->length ? sent->cut : sent->length;
    put_record(script, wire - cut, wire);
    put(script, "\2\0\0\0\0\1\2\0\0\0\0\2", 12);
    if (vlan)
        put(script, "\x81\0\0\7", 4);
    put_16(script, ipv6 ? 0x86dd : 0x0800);
    if (ipv6) {
        put_32(script, 0x60000000);
        put_16(script, tcp);
        put_16(script, 6 << 8 | 64);
    } else {
        put_32(script, 0x45000000 | (20 + tcp));
        put_32(script, 0);
        put_32(script, 64u << 24 | 6 << 16);
    }
    put_addresses(script, sent->side, ipv6);
    uint32_t client_port = 40000 + sent->connection;
    put_16(script, sent->side == 0 ? client_port : 80);
    put_16(script, sent->side == 0 ? 80 : client_port);
    put_32(script, sent->sequence);
    put_32(script, sent->acknowledgement);
    put_16(script, (syn ? 0x6000u : 0x5000u) | sent->flags);
    put_16(script, 0xffff);
    put_32(script, 0);
    if (syn)
        put_32(script, 0x01030307); /* window scale 7 */
    put(script, sent->payload, sent->length - cut);
}

/* What the other side has sent, all of it: the usual acknowledgement. */
static uint32_t all_of_peer(const struct script *script, unsigned connection, unsigned side)
{
    const struct side *peer = &script->sides[connection][1 - side];
    return peer->first_sequence + peer->sent;
}

static void send_data(struct script *script, unsigned connection, unsigned side, uint32_t from, uint32_t length,
                      uint32_t cut, uint8_t altered)
{
    uint8_t payload[SEGMENT_MAX];
    const struct side *sender = &script->sides[connection][side];
    if (from > sender->written)
        from = sender->written;
    if (length > sender->written - from)
        length = sender->written - from;
    if (length > SEGMENT_MAX)
        length = SEGMENT_MAX;
    for (uint32_t i = 0; i < length; i++)
        payload[i] = sender->stream[from + i] ^ (i % 16 == 7 ? altered : 0);
    put_segment(script, &(struct sent){.connection = connection,
                                       .side = side,
                                       .flags = TCP_ACK | TCP_PSH,
                                       .sequence = sender->first_sequence + from,
                                       .acknowledgement = all_of_peer(script, connection, side),
                                       .payload = payload,
                                       .length = length,
                                       .cut = cut});
}

static void send_in_order(struct script *script, unsigned connection, unsigned side, uint32_t length)
{
    struct side *sender = &script->sides[connection][side];
    if (length > sender->written - sender->sent)
        length = sender->written - sender->sent;
    if (length > SEGMENT_MAX)
        length = SEGMENT_MAX;
    send_data(script, connection, side, sender->sent, length, 0, 0);
    sender->sent += length;
}

static void send_flags(struct script *script, unsigned connection, unsigned side, uint8_t flags, uint32_t sequence)
{
    put_segment(script, &(struct sent){.connection = connection,
                                       .side = side,
                                       .flags = flags,
                                       .sequence = sequence,
                                       .acknowledgement = flags & TCP_ACK ? all_of_peer(script, connection, side) : 0});
}

static void write_bytes(struct script *script, struct side *side, const void *bytes, size_t length)
{
    if (length > STREAM_MAX - side->written || length > SCRIPT_WRITTEN_MAX - script->written)
        return;
    memcpy(side->stream + side->written, bytes, length);
    side->written += (uint32_t)length;
    script->written += (uint32_t)length;
}

/* The connection's number again: another connection, unless it is none. */
static void begin_anew(struct script *script, unsigned connection, uint8_t number)
{
    for (unsigned i = 0; i < 2; i++) {
        struct side *side = &script->sides[connection][i];
        side->first_sequence += side->written + (uint32_t)number * 0x01000001;
        side->written = side->sent = 0;
    }
}

enum step {
    STEP_FRAGMENT, /* writes one of the fragments */
    STEP_FRAGMENT_2,
    STEP_WRITE,    /* writes bytes of the input */
    STEP_SEND,     /* sends so many bytes in order */
    STEP_SEND_ALL, /* all, in segments of so many bytes */
    STEP_SEND_AT,  /* bytes from anywhere, again or early */
    STEP_ALTERED,  /* the same, with bytes changed */
    STEP_CUT,      /* in order, of which the capture has not all */
    STEP_SKIP,     /* bytes that the capture has lost */
    STEP_ACKNOWLEDGE,
    STEP_HANDSHAKE,
    STEP_SYN,
    STEP_FIN,
    STEP_RESET,
    STEP_TIME,
    STEP_FRAME, /* any bytes as a frame */
};

static void write_input(struct script *script, struct side *side, struct fuzz_input *input)
{
    size_t length;
    const uint8_t *bytes = fuzz_bytes(input, fuzz_byte(input), &length);
    write_bytes(script, side, bytes, length);
}

static void send_frame(struct script *script, struct fuzz_input *input)
{
    size_t length;
    const uint8_t *bytes = fuzz_bytes(input, fuzz_byte(input), &length);
    if (script->packets >= SCRIPT_PACKETS_MAX)
        return;
    put_record(script, (uint32_t)length, (uint32_t)length);
    put(script, bytes, length);
}

static void handshake(struct script *script, unsigned connection)
{
    send_flags(script, connection, 0, TCP_SYN, script->sides[connection][0].first_sequence - 1);
    send_flags(script, connection, 1, TCP_SYN | TCP_ACK, script->sides[connection][1].first_sequence - 1);
    send_flags(script, connection, 0, TCP_ACK, script->sides[connection][0].first_sequence);
}

static void take_step(struct script *script, struct fuzz_input *input)
{
    uint8_t what = fuzz_byte(input);
    unsigned connection = what >> 5 & 3, number = what >> 7;
    struct side *side = &script->sides[connection][number];
    uint32_t next = side->first_sequence + side->sent, from, length;
    script->now_ns += 1000;
    switch ((enum step)((what & 0x0f))) {
    case STEP_FRAGMENT:
    case STEP_FRAGMENT_2:
        from = fuzz_byte(input) % (sizeof(fragments) / sizeof(fragments[0]));
        write_bytes(script, side, fragments[from], strlen(fragments[from]));
        break;
    case STEP_WRITE:
        write_input(script, side, input);
        break;
    case STEP_SEND:
        send_in_order(script, connection, number, (uint32_t)fuzz_byte(input) * 8 + 1);
        break;
    case STEP_SEND_ALL:
        length = (uint32_t)fuzz_byte(input) + 1;
        while (side->sent < side->written && script->packets < SCRIPT_PACKETS_MAX)
            send_in_order(script, connection, number, length);
        break;
    case STEP_SEND_AT:
        from = fuzz_16(input);
        send_data(script, connection, number, from % (side->written + 1), fuzz_byte(input), 0, 0);
        break;
    case STEP_ALTERED:
        from = fuzz_16(input);
        send_data(script, connection, number, from % (side->written + 1), fuzz_byte(input), 0, fuzz_byte(input));
        break;
    case STEP_CUT:
        length = fuzz_byte(input);
        if (length > side->written - side->sent)
            length = side->written - side->sent;
        send_data(script, connection, number, side->sent, length, fuzz_byte(input), 0);
        side->sent += length;
        break;
    case STEP_SKIP:
        length = fuzz_byte(input);
        side->sent += length < side->written - side->sent ? length : side->written - side->sent;
        break;
    case STEP_ACKNOWLEDGE:
        send_flags(script, connection, number, TCP_ACK, next);
        break;
    case STEP_HANDSHAKE:
        handshake(script, connection);
        break;
    case STEP_SYN:
        begin_anew(script, connection, fuzz_byte(input));
        send_flags(script, connection, number, number == 0 ? TCP_SYN : TCP_SYN | TCP_ACK, side->first_sequence - 1);
        break;
    case STEP_FIN:
        send_flags(script, connection, number, TCP_FIN | TCP_ACK, next);
        break;
    case STEP_RESET:
        send_flags(script, connection, number, TCP_RST | TCP_ACK, next + fuzz_byte(input));
        break;
    case STEP_TIME:
        length = fuzz_byte(input);
        script->now_ns += length < 128 ? (uint64_t)length * 1000000 : (uint64_t)(length - 127) * 3 * NS_OF_SECOND;
        break;
    case STEP_FRAME:
        send_frame(script, input);
        break;
    }
}

uint8_t *script_run(struct fuzz_input *input, size_t *length)
{
    static struct script script;
    static const uint32_t header[6] = {0xa1b23c4d, 4 << 16 | 2, 0, 0, 262144, 1};
    memset(&script, 0, sizeof(script));
    script.file = malloc(FILE_MAX);
    REQUIRE(script.file != NULL);
    for (unsigned i = 0; i < CONNECTIONS; i++) {
        script.sides[i][0].first_sequence = 1000 + i;
        script.sides[i][1].first_sequence = 0u - 100 * i;
    }
    put(&script, header, sizeof(header));
    while (fuzz_left(input) > 0 && script.packets < SCRIPT_PACKETS_MAX)
        take_step(&script, input);
    REQUIRE(script.length <= FILE_MAX);
    *length = script.length;
    return script.file;
}

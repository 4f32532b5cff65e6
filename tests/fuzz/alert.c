/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Records with any bytes as token and request, and a key list that is no kinder: what leaves is whole lines, valid to
 * other parsers, without control characters in text, and without the token.
 */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <bearertap/alert.h>
#include <bearertap/token.h>

#include "lines.h"
#include "support.h"

#define INPUT_MAX   16384
#define RECORDS_MAX 8
#define SECRET_MIN  24 /* a token of fewer bytes may well be a word of ours */

static struct key_table *keys;

static const char key_list[] =
    "{\"keys\":[{\"kid\":\"a\",\"reason\":\"\\u001b[2J\\u009b\\u202e \\\"\\\\\",\"severity\":\"critical\"},"
    "{\"kid\":\"b\\u0007\\ud83d\\ude00\",\"issuer\":\"i\",\"revoked_at\":\"2023-06-29T00:00:00Z\"},"
    "{\"kid\":\"c\",\"x5t\":\"1LTMzakihiRla_8z2BEJVXeWMqo\",\"severity\":\"low\"}]}";

static uint16_t take_text(struct fuzz_input *input, size_t most, uint8_t *to)
{
    size_t length;
    const uint8_t *bytes = fuzz_bytes(input, fuzz_16(input) % (most + 1), &length);
    memcpy(to, bytes, length);
    return (uint16_t)length;
}

/* The token: as it stands in the input, or header and claims in plain, parted by 0xff, with a signature of the input.
 */
static size_t make_token(struct fuzz_input *input, bool plain, uint8_t token[INPUT_MAX * 2])
{
    size_t length;
    const uint8_t *bytes = fuzz_bytes(input, fuzz_16(input) % 4096, &length);
    if (!plain) {
        memcpy(token, bytes, length);
        return length;
    }
    const uint8_t *parting = length > 0 ? memchr(bytes, 0xff, length) : NULL;
    size_t header = parting != NULL ? (size_t)(parting - bytes) : length;
    size_t done = base64url_encode(bytes, header, (char *)token);
    token[done++] = '.';
    if (parting != NULL)
        done += base64url_encode(parting + 1, length - header - 1, (char *)token + done);
    memcpy(token + done, ".c2lnbmF0dXJlLW9mLXRoZS1mdXp6ZXI", 32);
    return done + 32;
}

static void make_record(struct fuzz_input *input, struct record *record)
{
    uint16_t flags = fuzz_16(input);
    memset(record, 0, sizeof(*record));
    record->kind = flags % 16 == 15 ? RECORD_FLOW_END : flags % 16 == 14 ? RECORD_TIME : RECORD_SIGHTING;
    record->worker = flags >> 4 & 1;
    record->from_server = (flags & 0x20) != 0;
    record->opaque = (flags & 0x40) != 0;
    record->possible_finding = true;
    record->truncated = (flags & 0x80) != 0;
    record->midstream = (flags & 0x100) != 0;
    record->gap = (flags & 0x200) != 0;
    record->conflict = (flags & 0x400) != 0;
    record->placement = (uint8_t)((flags >> 12) % PLACEMENTS);
    record->time_ns = flags & 0x800 ? (uint64_t)fuzz_32(input) << 32 | fuzz_32(input)
                                    : 1700000000000000000u + (uint64_t)fuzz_byte(input) * 1000000000;
    record->position = fuzz_byte(input);
    record->flow.id = fuzz_byte(input) % 2;
    record->flow.first_time_ns = 1700000000000000000u;
    record->flow.ip_version = flags & 1 ? 6 : 4;
    record->flow.client_address[0] = fuzz_byte(input);
    record->flow.server_address[0] = 10;
    record->flow.client_port = fuzz_byte(input);
    record->flow.has_vlan = (flags & 2) != 0;
    record->flow.vlan_id = flags & 0xfff;
    record->flow.port = 77; /* none */
    record->request.method_length = take_text(input, RECORD_METHOD_MAX, record->request.method);
    record->request.domain_length = take_text(input, RECORD_DOMAIN_MAX, record->request.domain);
    record->request.path_length = take_text(input, RECORD_PATH_MAX, record->request.path);
    record->request.user_agent_length = take_text(input, RECORD_USER_AGENT_MAX, record->request.user_agent);
}

static void take_record(struct alerts *alerts, const struct record *record, const uint8_t *token, size_t length)
{
    static struct chunk chunks[16];
    struct error error = {""};
    memset(&chunks[0], 0, sizeof(chunks[0]));
    memcpy(chunks[0].data, record, sizeof(*record));
    chunks[0].length = sizeof(*record);
    chunk_record(&chunks[0])->token_length = (uint32_t)length;
    for (size_t at = 0, i = 0; at < length; at += chunks[i].length) {
        chunks[i].next = &chunks[i + 1];
        i++;
        chunks[i].next = NULL;
        chunks[i].length = (uint32_t)(length - at < CHUNK_DATA_MAX ? length - at : CHUNK_DATA_MAX);
        memcpy(chunks[i].data, token + at, chunks[i].length);
    }
    REQUIRE(alerts_take(alerts, &chunks[0], &error) == 0);
}

/* Does it stand in what another token's first part says, as the name of a key perhaps? */
static bool stands_in_header(const uint8_t *token, size_t length, const uint8_t *other, size_t other_length)
{
    static uint8_t header[INPUT_MAX * 2];
    const uint8_t *dot = memchr(other, '.', other_length);
    ptrdiff_t decoded = dot == NULL ? -1 : base64url_decode(other, (size_t)(dot - other), header, sizeof(header), NULL);
    return decoded > 0 && memmem(header, (size_t)decoded, token, length) != NULL;
}

/* Does one record's token stand in another one's request or header? There nobody can tell it from any other word. */
static bool stands_elsewhere(unsigned own, const uint8_t tokens[][INPUT_MAX * 2], const size_t *lengths,
                             const struct record *records, unsigned count)
{
    for (unsigned i = 0; i < count; i++)
        if (i != own && (memmem(&records[i].request, sizeof(records[i].request), tokens[own], lengths[own]) != NULL ||
                         stands_in_header(tokens[own], lengths[own], tokens[i], lengths[i])))
            return true;
    return false;
}

/* Spaces, mostly, are no secret, and stand wherever two runs of them come together. */
static bool is_secret(const uint8_t *token, size_t length)
{
    size_t visible = 0;
    for (size_t i = 0; i < length; i++)
        visible += token[i] != ' ' && (i == 0 || token[i] != token[i - 1]);
    return length >= SECRET_MIN && visible >= SECRET_MIN / 2;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static uint8_t tokens[RECORDS_MAX][INPUT_MAX * 2];
    static struct record records[RECORDS_MAX];
    size_t lengths[RECORDS_MAX];
    if (size > INPUT_MAX)
        return 0;
    struct fuzz_input input = fuzz_input(data, size);
    uint8_t mode = fuzz_byte(&input);
    bool text = (mode & 1) != 0;
    struct error error = {""};
    struct alerts *alerts;
    struct alert_options options = {.format = alert_format_find(text ? "text" : "ecs"),
                                    .all_tokens = (mode & 2) != 0,
                                    .fd = fuzz_file(NULL, 0),
                                    .observer_name = mode & 4 ? "tap\x1b\xff\"" : NULL,
                                    .keys = keys,
                                    .folds_max = mode & 8 ? 1 : 16};
    REQUIRE(alerts_create(&options, &alerts, &error) == 0);
    unsigned count = 0;
    while (count < RECORDS_MAX && fuzz_left(&input) > 0) {
        make_record(&input, &records[count]);
        lengths[count] = make_token(&input, (fuzz_byte(&input) & 1) != 0, tokens[count]);
        take_record(alerts, &records[count], tokens[count], lengths[count]);
        count++;
    }
    REQUIRE(alerts_finish(alerts, &error) == 0);
    size_t length;
    char *output = fuzz_read_file(options.fd, &length);
    if (text)
        lines_check_text(output, length);
    else
        json_decref(lines_check_json(output, length));
    lines_check_no_token(output, length);
    for (unsigned i = 0; i < count; i++)
        REQUIRE(!is_secret(tokens[i], lengths[i]) || memmem(output, length, tokens[i], lengths[i]) == NULL ||
                stands_elsewhere(i, tokens, lengths, records, count));
    free(output);
    alerts_destroy(alerts);
    close(options.fd);
    return 0;
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    (void)argc, (void)argv;
    struct error error = {""};
    struct key_list *list;
    fuzz_start_eal(64);
    int fd = fuzz_file(key_list, sizeof(key_list) - 1);
    REQUIRE(key_list_create(&list) == 0 && key_list_add_file(list, fuzz_path(fd), &error) == 0);
    REQUIRE(key_table_create(list, 1, &keys, &error) == 0);
    close(fd);
    key_list_destroy(list);
    return 0;
}

/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef BEARERTAP_TESTS_UNIT_ALERT_SUPPORT_H
#define BEARERTAP_TESTS_UNIT_ALERT_SUPPORT_H

/*
 * For the tests of the alert module, which are alert*.c: records made by hand, an output that can be read back, and
 * stand-ins for what the module asks of its neighbours, so that it is tested without EAL and with the conclusions that
 * a test wants. Included once by each program.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <bearertap/alert.h>
#include <bearertap/capture.h>
#include <bearertap/scan.h>
#include <bearertap/token.h>
#include <bearertap/verdict.h>

#include <jansson.h>

#define SECOND  UINT64_C(1000000000)
#define MORNING (1686798764 * SECOND) /* 2023-06-15T03:12:44Z */

/* Made by python3-jwcrypto: HS256, signed with the key of RFC 7515 appendix A.1. SHA-256 by sha256sum. */
#define TOKEN_HEADER_TEXT "eyJhbGciOiJIUzI1NiIsImtpZCI6IjFMVE16YWtpaGlSbGFfOHoyQkVKVlhlV01xbyIsInR5cCI6IkpXVCJ9"
#define TOKEN_PAYLOAD_TEXT                                                                                             \
    "eyJhdWQiOlsibWFpbCIsImNhbGVuZGFyIl0sImV4cCI6MTY4NjgwMTYwMCwiaWF0IjoxNjg2Nzk4MDAwLCJpc3MiOiJodHRwczovL3N0cy5leGFt" \
    "cGxlLmNvbS85MTg4MDQwZC8iLCJqdGkiOiI3ZjFjIiwic3ViIjoiYWxpY2UifQ"
#define TOKEN_SIGNATURE_TEXT "HbbuD7nAWxfLMrn0vjj9zD-JbnPiDVV3mi2a0UD5yLk"
#define TOKEN                TOKEN_HEADER_TEXT "." TOKEN_PAYLOAD_TEXT "." TOKEN_SIGNATURE_TEXT
#define TOKEN_SHA256         "41a7c0a85eefe906c5ce14be5475961c834ffde2c54c9fb6c62a0b247f95af93"
#define CLEAN_TOKEN                                                                                                    \
    "eyJhbGciOiJIUzI1NiIsImtpZCI6ImNsZWFuLTEifQ.eyJpc3MiOiJ4In0.4idrPxzVh1uEBJsFvGnSXFRvVVEg0u0x_o4DxzfnQgA"
#define CLEAN_TOKEN_SHA256 "bc7a7e11a639be8d5522b9eb926db4ef9f4d7a21e52eb083068833f1b2b46518"
#define REVOKED_KID        "1LTMzakihiRla_8z2BEJVXeWMqo"

/* The stand-ins. A key table is the conclusion that a test wants for tokens whose kid is not that of CLEAN_TOKEN. */
struct key_table {
    struct conclusion conclusion;
};

const struct finding_row finding_rows[FINDINGS] = {
    [FINDING_REVOKED_KEY] = {"revoked-key", "revoked-key-used", "Token that names a revoked key"},
};
const char *const issuer_relation_names[3] = {"unknown", "same", "other"};
const char *const placement_names[PLACEMENTS] = {"authorization", "proxy-authorization", "cookie",    "header",
                                                 "query",         "form-body",           "json-body", "other"};

/* Entries are looked at online only. */
static bool key_reader_is_online;

void key_table_reader_online(struct key_table *table, unsigned reader)
{
    (void)table;
    key_reader_is_online = reader == 0;
}

uint64_t key_table_generation(const struct key_table *table)
{
    (void)table;
    return 0;
}

void key_table_reader_offline(struct key_table *table, unsigned reader)
{
    (void)table, (void)reader;
    key_reader_is_online = false;
}

void verdict_conclude(const struct key_table *table, const uint8_t *token, size_t length,
                      const struct token_fields *fields, uint8_t *scratch, struct conclusion *conclusion)
{
    assert_true(length <= TOKEN_MAX);
    assert_true(key_reader_is_online);
    /* It decodes the token there, at most so far (verdict.h): it is to be wiped. */
    memcpy(scratch, token, length);
    if (length <= TOKEN_MAX - JOSE_HEADER_MAX)
        memcpy(scratch + JOSE_HEADER_MAX, token, length);
    *conclusion = table->conclusion;
    if (fields->kid.length == 7 && memcmp(fields->kid.text, "clean-1", 7) == 0)
        *conclusion = (struct conclusion){.finding = FINDING_NONE};
}

static struct capture_port test_port = {.link_type = LINK_ETHERNET, .name = ""};

const struct capture_port *capture_port(uint16_t number)
{
    return number == 0 ? &test_port : NULL;
}

_Atomic int64_t capture_correction_ns;

static struct key_entry test_entry = {.id = REVOKED_KID, .source = "-k", .line = 1};

/* One entry, by kid. */
static inline struct key_table test_keys(void)
{
    return (struct key_table){.conclusion = {.finding = FINDING_REVOKED_KEY,
                                             .severity = SEVERITY_HIGH,
                                             .entries_count = 1,
                                             .entries = {{test_entry, 1U << KEY_REFERENCE_KID, ISSUER_UNKNOWN}}}};
}

/* A sighting as simple as can be: 10.0.0.5:51234 > 10.0.0.9:80, nothing known of the request. */
static inline struct record test_record(void)
{
    struct record record = {.kind = RECORD_SIGHTING,
                            .possible_finding = true,
                            .time_ns = MORNING,
                            .position = 1000,
                            .flow = {.id = 1,
                                     .first_time_ns = MORNING,
                                     .client_address = {10, 0, 0, 5},
                                     .server_address = {10, 0, 0, 9},
                                     .client_port = 51234,
                                     .server_port = 80,
                                     .ip_version = 4}};
    return record;
}

/* Gives a record with its token in chunks of `piece` bytes. */
static inline int test_take_cut(struct alerts *alerts, const struct record *record, const void *token, size_t length,
                                size_t piece, struct error *error)
{
    struct chunk *first = calloc(1, sizeof(*first));
    memcpy(first->data, record, sizeof(*record));
    first->length = sizeof(*record);
    chunk_record(first)->token_length = (uint32_t)length;
    struct chunk *last = first;
    for (size_t at = 0; at < length; at += piece) {
        last->next = calloc(1, sizeof(*last));
        last = last->next;
        last->length = (uint32_t)(length - at < piece ? length - at : piece);
        memcpy(last->data, (const char *)token + at, last->length);
    }
    int result = alerts_take(alerts, first, error);
    while (first != NULL) {
        struct chunk *next = first->next;
        free(first);
        first = next;
    }
    return result;
}

static inline void test_take(struct alerts *alerts, const struct record *record, const char *token)
{
    struct error error;
    assert_int_equal(test_take_cut(alerts, record, token, strlen(token), CHUNK_DATA_MAX, &error), 0);
}

static inline void test_flow_end(struct alerts *alerts, uint8_t worker, uint64_t flow_id)
{
    struct record record = {.kind = RECORD_FLOW_END, .worker = worker, .flow = {.id = flow_id}};
    test_take(alerts, &record, "");
}

static inline void test_time(struct alerts *alerts, uint8_t worker, uint64_t time_ns)
{
    struct record record = {.kind = RECORD_TIME, .worker = worker, .time_ns = time_ns};
    test_take(alerts, &record, "");
}

/* Alerts into a file in memory. */
struct sink {
    int fd;
    struct alerts *alerts;
    char *text;
};

static inline struct sink sink_open(struct alert_options options)
{
    struct sink sink = {.fd = memfd_create("alerts", 0)};
    struct error error;
    options.fd = sink.fd;
    if (options.format == NULL)
        options.format = alert_format_find("ecs");
    if (options.observer_name == NULL)
        options.observer_name = "tap1";
    if (options.folds_max == 0)
        options.folds_max = 1000;
    assert_int_equal(alerts_create(&options, &sink.alerts, &error), 0);
    return sink;
}

/* All that was written so far. */
static inline const char *sink_text(struct sink *sink)
{
    struct error error;
    assert_int_equal(alerts_flush(sink->alerts, &error), 0);
    off_t length = lseek(sink->fd, 0, SEEK_END);
    free(sink->text);
    sink->text = calloc(1, (size_t)length + 1);
    assert_int_equal(pread(sink->fd, sink->text, (size_t)length, 0), length);
    return sink->text;
}

static inline void sink_finish(struct sink *sink)
{
    struct error error;
    assert_int_equal(alerts_finish(sink->alerts, &error), 0);
}

/* The end-to-end tests hold these lines, too, against the schema (tests/end-to-end/validity.py). */
static inline void sink_keep_lines(struct sink *sink)
{
    const char *path = getenv("BEARERTAP_TEST_LINES");
    FILE *file = path != NULL ? fopen(path, "a") : NULL;
    if (file == NULL)
        return;
    fputs(sink_text(sink), file);
    fclose(file);
}

static inline void sink_close(struct sink *sink)
{
    sink_keep_lines(sink);
    assert_false(key_reader_is_online);
    alerts_destroy(sink->alerts);
    close(sink->fd);
    free(sink->text);
}

/* All lines so far as an array of JSON values; each must be JSON that another reader takes. */
static inline json_t *sink_json(struct sink *sink)
{
    json_t *lines = json_array();
    for (const char *at = sink_text(sink); *at != '\0';) {
        const char *end = strchr(at, '\n');
        assert_non_null(end);
        json_error_t error;
        json_t *line = json_loadb(at, (size_t)(end - at), JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL, &error);
        if (line == NULL)
            fail_msg("%s in %.*s", error.text, (int)(end - at), at);
        json_array_append_new(lines, line);
        at = end + 1;
    }
    return lines;
}

/* A member by its dotted path, as jq would find it; NULL when there is none. */
static inline json_t *member(json_t *value, const char *path)
{
    char name[64];
    while (value != NULL && *path != '\0') {
        size_t length = strcspn(path, ".");
        assert_true(length < sizeof(name));
        memcpy(name, path, length);
        name[length] = '\0';
        value = json_object_get(value, name);
        path += length + (path[length] == '.');
    }
    return value;
}

static inline const char *text_at(json_t *lines, size_t line, const char *path)
{
    const char *text = json_string_value(member(json_array_get(lines, line), path));
    return text != NULL ? text : "(nothing)";
}

static inline int number_at(json_t *lines, size_t line, const char *path)
{
    json_t *number = member(json_array_get(lines, line), path);
    return json_is_integer(number) ? (int)json_integer_value(number) : -1;
}

#endif

/* SPDX-License-Identifier: BSD-3-Clause */
/* What an alert shows of a token. Dates were computed by date(1), UTF-8 is that of Unicode's table 3-7. */
#include <bearertap/token.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define BYTES(text) (const uint8_t *)(text), strlen(text)

static uint8_t scratch[TOKEN_MAX];
static struct token_fields fields;

/* Encodes header and claims (NULL: the token ends with its header) and reads the token. */
static bool read_token(const char *header, const char *claims)
{
    static char token[2 * TOKEN_MAX];
    size_t length = base64url_encode(BYTES(header), token);
    if (claims != NULL) {
        token[length++] = '.';
        length += base64url_encode(BYTES(claims), token + length);
        length += (size_t)sprintf(token + length, ".c2ln");
    }
    memset(&fields, 0xaa, sizeof(fields));
    return token_read_fields((const uint8_t *)token, length, scratch, &fields);
}

static void assert_field(const struct token_field *field, const char *expected)
{
    assert_int_equal(field->present, expected != NULL);
    if (expected != NULL) {
        assert_int_equal(field->length, strlen(expected));
        assert_memory_equal(field->text, expected, field->length);
    }
}

static void the_token_of_rfc_7515_appendix_a_1_is_read(void **state)
{
    (void)state;
    static const char token[] =
        "eyJ0eXAiOiJKV1QiLA0KICJhbGciOiJIUzI1NiJ9"
        ".eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ"
        ".dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
    assert_true(token_read_fields(BYTES(token), scratch, &fields));
    assert_int_equal(fields.format, TOKEN_JWS);
    assert_field(&fields.alg, "HS256");
    assert_field(&fields.typ, "JWT");
    assert_field(&fields.kid, NULL);
    assert_field(&fields.issuer, "joe");
    assert_field(&fields.subject, NULL);
    assert_true(fields.has_expires_at);
    assert_int_equal(fields.expires_at_s, 1300819380);
    assert_false(fields.has_issued_at);
}

static void the_last_duplicate_wins_and_numbers_keep_their_text(void **state)
{
    (void)state;
    assert_true(
        read_token("{\"alg\":\"a\",\"kid\":7,\"alg\":\"b\",\"typ\":\"x\",\"typ\":null}",
                   "{\"sub\":12345678901234567890,\"jti\":\"1\",\"jti\":\"\\u0032\",\"iss\":\"i\",\"iss\":\"\"}"));
    assert_field(&fields.alg, "b");
    assert_field(&fields.kid, "7");
    assert_field(&fields.typ, NULL);
    assert_field(&fields.subject, "12345678901234567890");
    assert_field(&fields.jti, "2");
    assert_field(&fields.issuer, "");
}

static void audiences_are_joined(void **state)
{
    (void)state;
    static const char *const pairs[][2] = {{"{\"aud\":\"one\"}", "one"},
                                           {"{\"aud\":[\"one\",\"two\",\"three\"]}", "one, two, three"},
                                           {"{\"aud\":[]}", NULL},
                                           {"{\"aud\":[null,\"one\",{},[\"x\"],\"two\",true]}", "one, two"},
                                           {"{\"aud\":[ \"a\" , 1 ]}", "a, 1"},
                                           {"{\"aud\":{\"a\":\"b\"}}", NULL}};
    for (size_t i = 0; i < sizeof(pairs) / sizeof(pairs[0]); i++) {
        assert_true(read_token("{\"alg\":\"none\"}", pairs[i][0]));
        assert_field(&fields.audience, pairs[i][1]);
        assert_false(fields.audience.cut);
    }
}

static void invalid_utf8_becomes_the_replacement_character(void **state)
{
    (void)state;
    static const char *const pairs[][2] = {
        {"\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80", "\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80"},
        {"a\xff"
         "b",
         "a\xef\xbf\xbd"
         "b"},
        {"\xc3", "\xef\xbf\xbd"},
        {"\xc0\xaf", "\xef\xbf\xbd\xef\xbf\xbd"},
        {"\xe0\x80\x80", "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd"},
        {"\xf4\x90\x80\x80", "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd"},
        {"\\ud800", "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd"},
        {"\\ud83d\\ude00", "\xf0\x9f\x98\x80"}};
    for (size_t i = 0; i < sizeof(pairs) / sizeof(pairs[0]); i++) {
        char header[128];
        snprintf(header, sizeof(header), "{\"kid\":\"%s\"}", pairs[i][0]);
        assert_true(read_token(header, NULL));
        assert_field(&fields.kid, pairs[i][1]);
    }
}

static void long_fields_are_cut_on_the_border_of_a_character(void **state)
{
    (void)state;
    /* 255 bytes of 'a', then a euro sign of three bytes; then the same all in escapes. */
    char header[4096], filler[256];
    memset(filler, 'a', 255);
    filler[255] = '\0';
    snprintf(header, sizeof(header), "{\"kid\":\"%s\xe2\x82\xac\"}", filler);
    assert_true(read_token(header, NULL));
    assert_true(fields.kid.cut);
    assert_field(&fields.kid, filler);

    size_t used = (size_t)snprintf(header, sizeof(header), "{\"kid\":\"");
    for (int i = 0; i < 300; i++)
        used += (size_t)snprintf(header + used, sizeof(header) - used, "\\u0061");
    snprintf(header + used, sizeof(header) - used, "\"}");
    assert_true(read_token(header, NULL));
    assert_true(fields.kid.cut);
    assert_int_equal(fields.kid.length, 256);
    assert_memory_equal(fields.kid.text, filler, 255);
    assert_int_equal(fields.kid.text[255], 'a');

    snprintf(header, sizeof(header), "{\"kid\":\"%sa\"}", filler);
    assert_true(read_token(header, NULL));
    assert_false(fields.kid.cut);
    assert_int_equal(fields.kid.length, 256);
}

static void dates_are_whole_seconds_and_nonsense_is_left_out(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        bool present;
        int64_t seconds;
    } dates[] = {
        {"1700000000", true, 1700000000},
        {"1700000000.999", true, 1700000000},
        {"1.7e9", true, 1700000000},
        {"1.700000001e+9", true, 1700000001},
        {"17000000005e-1", true, 1700000000},
        {"0", true, 0},
        {"0e99999999999999999999", true, 0},
        {"-1", true, -1},
        {"1e-5", true, 0},
        {"253402300799", true, 253402300799}, /* 9999-12-31T23:59:59Z, by `date -u +%s` */
        {"253402300800", false, 0},
        {"-62135596800", true, -62135596800}, /* 0001-01-01T00:00:00Z */
        {"-62135596801", false, 0},
        {"1700000000000", false, 0}, /* milliseconds by mistake */
        {"99999999999999999999999999", false, 0},
        {"1e400", false, 0},
        {"\"1700000000\"", false, 0},
        {"12x4", false, 0},
        {"1e", false, 0},
        {"-", false, 0},
        {"null", false, 0},
    };
    for (size_t i = 0; i < sizeof(dates) / sizeof(dates[0]); i++) {
        char claims[128];
        snprintf(claims, sizeof(claims), "{\"iat\":%s,\"exp\":1}", dates[i].text);
        assert_true(read_token("{\"alg\":\"none\"}", claims));
        assert_int_equal(fields.has_issued_at, dates[i].present);
        if (dates[i].present)
            assert_int_equal(fields.issued_at_s, dates[i].seconds);
        assert_true(fields.has_expires_at);
    }
}

static void of_a_jwe_only_the_header_is_read(void **state)
{
    (void)state;
    assert_true(read_token("{\"alg\":\"dir\",\"enc\":\"A256GCM\",\"kid\":\"k\"}", "{\"iss\":\"x\"}"));
    assert_int_equal(fields.format, TOKEN_JWE);
    assert_field(&fields.kid, "k");
    assert_field(&fields.issuer, NULL);
}

static void of_a_truncated_token_what_there_is_is_read(void **state)
{
    (void)state;
    char token[256];
    size_t header_length = base64url_encode(BYTES("{\"alg\":\"none\",\"kid\":\"k\"}"), token);
    token[header_length] = '.';
    size_t length =
        header_length + 1 + base64url_encode(BYTES("{\"iss\":\"me\",\"sub\":\"you\"}"), token + header_length + 1);
    for (; length >= header_length; length--) {
        char *exact = malloc(length);
        memcpy(exact, token, length);
        assert_true(token_read_fields((uint8_t *)exact, length, scratch, &fields));
        assert_field(&fields.kid, "k");
        free(exact);
    }
    /* {"iss":"me", is 12 bytes: with all 16 of its characters, the issuer is there. */
    assert_true(token_read_fields((uint8_t *)token, header_length + 1 + 16, scratch, &fields));
    assert_field(&fields.issuer, "me");
    assert_field(&fields.subject, NULL);
    assert_true(token_read_fields((uint8_t *)token, header_length + 1 + 10, scratch, &fields));
    assert_field(&fields.issuer, NULL);
}

static void what_is_no_jose_header_is_opaque(void **state)
{
    (void)state;
    assert_false(read_token("{\"user\":1}", "{\"iss\":\"x\"}"));
    assert_int_equal(fields.format, TOKEN_OPAQUE);
    assert_false(fields.issuer.present);
    assert_false(read_token("hello", NULL));
    assert_false(token_read_fields(BYTES(""), scratch, &fields));
    assert_int_equal(fields.format, TOKEN_OPAQUE);

    static char header[JOSE_HEADER_MAX + 2];
    memset(header, ' ', JOSE_HEADER_MAX + 1);
    memcpy(header, "{\"alg\":\"none\"", 13);
    header[JOSE_HEADER_MAX] = '}';
    assert_false(read_token(header, NULL));
    header[JOSE_HEADER_MAX - 1] = '}';
    header[JOSE_HEADER_MAX] = '\0';
    assert_true(read_token(header, NULL));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_token_of_rfc_7515_appendix_a_1_is_read),
        cmocka_unit_test(the_last_duplicate_wins_and_numbers_keep_their_text),
        cmocka_unit_test(audiences_are_joined),
        cmocka_unit_test(invalid_utf8_becomes_the_replacement_character),
        cmocka_unit_test(long_fields_are_cut_on_the_border_of_a_character),
        cmocka_unit_test(dates_are_whole_seconds_and_nonsense_is_left_out),
        cmocka_unit_test(of_a_jwe_only_the_header_is_read),
        cmocka_unit_test(of_a_truncated_token_what_there_is_is_read),
        cmocka_unit_test(what_is_no_jose_header_is_opaque),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

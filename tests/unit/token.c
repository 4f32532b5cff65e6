/* SPDX-License-Identifier: BSD-3-Clause */
/* base64url and JSON. Expected values are RFC 4648's own, or what Python's json makes of the text. */
#include <bearertap/token.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define BYTES(text) (const uint8_t *)(text), strlen(text)

/* ---- base64url ---- */

static void assert_decodes(const char *text, const char *expected, size_t expected_junk)
{
    uint8_t out[512];
    size_t junk = 99;
    ptrdiff_t length = base64url_decode(BYTES(text), out, sizeof(out), &junk);
    assert_int_equal(length, strlen(expected));
    assert_memory_equal(out, expected, strlen(expected));
    assert_int_equal(junk, expected_junk);
}

static void the_vectors_of_rfc_4648_decode_and_encode(void **state)
{
    (void)state;
    static const char *const pairs[][2] = {
        {"", ""},           {"Zg", "f"},          {"Zm8", "fo"},         {"Zm9v", "foo"},
        {"Zm9vYg", "foob"}, {"Zm9vYmE", "fooba"}, {"Zm9vYmFy", "foobar"}};
    for (size_t i = 0; i < sizeof(pairs) / sizeof(pairs[0]); i++) {
        char encoded[16];
        assert_decodes(pairs[i][0], pairs[i][1], 0);
        assert_int_equal(base64url_encode(BYTES(pairs[i][1]), encoded), strlen(pairs[i][0]));
        assert_string_equal(encoded, pairs[i][0]);
    }
}

static void both_alphabets_are_read_and_the_url_one_written(void **state)
{
    (void)state;
    static const uint8_t bytes[] = {0xfb, 0xff, 0xbf, 0xff};
    char encoded[8];
    assert_decodes("-_-__w", "\xfb\xff\xbf\xff", 0);
    assert_decodes("+/+//w==", "\xfb\xff\xbf\xff", 0);
    base64url_encode(bytes, sizeof(bytes), encoded);
    assert_string_equal(encoded, "-_-__w");
}

static void junk_anywhere_is_skipped_and_counted(void **state)
{
    (void)state;
    static const char clean[] = "Zm9vYmFyZm9vYmFy";
    for (size_t at = 0; at <= strlen(clean); at++) {
        char text[32];
        snprintf(text, sizeof(text), "%.*s!\r %s", (int)at, clean, clean + at);
        assert_decodes(text, "foobarfoobar", 3);
    }
    assert_decodes("Z\xffm\x80"
                   "9:v",
                   "foo", 3);
}

static void padding_ends_the_text(void **state)
{
    (void)state;
    assert_decodes("Zg==Zm9v", "f", 0);
    assert_decodes("Zm9v=Zm9v", "foo", 0);
    assert_decodes("=Zm9v", "", 0);
}

static void a_dangling_sextet_is_dropped(void **state)
{
    (void)state;
    assert_decodes("Zm9vY", "foo", 0);
    assert_decodes("Z", "", 0);
    assert_decodes("Z=", "", 0);
}

static void decoding_stops_at_the_capacity_and_never_writes_past_it(void **state)
{
    (void)state;
    static const char text[] = "Zm!9vYm!FyZm9vYmE"; /* foobarfooba, 11 bytes */
    for (size_t capacity = 0; capacity < 16; capacity++) {
        uint8_t *out = malloc(capacity + 1); /* ASan watches what lies behind */
        out[capacity] = 0xaa;
        assert_int_equal(base64url_decode(BYTES(text), out, capacity, NULL), capacity < 11 ? -1 : 11);
        assert_int_equal(out[capacity], 0xaa);
        free(out);
    }
}

static void text_can_be_decoded_in_place(void **state)
{
    (void)state;
    char text[] = "Zm9vYmFyZm9vYmFyZm9v!YmE";
    ptrdiff_t length = base64url_decode(BYTES(text), (uint8_t *)text, sizeof(text), NULL);
    assert_int_equal(length, 17);
    assert_memory_equal(text, "foobarfoobarfooba", 17);
}

/* ---- JSON ---- */

/* One line a member: kind letter, name, value; then "." when finished, "!" when malformed. */
static void assert_scans(const char *text, const char *expected)
{
    static const char letters[] = {[JSON_KIND_STRING] = 's',
                                   [JSON_KIND_NUMBER] = 'n',
                                   [JSON_KIND_OBJECT] = 'o',
                                   [JSON_KIND_ARRAY] = 'a',
                                   [JSON_KIND_LITERAL] = 'l'};
    size_t length = strlen(text);
    uint8_t *copy = malloc(length + 1); /* exact in size but for malloc(0): reading past the text is seen */
    memcpy(copy, text, length);

    char got[2048] = "";
    size_t used = 0;
    struct json_scanner scanner;
    struct json_member member;
    json_scan_begin(&scanner, copy, length);
    while (json_scan_next(&scanner, &member))
        used += (size_t)snprintf(got + used, sizeof(got) - used, "%c %.*s=%.*s|", letters[member.kind],
                                 (int)member.name_length, (const char *)member.name, (int)member.value_length,
                                 (const char *)member.value);
    snprintf(got + used, sizeof(got) - used, "%s%s", scanner.finished ? "." : "", scanner.malformed ? "!" : "");
    assert_string_equal(got, expected);
    assert_false(json_scan_next(&scanner, &member));
    free(copy);
}

static void members_come_in_order_with_their_kinds(void **state)
{
    (void)state;
    assert_scans("{\"a\":\"x\",\"b\":-1.5e3,\"c\":{\"d\":[1]},\"e\":[{}],\"f\":true,\"g\":null}",
                 "s a=x|n b=-1.5e3|o c={\"d\":[1]}|a e=[{}]|l f=true|l g=null|.");
    assert_scans("{}", ".");
}

static void white_space_and_a_byte_order_mark_may_lead_and_stand_between(void **state)
{
    (void)state;
    assert_scans("\xef\xbb\xbf \t\r\n{ \n\"a\" : 1\t,\r\"b\":\n\"x\" } ", "n a=1|s b=x|.");
    assert_scans("\xef\xbb\xbf{ }", ".");
}

static void what_lenient_parsers_accept_does_not_hide_the_members_behind_it(void **state)
{
    (void)state;
    assert_scans("{\"a\":1,\"a\":2,\"k\":3}", "n a=1|n a=2|n k=3|.");
    assert_scans("{\"x\":99999999999999999999,\"k\":1}", "n x=99999999999999999999|n k=1|.");
    assert_scans("{\"x\":\"\\ud800\",\"k\":1}", "s x=\\ud800|n k=1|.");
    assert_scans("{\"\xc3\xa9\":1,\"k\":1}", "n \xc3\xa9=1|n k=1|.");
    assert_scans("{\"x\":\"a\nb\x01\",\"k\":1}", "s x=a\nb\x01|n k=1|.");
    assert_scans("{\"x\":NaN,\"y\":-Infinity,\"z\":Infinity,\"k\":1}", "l x=NaN|l y=-Infinity|l z=Infinity|n k=1|.");
    assert_scans("{\"x\":\"\xff\xfe\",\"k\":1}", "s x=\xff\xfe|n k=1|.");
}

static void quotes_and_brackets_inside_strings_do_not_end_anything(void **state)
{
    (void)state;
    assert_scans("{\"a\\\"b\":\"c\\\\\",\"d\":{\"}\":\"]\\\"}\"},\"k\":1}",
                 "s a\\\"b=c\\\\|o d={\"}\":\"]\\\"}\"}|n k=1|.");
}

static void members_before_a_malformed_place_stand(void **state)
{
    (void)state;
    assert_scans("{\"a\":1,}", "n a=1|!");
    assert_scans("{\"a\":1 \"b\":2}", "n a=1|!");
    assert_scans("{\"a\":1,\"b\"}", "n a=1|!");
    assert_scans("{\"a\":1,\"b\":}", "n a=1|!");
    assert_scans("{\"a\":1,b:2}", "n a=1|!");
    assert_scans("{\"a\":\"1\"", "s a=1|!");
    assert_scans("{,\"a\":1}", "!");
    assert_scans("[1]", "!");
    assert_scans("{", "!");
    assert_scans("", "!");
}

static void a_value_that_may_have_been_cut_is_not_yielded(void **state)
{
    (void)state;
    assert_scans("{\"a\":1,\"k\":12", "n a=1|!");
    assert_scans("{\"a\":1,\"k\":\"12", "n a=1|!");
    assert_scans("{\"a\":1,\"k\":\"12\\", "n a=1|!");
    assert_scans("{\"a\":1,\"k\":\"12\\\"", "n a=1|!");
    assert_scans("{\"a\":1,\"k\":{\"b\":[1]", "n a=1|!");
    assert_scans("{\"a\":1,\"k", "n a=1|!");
}

static void a_hundred_thousand_open_brackets_are_skipped(void **state)
{
    (void)state;
    enum { DEPTH = 100000 };
    static char text[2 * DEPTH + 32] = "{\"x\":";
    size_t used = strlen(text);
    for (int i = 0; i < 2 * DEPTH; i++)
        text[used++] = i < DEPTH ? '[' : ']';
    memcpy(text + used, ",\"k\":1}", 8);

    struct json_scanner scanner;
    struct json_member member;
    json_scan_begin(&scanner, BYTES(text));
    assert_true(json_scan_next(&scanner, &member));
    assert_int_equal(member.value_length, 2 * DEPTH);
    assert_true(json_scan_next(&scanner, &member));
    assert_true(json_name_is(&member, "k"));
    assert_false(json_scan_next(&scanner, &member));
    assert_true(scanner.finished);
}

/* What lies behind the text would complete an escape that the text's end cuts. */
static void assert_unescapes_before(const char *raw, const char *behind, const char *expected)
{
    char text[128];
    uint8_t *out = malloc(strlen(raw) + 1);
    assert_true(strlen(raw) + strlen(behind) < sizeof(text));
    strcpy(text, raw);
    strcat(text, behind);
    size_t length = json_unescape((uint8_t *)text, strlen(raw), out);
    assert_int_equal(length, strlen(expected));
    assert_memory_equal(out, expected, length);
    assert_true(json_text_is((uint8_t *)text, strlen(raw), expected, strlen(expected)));
    free(out);
}

static void assert_unescapes(const char *raw, const char *expected)
{
    assert_unescapes_before(raw, "u4444", expected);
    assert_unescapes_before(raw, "4444", expected);
}

static void escapes_are_undone_as_python_undoes_them(void **state)
{
    (void)state;
    assert_unescapes("", "");
    assert_unescapes("plain", "plain");
    assert_unescapes("\\\"\\\\\\/\\b\\f\\n\\r\\t", "\"\\/\b\f\n\r\t");
    assert_unescapes("\\u006B\\u00e9\\u20AC", "k\xc3\xa9\xe2\x82\xac");
    assert_unescapes("<\\ud83d\\ude00>", "<\xf0\x9f\x98\x80>");
}

static void lone_surrogates_keep_their_three_byte_form(void **state)
{
    (void)state;
    assert_unescapes("\\ud800", "\xed\xa0\x80");
    assert_unescapes("\\udc00\\ud800", "\xed\xb0\x80\xed\xa0\x80");
    assert_unescapes("\\ud800\\ud83d\\ude00", "\xed\xa0\x80\xf0\x9f\x98\x80");
    assert_unescapes("\\ud800\\u0041", "\xed\xa0\x80"
                                       "A");
}

static void broken_escapes_are_copied_as_they_stand(void **state)
{
    (void)state;
    assert_unescapes("\\x41\\u00g0\\u123", "\\x41\\u00g0\\u123");
    assert_unescapes("a\\", "a\\");
    assert_unescapes("\\u123", "\\u123");
    assert_unescapes("\\ud800\\u12", "\xed\xa0\x80\\u12");
}

static void names_are_compared_after_unescaping(void **state)
{
    (void)state;
    static const struct {
        const char *raw;
        bool is_kid;
    } names[] = {{"kid", true},          {"\\u006bid", true},  {"\\u006b\\u0069\\u0064", true},
                 {"ki", false},          {"kids", false},      {"KID", false},
                 {"\\u006cid", false},   {"\\u006bi", false},  {"", false},
                 {"\\\\u006bid", false}, {"kid\\u0000", false}};
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        struct json_member member = {.name = (const uint8_t *)names[i].raw, .name_length = strlen(names[i].raw)};
        assert_int_equal(json_name_is(&member, "kid"), names[i].is_kid);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_vectors_of_rfc_4648_decode_and_encode),
        cmocka_unit_test(both_alphabets_are_read_and_the_url_one_written),
        cmocka_unit_test(junk_anywhere_is_skipped_and_counted),
        cmocka_unit_test(padding_ends_the_text),
        cmocka_unit_test(a_dangling_sextet_is_dropped),
        cmocka_unit_test(decoding_stops_at_the_capacity_and_never_writes_past_it),
        cmocka_unit_test(text_can_be_decoded_in_place),
        cmocka_unit_test(members_come_in_order_with_their_kinds),
        cmocka_unit_test(white_space_and_a_byte_order_mark_may_lead_and_stand_between),
        cmocka_unit_test(what_lenient_parsers_accept_does_not_hide_the_members_behind_it),
        cmocka_unit_test(quotes_and_brackets_inside_strings_do_not_end_anything),
        cmocka_unit_test(members_before_a_malformed_place_stand),
        cmocka_unit_test(a_value_that_may_have_been_cut_is_not_yielded),
        cmocka_unit_test(a_hundred_thousand_open_brackets_are_skipped),
        cmocka_unit_test(escapes_are_undone_as_python_undoes_them),
        cmocka_unit_test(lone_surrogates_keep_their_three_byte_form),
        cmocka_unit_test(broken_escapes_are_copied_as_they_stand),
        cmocka_unit_test(names_are_compared_after_unescaping),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

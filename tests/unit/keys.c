/* SPDX-License-Identifier: BSD-3-Clause */
/* Key lists in JSON and text: what is taken, what is refused and how that is said. What names they make is in
 * keys_table.c. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <bearertap/keys.h>
#include <bearertap/token.h>

#include "keys_files.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* ---- JWK Sets ---- */

static void sets_and_single_keys_are_taken(void **state)
{
    (void)state;
    assert_taken("{\"keys\":[{\"kid\":\"a\"},{\"kid\":\"b\"}]}", 2, 2);
    assert_taken("{\"kid\":\"a\"}", 1, 1);
    assert_taken("\xef\xbb\xbf \r\n{\r\n\"keys\" : [ {\"kid\":\"a\"}\r\n,\t{\"kid\":\"b\"} ]\r\n}\r\n", 2, 2);
    assert_taken(
        "{\"a\":[1,{\"b\":[]}],\"c\":-1.5e3,\"d\":true,\"e\":\"]}\\\"\",\"keys\":[{\"kid\":\"a\"}],\"f\":null}", 1, 1);
    assert_taken("{\"k\\u0065ys\":[{\"kid\":\"a\"}]}", 1, 1);
    assert_taken("{\"keys\":[{\"kid\":\"}]\\\\\",\"x\":{\"y\":[\"[{\"]}}]}", 1, 1);
}

static void members_that_are_not_known_are_ignored(void **state)
{
    (void)state;
    assert_taken("{\"kid\":\"a\",\"n1\":99999999999999999999999,\"use\":\"sig\",\"key_ops\":[\"verify\"],\"alg\":5,"
                 "\"x\":{\"deep\":[[[[{}]]]]}}",
                 1, 1);
    assert_taken("{\"kid\":\"a\",\"kty\":\"AKP\",\"pub\":\"AAAA\"}", 1, 1);
}

static void an_entry_may_be_any_one_of_the_ways_to_name_a_key(void **state)
{
    (void)state;
    assert_taken("{\"x5t\":\"1LTMzakihiRla_8z2BEJVXeWMqo\"}", 1, 1);
    assert_taken("{\"x5t#S256\":\"Q-oCF945Bmo2Fk4hZV6O17LvqmfkFVAzg3raJt9rtZ4\"}", 1, 1);
    assert_taken("{\"kty\":\"RSA\",\"kid\":\"a\"}", 1, 1);
    assert_taken("{\"kty\":\"oct\",\"k\":\"AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ\"}", 1, 1);
    assert_taken("{\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"x\":\"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo\"}", 1, 1);
    assert_taken("{\"kid\":\"1LTMzakihiRla_8z2BEJVXeWMqo\",\"x5t\":\"1LTMzakihiRla_8z2BEJVXeWMqo\"}", 1, 2);
}

static void times_of_rfc_3339_are_taken_and_no_others(void **state)
{
    (void)state;
    static const char *const good[] = {
        "2023-07-11T00:00:00Z",      "2023-07-11t00:00:00z",        "2024-02-29T23:59:59.123456789Z",
        "2000-02-29T00:00:00+00:00", "2023-07-11T00:00:00.5-23:59", "1990-12-31T23:59:60Z",
        "1990-12-31T15:59:60-08:00", "0000-01-01T00:00:00-00:00",
    };
    static const char *const bad[] = {
        "yesterday",
        "2023-07-11",
        "2023-07-11 00:00:00Z",
        "2023-07-11T00:00:00",
        "2023-13-11T00:00:00Z",
        "2023-00-11T00:00:00Z",
        "2023-02-29T00:00:00Z",
        "1900-02-29T00:00:00Z",
        "2023-04-31T00:00:00Z",
        "2023-04-00T00:00:00Z",
        "2023-07-11T24:00:00Z",
        "2023-07-11T00:60:00Z",
        "2023-07-11T00:00:61Z",
        "2023-07-11T12:00:60Z",
        "1990-12-31T23:59:60-08:00",
        "2023-07-11T00:00:00.Z",
        "2023-07-11T00:00:00+24:00",
        "2023-07-11T00:00:00+01:60",
        "2023-07-11T00:00:00+0100",
        "2023-07-11T00:00:00Zx",
        "23-07-11T00:00:00Z",
        "2023-7-11T00:00:00Z",
        "2023-07-11T00:00Z",
        "2023-07-11T",
        "2023-07-11T00:00:00.5",
        "2023-07-1",
        "2023-07-11T00:00:00+01",
        "2023-07-11T00:00:0",
    };
    char content[128];
    for (size_t i = 0; i < COUNT(good); i++) {
        snprintf(content, sizeof(content), "{\"kid\":\"a\",\"revoked_at\":\"%s\"}", good[i]);
        assert_taken(content, 1, 1);
    }
    for (size_t i = 0; i < COUNT(bad); i++) {
        snprintf(content, sizeof(content), "{\"kid\":\"a\",\"revoked_at\":\"%s\"}", bad[i]);
        assert_refused(content, "allowed is an RFC 3339 time");
    }
}

static void a_wrong_member_is_told_with_its_line_and_what_is_allowed(void **state)
{
    (void)state;
    static const char lines[] = "{\"keys\":[\n{\"kid\":\"a\"},\n{\"kid\":\"b\"},\n{\n  \"kid\":\n    \"revoked_at\",\n"
                                "  \"x\": {\"revoked_at\": 1, \"y\": \"\\\"\"},\n  \"revoked_at\": \"yesterday\"\n}]}";
    assert_refused(lines, ":8: key 3: member \"revoked_at\" is \"yesterday\"; allowed is an RFC 3339 time such as "
                          "2023-07-11T00:00:00Z");
    static const struct {
        const char *content, *expected;
    } cases[] = {
        {"{\"kid\":1}", ":1: key 1: member \"kid\" is a number; allowed is a string"},
        {"{\"kid\":null}", "member \"kid\" is null"},
        {"{\"kid\":\"\"}", "member \"kid\" is empty"},
        {"{\"kid\":{\"a\":1}}", "member \"kid\" is an object"},
        {"{\"kid\":\"a\",\"severity\":\"bad\"}",
         "member \"severity\" is \"bad\"; allowed is low, medium, high or critical"},
        {"{\"kid\":\"a\",\"severity\":3}", "member \"severity\" is a number"},
        {"{\"kid\":\"a\",\"revoked_at\":1688688000}", "member \"revoked_at\" is a number; allowed is an RFC 3339 time"},
        {"{\"kid\":\"a\",\"reason\":[]}", "member \"reason\" is an array"},
        {"{\"kid\":\"a\",\"issuer\":true}", "member \"issuer\" is true"},
        {"{\"x5t\":\"abc\"}", "member \"x5t\" is \"abc\"; allowed is the certificate's SHA-1"},
        {"{\"x5t\":\"Q-oCF945Bmo2Fk4hZV6O17LvqmfkFVAzg3raJt9rtZ4\"}", "member \"x5t\" is \"Q-oCF"},
        {"{\"x5t#S256\":\"1LTMzakihiRla_8z2BEJVXeWMqo\"}", "member \"x5t#S256\" is \"1LTMz"},
        {"{\"kid\":\"a\",\"x5c\":\"MII\"}", "member \"x5c\" is \"MII\"; allowed is an array"},
        {"{\"kid\":\"a\",\"x5c\":[]}", "member \"x5c\" is an empty array"},
        {"{\"kid\":\"a\",\"x5c\":[5]}", "member \"x5c\" is an array of something else"},
        {"{\"kid\":\"a\",\"x5c\":[\"!\"]}", "is not base64"},
        {"{\"kid\":\"a\",\"x5c\":[\"AAAA\"]}", "is no X.509 certificate"},
        {"{\"kid\":\"a\",\"kty\":\"RSA\",\"n\":\"AAAA\"}", "member \"e\" is missing"},
        {"{\"kid\":\"a\",\"kty\":\"EC\",\"x\":\"AAAA\",\"y\":\"AAAA\"}", "member \"crv\" is missing"},
        {"{\"kid\":\"a\",\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"AAAA\",\"y\":\"AAAA\"}",
         "member \"x\" is of 3 bytes; allowed is what this crv has, 32"},
        {"{\"kid\":\"a\",\"kty\":\"EC\",\"crv\":\"P\\\"6\",\"x\":\"AAAA\",\"y\":\"AAAA\"}",
         "member \"crv\" is \"P\"6\""},
        {"{\"kid\":\"a\",\"n\":\"AAAA\",\"e\":\"AQAB\"}", "member \"kty\" is missing"},
        {"{\"kty\":\"RSA\",\"n\":\"AAAA\",\"e\":\"AQAB\",\"d\":\"AAAA\"}",
         "member \"d\" is there, which makes it a private key; allowed is the public half only"},
        {"{\"kty\":\"oct\",\"k\":\"AAAA=\"}", "member \"k\" is not base64url; allowed is a number in base64url"},
        {"{\"kty\":\"RSA\",\"n\":\"!!\",\"e\":\"AQAB\"}", "member \"n\" is not base64url; allowed is a number"},
        {"{\"kty\":\"RSA\"}", "key 1: has nothing to find it by; allowed are kid, x5t"},
        {"{}", "has nothing to find it by"},
        {"{\"kid\":\"a\",\"kid\":\"b\"}", "member \"kid\" is there twice; allowed is once"},
        {"{\"kid\":\"a\\u0000b\"}", "not JSON"},
    };
    for (size_t i = 0; i < COUNT(cases); i++)
        assert_refused(cases[i].content, cases[i].expected);
}

static void text_that_is_no_set_is_told_with_its_line(void **state)
{
    (void)state;
    static const struct {
        const char *content, *expected;
    } cases[] = {
        {"{\"keys\":[]}", "holds no key"},
        {"{\"keys\":{}}", ":1: found \"{\"; allowed is an array of keys"},
        {"{\"keys\":[\"a\"]}", ":1: key 1: found \"\"\"; allowed is an object"},
        {"{\"keys\":[{\"kid\":\"a\"},\n]}", ":2: key 1: a comma too many before ]"},
        {"{\"keys\":[,{\"kid\":\"a\"}]}", ":1: key 1: found \",\"; allowed is an object"},
        {"{\"keys\":[{\"kid\":\"a\"}],\n}", ":2: a comma too many before }"},
        {"{\"keys\":[{\"kid\":\"a\",\n}]}", ":2: key 1: not JSON: a comma too many before }"},
        {"{\"keys\":[{\"kid\":\"a\",\"b\":[1,\n]}]}", ":2: key 1: not JSON: a comma too many before ]"},
        {"{\"keys\":[{\"kid\":\"a\",\"b\":{\"c\":1,\n}}]}", ":2: key 1: not JSON: a comma too many before }"},
        {"{\n\"key\":[ {\"kid\":\"a\"}]}", ":2: member \"key\" is not known; was \"keys\" meant?"},
        {"{\"a\":1,\"Keys\":[{\"kid\":\"a\"}]}", ":1: member \"Keys\" is not known; was \"keys\" meant?"},
        {"{\"keys\":[{\"kid\":\"a\"}],\n\"JWKs\":[\n{\"kid\":\"b\"}]}", ":2: member \"JWKs\" is not known"},
        {"{\"keys\":[{\"kid\":\"a\"}\n{\"kid\":\"b\"}]}", ":2: key 1: found \"{\"; allowed is a comma or ]"},
        {"{\"keys\":[{\"kid\":\"a\"},\n{\"kid\":\"b", ":2: key 2: the file ends here"},
        {"{\"keys\":[{\"kid\":\"a\"},\n{\"kid\":", ":2: key 2: the file ends here"},
        {"{\"keys\":[{\"kid\":\"a\"}", "key 1: the file ends here; allowed is a comma or ]"},
        {"{\"keys\":[{\"kid\":\"a\"}]", ":1: the file ends here; allowed is a comma or }"},
        {"{\"keys\":[{\"kid\":\"a\"}],\"keys\":[{\"kid\":\"b\"}]}", "a second member \"keys\""},
        {"{\"keys\":[{\"kid\":\"a\"}]}\n\n{\"keys\":[]}", ":3: found \"{\"; allowed is nothing after the object"},
        {"{\"kid\":\"a\"}\n{\"kid\":\"b\"}\n", ":2: found \"{\"; allowed is nothing after the object"},
        {"{\"keys\":[{\"kid\":\"a\"]]}", ":1: key 1: not JSON"},
        {"{\"keys\":[\n{\"kid\":\n'a'}]}", ":3: key 1: not JSON"},
        {"{\"keys\":[{\"kid\":\"\xff\"}]}", "key 1: not JSON"},
        {"{\"kid\" \"a\"}", "found \"\"\"; allowed is a colon"},
        {"{\"kid\":}", "found \"}\"; allowed is a JSON value"},
        {"[{\"kid\":\"a\"}]", ":1: found \"[\"; allowed is a JWK Set"},
        {"{", "the file ends here; allowed is a member's name"},
    };
    for (size_t i = 0; i < COUNT(cases); i++)
        assert_refused(cases[i].content, cases[i].expected);
    assert_taken("{\"kid\":\"a\",\"key\":[1],\"jwk\":{}}", 1, 1);
}

static void an_error_shows_64_characters_at_most_and_no_control_bytes(void **state)
{
    (void)state;
    assert_refused("{\"kid\":\"a\",\"severity\":\"a\\u001b[31m\\u00e9\\n\"}",
                   "is \"a\\x1b[31m\\xc3\\xa9\\x0a\"; allowed");
    char content[256] = "{\"kid\":\"a\",\"severity\":\"", expected[256] = "is \"";
    memset(content + strlen(content), 'x', 100);
    strcat(content, "\"}");
    memset(expected + strlen(expected), 'x', 64);
    strcat(expected, "\"...; allowed");
    assert_refused(content, expected);
}

static void nesting_and_length_of_a_key_are_bounded(void **state)
{
    (void)state;
    static char content[2 * 1024 * 1024 + 64];
    size_t length = (size_t)sprintf(content, "{\"keys\":[\n{\"kid\":\"a\",\"x\":");
    memset(content + length, '[', 1000000);
    content[length + 1000000] = '\0';
    assert_refused(content, ":2: key 1: objects and arrays nested 65 deep; allowed are 64");

    length = (size_t)sprintf(content, "{\"keys\":[\n{\"kid\":\"a\",\"x\":\"");
    memset(content + length, 'x', 2 * 1024 * 1024);
    content[length + 2 * 1024 * 1024] = '\0';
    assert_refused(content, ":2: a key is longer than the 1048576 bytes that are allowed");

    length = (size_t)sprintf(content, "{\"x\":\"");
    memset(content + length, 'x', 2 * 1024 * 1024);
    content[length + 2 * 1024 * 1024] = '\0';
    assert_refused(content, ":1: what stands before the member \"keys\" is longer");

    length = (size_t)sprintf(content, "{\"kid\":\"");
    memset(content + length, 'x', 4097);
    strcpy(content + length + 4097, "\"}");
    assert_refused(content, "member \"kid\" is longer than 4,096 bytes");
}

/* Longer than the reader's window, so that keys lie across its edges; the error is in the very last line. */
static void lines_are_counted_right_to_the_end_of_a_long_set(void **state)
{
    (void)state;
    FILE *file;
    char *content;
    size_t length;
    file = open_memstream(&content, &length);
    fprintf(file, "{\"keys\":[");
    for (unsigned i = 0; i < 40000; i++)
        fprintf(file, "\n{\"kid\":\"key-%u\",\"reason\":\"a reason that makes it longer %0*u\"},", i, (int)(i % 61), i);
    fprintf(file, "\n{\"kid\":\"last\"}\n]}");
    fclose(file);
    assert_true(length > 3 * 1024 * 1024);
    assert_taken(content, 40001, 40001);
    char *last = strstr(content, "\"last\"");
    memcpy(last, "[     ", 6);
    last[5] = ']';
    assert_refused(content, ":40002: key 40001: member \"kid\" is an array");
    free(content);
}

/* ---- text ---- */

static void text_is_one_key_id_a_line(void **state)
{
    (void)state;
    assert_taken("a\nb\n", 2, 2);
    assert_taken("a", 1, 1);
    assert_taken("\xef\xbb\xbf# head\r\n\r\n  a  \r\n\tb # why\r\nc#d\t#e\r\n   # f\r\n#", 3, 3);
    assert_taken("sch\xc3\xbcssel\n", 1, 1);
    assert_taken("d4b4cccda9228624656bff33d8110955779632aa\n", 1, 2);
}

static void text_that_cannot_be_key_ids_is_refused(void **state)
{
    (void)state;
    static const struct {
        const char *content, *expected;
    } cases[] = {
        {"a\n\nkey one\n", ":3: white space inside a key id"},
        {"a\tb\n", ":1: white space inside a key id"},
        {"a\n\x01\n", ":2: the key id holds a control byte"},
        {"a\rb\n", ":1: the key id holds a control byte"},
        {"a\n\xff\xfe\n", ":2: the key id is not UTF-8"},
        {"a\neyJhbGciOiJIUzI1NiJ9.e30.c2ln\n", ":2: the key id looks like a whole token"},
        {"# nothing\n\n", "holds no key"},
        {"", "is empty"},
        {"\xef\xbb\xbf", "holds no key"},
    };
    for (size_t i = 0; i < COUNT(cases); i++)
        assert_refused(cases[i].content, cases[i].expected);
    assert_bytes_refused("a\nb\0c\n", 6, ":2: the key id holds a control byte");
}

static void a_thumbprint_is_taken_as_windows_and_openssl_show_it(void **state)
{
    (void)state;
    static const char pairs[] = "d4 b4 cc cd a9 22 86 24 65 6b ff 33 d8 11 09 55 77 96 32 aa";
    struct key_list *list = files_new_list();
    struct error error;
    assert_taken("  d4 b4 cc cd a9 22 86 24 65 6b ff 33 d8 11 09 55 77 96 32 aa # why\n", 1, 2);
    assert_taken("{\"kid\":\"d4 b4 cc cd a9 22 86 24 65 6b ff 33 d8 11 09 55 77 96 32 aa\"}", 1, 2);
    assert_taken("{\"x5t\":\"d4 b4 cc cd a9 22 86 24 65 6b ff 33 d8 11 09 55 77 96 32 aa\"}", 1, 1);
    assert_taken("SHA1 Fingerprint=D4:B4:CC:CD:A9:22:86:24:65:6B:FF:33:D8:11:09:55:77:96:32:AA\n", 1, 2);
    assert_taken("sha256 Fingerprint=43ea0217de39066a36164e21655e8ed7b2efaa67e4155033837ada26df6bb59e\r\n", 1, 2);
    assert_refused("a\nSHA256 Fingerprint=D4:B4:CC:CD:A9:22:86:24:65:6B:FF:33:D8:11:09:55:77:96:32:AA\n",
                   ":2: white space inside a key id");
    assert_refused("SHA1 Fingerprint=\n", ":1: white space inside a key id");
    assert_int_equal(key_list_add_value(list, pairs, &error), 0);
    assert_int_equal(key_list_names(list), 2);
    key_list_destroy(list);
}

static void lines_are_bounded(void **state)
{
    (void)state;
    static char content[3 * 1024 * 1024];
    const size_t length = sizeof(content) - 1;
    memset(content, 'x', length);
    memcpy(content, "a\n", 2);
    content[length] = '\0';
    assert_refused(content, ":2: a line is longer than the 1048576 bytes that are allowed");
    content[4100] = '\0';
    assert_refused(content, ":2: the key id is too long");
    content[2 + 4096] = '\0';
    assert_taken(content, 2, 2);
}

/* ---- the rest ---- */

static void a_value_of_the_command_line_is_a_key_id(void **state)
{
    (void)state;
    struct key_list *list = files_new_list();
    struct error error = {""};
    assert_int_equal(key_list_add_value(list, "key-one", &error), 0);
    assert_int_equal(key_list_add_value(list, "D4:B4:CC:CD:A9:22:86:24:65:6B:FF:33:D8:11:09:55:77:96:32:AA", &error),
                     0);
    assert_int_equal(key_list_entries(list), 2);
    assert_int_equal(key_list_names(list), 3);
    static const char *const bad[] = {"", " a", "a ", "a\n", "\xff", "eyJhbGciOiJIUzI1NiJ9.e30.c2ln"};
    assert_int_equal(key_list_add_value(list, "key one", &error), -EINVAL);
    assert_int_equal(strncmp(error.text, "id: white space inside a key id; allowed is a key id", 52), 0);
    for (size_t i = 0; i < COUNT(bad); i++) {
        error.text[0] = '\0';
        assert_int_equal(key_list_add_value(list, bad[i], &error), -EINVAL);
        assert_int_equal(strncmp(error.text, "id: the key id ", 15), 0);
    }
    assert_int_equal(key_list_entries(list), 2);
    key_list_destroy(list);
}

/* A token's x5t or x5t#S256 of the same text, read by app/token, is the same thumbprint. */
static void assert_tokens_agree(const char *text, const uint8_t *thumbprint, size_t length)
{
    static struct jose_references references;
    struct key_reference reference;
    char header[256];
    int header_length = snprintf(header, sizeof(header), "{\"%s\":\"%s\"}", length == 20 ? "x5t" : "x5t#S256", text);
    jose_references_begin(&references, (const uint8_t *)header, (size_t)header_length);
    assert_true(jose_references_next(&references, &reference));
    assert_int_equal(reference.length, length);
    assert_memory_equal(reference.bytes, thumbprint, length);
}

static void thumbprints_are_read_in_every_spelling(void **state)
{
    (void)state;
    static const uint8_t sha1[20] = {0xd4, 0xb4, 0xcc, 0xcd, 0xa9, 0x22, 0x86, 0x24, 0x65, 0x6b,
                                     0xff, 0x33, 0xd8, 0x11, 0x09, 0x55, 0x77, 0x96, 0x32, 0xaa};
    static const char *const of_sha1[] = {
        "d4b4cccda9228624656bff33d8110955779632aa",
        "D4B4CCCDA9228624656BFF33D8110955779632AA",
        "d4:b4:cc:cd:a9:22:86:24:65:6b:ff:33:d8:11:09:55:77:96:32:aa",
        "D4:B4:CC:CD:A9:22:86:24:65:6B:FF:33:D8:11:09:55:77:96:32:aa",
        "1LTMzakihiRla_8z2BEJVXeWMqo",
        "1LTMzakihiRla_8z2BEJVXeWMqo=",
        "1LTMzakihiRla/8z2BEJVXeWMqo=",
        "1LTMzakihiRla/8z2BEJVXeWMqo",
    };
    static const char *const of_sha256[] = {
        /* 00 01 ... 1f, by python's base64 and hex */
        "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f",
        "00:01:02:03:04:05:06:07:08:09:0a:0b:0c:0d:0e:0f:10:11:12:13:14:15:16:17:18:19:1a:1b:1c:1d:1e:1f",
        "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8",
        "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=",
    };
    uint8_t thumbprint[32];
    for (size_t i = 0; i < COUNT(of_sha1); i++) {
        assert_int_equal(key_text_to_thumbprint((const uint8_t *)of_sha1[i], strlen(of_sha1[i]), thumbprint), 20);
        assert_memory_equal(thumbprint, sha1, 20);
        assert_tokens_agree(of_sha1[i], thumbprint, 20);
    }
    static const char *const in_pairs[] = {
        "d4 b4 cc cd a9 22 86 24 65 6b ff 33 d8 11 09 55 77 96 32 aa",
        "D4-B4-CC-CD-A9-22-86-24-65-6B-FF-33-D8-11-09-55-77-96-32-AA",
    };
    for (size_t i = 0; i < COUNT(in_pairs); i++) {
        assert_int_equal(key_text_to_thumbprint((const uint8_t *)in_pairs[i], strlen(in_pairs[i]), thumbprint), 20);
        assert_memory_equal(thumbprint, sha1, 20);
    }
    for (size_t i = 0; i < COUNT(of_sha256); i++) {
        assert_int_equal(key_text_to_thumbprint((const uint8_t *)of_sha256[i], strlen(of_sha256[i]), thumbprint), 32);
        for (uint8_t byte = 0; byte < 32; byte++)
            assert_int_equal(thumbprint[byte], byte);
        assert_tokens_agree(of_sha256[i], thumbprint, 32);
    }
}

static void text_that_only_resembles_a_thumbprint_is_none(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "",
        "d4b4cccda9228624656bff33d8110955779632a",
        "d4b4cccda9228624656bff33d8110955779632aaa",
        "d4b4cccda9228624656bff33d8110955779632ag",
        "d4:b4:cc:cd:a9:22:86:24:65:6b:ff:33:d8:11:09:55:77:96:32-aa",
        "d4 b4 cc cd a9 22 86 24 65 6b ff 33 d8 11 09 55 77 96 32-aa",
        "d4 b4 cc cd a9 22 86 24 65 6b ff 33 d8 11 09 55 77 96 32 a ",
        "d4.b4.cc.cd.a9.22.86.24.65.6b.ff.33.d8.11.09.55.77.96.32.aa",
        "d4b:4:cc:cd:a9:22:86:24:65:6b:ff:33:d8:11:09:55:77:96:32:aa",
        "d4:b4:cc:cd:a9:22:86:24:65:6b:ff:33:d8:11:09:55:77:96:32:a:",
        "1LTMzakihiRla_8z2BEJVXeWMq",
        "1LTMzakihiRla_8z2BEJVXeWMqoA",
        "1LTMzakihiRla_8z2BEJVXeWMq==",
        "=LTMzakihiRla_8z2BEJVXeWMqo=",
        "1LTMzakihiRla_8z2BEJVXeWMq.",
        "1LTMzakihiRla 8z2BEJVXeWMqo",
        "1LTMzakihiRla_8z2BE=JVXeWMqo",
        "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8A",
        "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh==",
        "6f1c2a4e-8f0b-4a53-9d0e-3f6b1f2d7c11",
    };
    uint8_t thumbprint[32];
    for (size_t i = 0; i < COUNT(texts); i++)
        if (key_text_to_thumbprint((const uint8_t *)texts[i], strlen(texts[i]), thumbprint) != 0)
            fail_msg("taken: %s", texts[i]);
    static const uint8_t zeros[4096];
    for (size_t length = 0; length <= sizeof(zeros); length++)
        assert_int_equal(key_text_to_thumbprint(zeros, length, thumbprint), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sets_and_single_keys_are_taken),
        cmocka_unit_test(members_that_are_not_known_are_ignored),
        cmocka_unit_test(an_entry_may_be_any_one_of_the_ways_to_name_a_key),
        cmocka_unit_test(times_of_rfc_3339_are_taken_and_no_others),
        cmocka_unit_test(a_wrong_member_is_told_with_its_line_and_what_is_allowed),
        cmocka_unit_test(text_that_is_no_set_is_told_with_its_line),
        cmocka_unit_test(an_error_shows_64_characters_at_most_and_no_control_bytes),
        cmocka_unit_test(nesting_and_length_of_a_key_are_bounded),
        cmocka_unit_test(lines_are_counted_right_to_the_end_of_a_long_set),
        cmocka_unit_test(text_is_one_key_id_a_line),
        cmocka_unit_test(text_that_cannot_be_key_ids_is_refused),
        cmocka_unit_test(a_thumbprint_is_taken_as_windows_and_openssl_show_it),
        cmocka_unit_test(lines_are_bounded),
        cmocka_unit_test(a_value_of_the_command_line_is_a_key_id),
        cmocka_unit_test(thumbprints_are_read_in_every_spelling),
        cmocka_unit_test(text_that_only_resembles_a_thumbprint_is_none),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

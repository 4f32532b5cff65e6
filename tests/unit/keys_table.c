/* SPDX-License-Identifier: BSD-3-Clause */
/* The table, and the names that a list makes in it. */
#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/wait.h>

#include <cmocka.h>
#include <jansson.h>
#include <openssl/evp.h>
#include <rte_eal.h>
#include <rte_malloc.h>

#include <bearertap/keys.h>

#include "keys_files.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* The Storm-0558 key; its names were computed with openssl and a JOSE library. */
#define STORM_SHA1    "1LTMzakihiRla_8z2BEJVXeWMqo"
#define STORM_SHA256  "Q-oCF945Bmo2Fk4hZV6O17LvqmfkFVAzg3raJt9rtZ4"
#define STORM_NUMBERS "kP2ox0dPp3uuT6IhJARw5E8I9ZWku4tl9NRrgQ8W-LY"

static struct key_table *table_of_list(struct key_list *list)
{
    struct key_table *table;
    struct error error = {""};
    if (key_table_create(list, 2, &table, &error) != 0)
        fail_msg("%s", error.text);
    key_list_destroy(list); /* the table has copies */
    return table;
}

static struct key_table *table_of_file(const char *path)
{
    struct key_list *list = files_new_list();
    struct error error = {""};
    if (key_list_add_file(list, path, &error) != 0)
        fail_msg("%s", error.text);
    return table_of_list(list);
}

static struct key_table *table_of(const char *content)
{
    struct key_table *table = table_of_file(files_write(content, strlen(content)));
    files_remove();
    return table;
}

static unsigned find_text(const struct key_table *table, const char *text)
{
    struct key_entry entries[4];
    bool narrowed[4];
    return files_find(table, KEY_NAME_TEXT, (const uint8_t *)text, strlen(text), entries, narrowed, 4);
}

/* Entries that bear a thumbprint given in base64url, 27 or 43 characters; decoded by OpenSSL. */
static unsigned find_thumbprint(const struct key_table *table, const char *base64url)
{
    char padded[48];
    uint8_t bytes[48];
    snprintf(padded, sizeof(padded), "%s=", base64url);
    for (char *at = padded; *at != '\0'; at++)
        *at = *at == '-' ? '+' : *at == '_' ? '/' : *at;
    size_t length = strlen(base64url) == 27 ? 20 : 32;
    assert_int_equal(EVP_DecodeBlock(bytes, (const unsigned char *)padded, (int)strlen(padded)), length + 1);
    struct key_entry entries[4];
    bool narrowed[4] = {false};
    unsigned count =
        files_find(table, length == 20 ? KEY_NAME_SHA1 : KEY_NAME_SHA256, bytes, length, entries, narrowed, 4);
    for (unsigned i = 0; i < count; i++)
        assert_false(narrowed[i]);
    return count;
}

/* ---- names ---- */

static void every_spelling_of_the_storm_key_names_the_same_key(void **state)
{
    (void)state;
    static const char *const spellings[] = {
        "d4b4cccda9228624656bff33d8110955779632aa",
        "D4B4CCCDA9228624656BFF33D8110955779632AA",
        "d4:b4:cc:cd:a9:22:86:24:65:6b:ff:33:d8:11:09:55:77:96:32:aa",
        "D4:B4:CC:CD:A9:22:86:24:65:6B:FF:33:D8:11:09:55:77:96:32:AA",
        STORM_SHA1,
        "1LTMzakihiRla/8z2BEJVXeWMqo=",
    };
    for (size_t i = 0; i < COUNT(spellings); i++) {
        struct key_list *list = files_new_list();
        assert_int_equal(key_list_add_value(list, spellings[i], NULL), 0);
        struct key_table *table = table_of_list(list);
        assert_int_equal(find_thumbprint(table, STORM_SHA1), 1);
        assert_int_equal(find_text(table, spellings[i]), 1);
        assert_int_equal(find_text(table, "1LTMzakihiRla_8z2BEJVXeWMqp"), 0);
        key_table_destroy(table);
    }
}

static void the_storm_key_of_config_has_all_its_names(void **state)
{
    (void)state;
    struct key_table *table = table_of_file("config/storm-0558.jwks.json");
    assert_int_equal(find_text(table, STORM_SHA1), 1);
    assert_int_equal(find_thumbprint(table, STORM_SHA1), 1);
    assert_int_equal(find_thumbprint(table, STORM_SHA256), 1);
    assert_int_equal(find_thumbprint(table, STORM_NUMBERS), 1);

    struct key_entry entry;
    bool narrowed;
    assert_int_equal(files_find(table, KEY_NAME_TEXT, (const uint8_t *)STORM_SHA1, 27, &entry, &narrowed, 1), 1);
    assert_true(narrowed);
    assert_string_equal(entry.id, STORM_SHA1);
    assert_string_equal(entry.issuer, "https://login.microsoftonline.com/9188040d-6c67-4c5b-b112-36a304b66dad/v2.0");
    assert_string_equal(entry.severity, "critical");
    assert_string_equal(entry.revoked_at, "2023-06-29T00:00:00Z");
    assert_string_equal(entry.source, "config/storm-0558.jwks.json");
    assert_int_equal(entry.line, 3);
    key_table_destroy(table);
}

/* The key's members, each alone, in a JWK; its certificate alone as x5c and as PEM. */
static void each_member_of_the_storm_key_gives_its_own_names(void **state)
{
    (void)state;
    json_t *set = json_load_file("config/storm-0558.jwks.json", 0, NULL);
    const char *n, *certificate;
    char content[4096];
    assert_int_equal(json_unpack(set, "{s:[{s:s, s:[s]}]}", "keys", "n", &n, "x5c", &certificate), 0);

    snprintf(content, sizeof(content), "{\"kty\":\"RSA\",\"e\":\"AQAB\",\"n\":\"%s\"}", n);
    struct key_table *table = table_of(content);
    assert_int_equal(find_thumbprint(table, STORM_NUMBERS), 1);
    assert_int_equal(find_thumbprint(table, STORM_SHA1), 0);
    assert_int_equal(find_text(table, STORM_NUMBERS), 0); /* nobody wrote it as a kid */
    key_table_destroy(table);

    static const char *const forms[] = {
        "{\"x5c\":[\"%s\"]}", "-----BEGIN CERTIFICATE-----\n%s\n-----END CERTIFICATE-----\n",
        "a word before\r\n-----BEGIN CERTIFICATE-----\r\n%s\r\n-----END CERTIFICATE-----"};
    for (size_t i = 0; i < COUNT(forms); i++) {
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
        snprintf(content, sizeof(content), forms[i], certificate);
#pragma GCC diagnostic pop
        table = table_of(content);
        assert_int_equal(find_thumbprint(table, STORM_SHA1), 1);
        assert_int_equal(find_thumbprint(table, STORM_SHA256), 1);
        assert_int_equal(find_thumbprint(table, STORM_NUMBERS), 1);
        assert_int_equal(find_text(table, STORM_SHA1), 0);
        key_table_destroy(table);
    }
    json_decref(set);

    table = table_of("{\"x5t#S256\":\"" STORM_SHA256 "\"}");
    assert_int_equal(find_thumbprint(table, STORM_SHA256), 1);
    assert_int_equal(find_thumbprint(table, STORM_SHA1), 0);
    key_table_destroy(table);
}

/* Thumbprints of the RFCs' examples, or made with python3-jwcrypto. */
static void numbers_give_the_thumbprint_of_rfc_7638(void **state)
{
    (void)state;
    static const struct {
        const char *jwk, *thumbprint;
    } cases[] = {
        /* RFC 8037 appendix A.3 */
        {"{\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"x\":\"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo\"}",
         "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k"},
        /* RFC 7515 appendix A.1's key */
        {"{\"kty\":\"oct\",\"k\":\"AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-1qS0gZH75aKtMN3Yj0iPS4hcgUuTwjAzZr1Z9C"
         "Aow\"}",
         "y_x3gCJnL6oKGBBIXScabduwxTVy2Wd2bzRVEUbdUzc"},
        {"{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"18kvcRdrQ36i2KnfBTrNfHxXYZZPAYucpVaxpB6bt0o\",\"y\":"
         "\"vF2GNmRO1uoLFx2mbO_wpWI7NOtqU4bnXleTuLKRqwE\"}",
         "lXSFR0FfrKCXdjSXqBigCCJTARrFiKwr6cF6dZJnGq0"},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct key_table *table = table_of(cases[i].jwk);
        assert_int_equal(find_thumbprint(table, cases[i].thumbprint), 1);
        key_table_destroy(table);
    }
    /* RFC 7638 section 3.1: the key in the example that we ship */
    struct key_table *table = table_of_file("config/revoked-keys.example.json");
    assert_int_equal(find_thumbprint(table, "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs"), 1);
    key_table_destroy(table);
}

/* The key of RFC 7638 section 3.1, n written with a zero byte before it, in the other alphabet, and padded. */
static void numbers_in_a_form_that_rfc_7518_forbids_match_too(void **state)
{
    (void)state;
    struct key_table *table =
        table_of("{\"kty\":\"RSA\",\"e\":\"AAEAAQ==\",\"n\":\"ANL8e2oKHmxnEErrj4iyV2abTfZ53a0Jm1xKbNmogBW1oTO/C4Vs"
                 "eHG23wALVU/Os8LtUSu2jxRcboQ0dS+rUqHPwSRAj3m1ikV4wWQohVeJ96JJ44TLLZ+uLWf9lvuSbBmOB3OZ/cgVwK8Jfd5a"
                 "re/0TecOgn9IeEMkOb/uuWBo0EdPxQ1tkL86mN+vEEDInALWkqs7PCiWYJ2G/XO3dM4HQGR87uqjEL0S+YWo659Z/dQmzqWy"
                 "Eg9PKjS8q3ZLfmxU1oQCOLzEBYelnmbtHzOJRXdjXEcK91z5LCDR2kPhv8QZ4iKm8NC7NYxeOPnLBQrq/pBIFPGsGqScyp6g"
                 "yoM=\"}");
    assert_int_equal(find_thumbprint(table, "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs"), 1);
    assert_int_equal(find_thumbprint(table, "q22xEPvQOIV96cF-7vYFY8UqZ62ptHwgTDErk1SijsQ"),
                     1); /* as it is written, by python's hashlib */
    key_table_destroy(table);
}

static void certificates_and_public_keys_give_the_names_that_openssl_and_jose_give(void **state)
{
    (void)state;
    static const struct {
        const char *numbers, *sha1, *sha256;
    } keys[] = {
        {"RgBxJuBJfKUgHEsZ8tvwgykqDiOW-M23O9Nkm4dVKCs", "RKZsgIk1fS9QYf2HuRmmF8YtSSU",
         "yCo2L07e3HVI-QKJF7X1d4NxuvWeAzvhHNBZQWqywXs"},
        {"lXSFR0FfrKCXdjSXqBigCCJTARrFiKwr6cF6dZJnGq0", "jDR2jbwRwX8TQtsACVadF9gmNO8",
         "XYAGEwLjSmtKfKRfSk-IxMvK1Xm88tQNBehJ7usdoLI"},
        {"ajOInMCZocd8dNVrpumRgWuUbFMAFHx87rOL-1UV9kw", "3yu_y4GllhzbB2AR5ZddiulNtWE",
         "8b8kmGFJbLAY9WzeA8PxK-2ww8-2k6bt2ebd95Sj9d4"},
        {"0od-13SWfiJk5pJ1Y8JJdTmrGnkqU79JC9D68_fdykA", "sbi8k4tQqcAi7789Z7j7HZ1_1Qc",
         "s6t9cJOcgTS06BeNUg8oR5Df9j6pT3ANDjmHBUVfdl8"},
        {"R8RZog1wOXzqaQ5ahkIpjnoHeywScYx1fJAPl4-oQzk", "i5suoe6tQQ6RpDRpdY7ZP-_oxQ8",
         "a_ABA2GkUKAfWL9luZ79T67MxqymCbJgIH4NKnXiS9E"},
    };
    struct key_table *certificates = table_of_file("tests/unit/data/keys/certificates.pem");
    struct key_table *public_keys = table_of_file("tests/unit/data/keys/public-keys.pem");
    for (size_t i = 0; i < COUNT(keys); i++) {
        assert_int_equal(find_thumbprint(certificates, keys[i].sha1), 1);
        assert_int_equal(find_thumbprint(certificates, keys[i].sha256), 1);
        assert_int_equal(find_thumbprint(certificates, keys[i].numbers), 1);
        assert_int_equal(find_thumbprint(public_keys, keys[i].sha256), 0);
        /* RSA stands there twice: in its own form too */
        assert_int_equal(find_thumbprint(public_keys, keys[i].numbers), i == 0 ? 2 : 1);
    }
    key_table_destroy(certificates);
    key_table_destroy(public_keys);
}

static void an_entry_is_called_by_its_first_name_as_written(void **state)
{
    (void)state;
    static const struct {
        const char *content, *thumbprint, *id;
    } cases[] = {
        {"{\"x5t\":\"" STORM_SHA1 "\",\"kid\":\"a\"}", STORM_SHA1, "a"},
        {"{\"x5t#S256\":\"" STORM_SHA256 "\",\"x5t\":\"1LTMzakihiRla/8z2BEJVXeWMqo=\"}", STORM_SHA1,
         "1LTMzakihiRla/8z2BEJVXeWMqo="},
        {"{\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"x\":\"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo\"}",
         "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k", "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k"},
        {"d4b4cccda9228624656bff33d8110955779632aa # hex\n", STORM_SHA1, "d4b4cccda9228624656bff33d8110955779632aa"},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct key_table *table = table_of(cases[i].content);
        uint8_t bytes[32];
        size_t length =
            key_text_to_thumbprint((const uint8_t *)cases[i].thumbprint, strlen(cases[i].thumbprint), bytes);
        struct key_entry entry;
        bool narrowed;
        assert_int_equal(
            files_find(table, length == 20 ? KEY_NAME_SHA1 : KEY_NAME_SHA256, bytes, length, &entry, &narrowed, 1), 1);
        assert_string_equal(entry.id, cases[i].id);
        assert_null(entry.issuer);
        assert_null(entry.reason);
        assert_null(entry.severity);
        assert_null(entry.revoked_at);
        key_table_destroy(table);
    }
}

static void the_examples_of_config_are_lists(void **state)
{
    (void)state;
    struct key_table *table = table_of_file("config/revoked-keys.example.json");
    assert_int_equal(find_text(table, "2023-signing-key-1"), 1);
    key_table_destroy(table);
    table = table_of_file("config/revoked-keys.example.txt");
    assert_int_equal(find_text(table, "6f1c2a4e-8f0b-4a53-9d0e-3f6b1f2d7c11"), 1);
    assert_int_equal(find_thumbprint(table, STORM_SHA1), 4);
    assert_int_equal(find_thumbprint(table, STORM_SHA256), 1);
    key_table_destroy(table);
}

static void a_comment_is_no_part_of_a_key_id(void **state)
{
    (void)state;
    struct key_table *table = table_of("  a#b \t# c\r\nd\t#e\n#f\n");
    assert_int_equal(find_text(table, "a#b"), 1);
    assert_int_equal(find_text(table, "d"), 1);
    assert_int_equal(find_text(table, "a") + find_text(table, "c") + find_text(table, "#f") + find_text(table, "f"), 0);
    key_table_destroy(table);
}

/* ---- the table ---- */

static void text_is_compared_byte_for_byte_and_by_kind(void **state)
{
    (void)state;
    struct key_table *table = table_of("{\"kid\":\"K\\u00e9y/\\n\"}");
    assert_int_equal(find_text(table, "K\xc3\xa9y/\n"), 1);
    assert_int_equal(find_text(table, "k\xc3\xa9y/\n"), 0);
    assert_int_equal(find_text(table, "K\xc3\xa9y/"), 0);
    assert_int_equal(find_text(table, ""), 0);
    key_table_destroy(table);

    /* 20 bytes of text are not a thumbprint of 20 bytes */
    table = table_of("abcdefghijklmnopqrst\n");
    struct key_entry entry;
    bool narrowed;
    assert_int_equal(find_text(table, "abcdefghijklmnopqrst"), 1);
    assert_int_equal(
        files_find(table, KEY_NAME_SHA1, (const uint8_t *)"abcdefghijklmnopqrst", 20, &entry, &narrowed, 1), 0);
    key_table_destroy(table);
}

static void several_entries_of_one_name_come_in_list_order(void **state)
{
    (void)state;
    struct key_table *table = table_of("{\"keys\":[{\"kid\":\"a\",\"issuer\":\"i1\"},{\"kid\":\"b\"},{\"kid\":\"a\"},"
                                       "{\"kid\":\"c\",\"issuer\":\"i1\"},{\"kid\":\"a\",\"issuer\":\"i2\"}]}");
    struct key_entry entries[4];
    bool narrowed[4];
    assert_int_equal(files_find(table, KEY_NAME_TEXT, (const uint8_t *)"a", 1, entries, narrowed, 4), 3);
    assert_string_equal(entries[0].issuer, "i1");
    assert_null(entries[1].issuer);
    assert_string_equal(entries[2].issuer, "i2");
    assert_true(narrowed[0]);
    assert_false(narrowed[1]);
    assert_true(narrowed[2]);
    assert_int_equal(files_find(table, KEY_NAME_TEXT, (const uint8_t *)"a", 1, entries, narrowed, 2), 2);
    assert_int_equal(files_find(table, KEY_NAME_TEXT, (const uint8_t *)"b", 1, entries, narrowed, 4), 1);
    assert_int_equal(files_find(table, KEY_NAME_TEXT, (const uint8_t *)"c", 1, entries, narrowed, 4), 1);
    assert_string_equal(entries[0].issuer, "i1");
    key_table_destroy(table);
}

/* A list that repeats itself must not cost the square of its length. */
static void a_hundred_thousand_entries_of_one_name_are_one_list(void **state)
{
    (void)state;
    struct key_list *list = files_new_list();
    for (unsigned i = 0; i < 100000; i++)
        assert_int_equal(key_list_add_value(list, STORM_SHA1, NULL), 0);
    assert_int_equal(key_list_names(list), 200000);
    struct key_table *table = table_of_list(list);
    assert_int_equal(find_text(table, STORM_SHA1), 4);
    assert_int_equal(find_thumbprint(table, STORM_SHA1), 4);
    key_table_destroy(table);
}

static void all_keys_of_a_large_list_are_found_and_no_others(void **state)
{
    (void)state;
    struct key_list *list = files_new_list();
    char id[32];
    for (unsigned i = 0; i < 50000; i++) {
        snprintf(id, sizeof(id), "key-%u", i);
        assert_int_equal(key_list_add_value(list, id, NULL), 0);
    }
    struct key_table *table = table_of_list(list);
    for (unsigned i = 0; i < 100000; i++) {
        snprintf(id, sizeof(id), "key-%u", i);
        struct key_entry entry;
        bool narrowed = true;
        unsigned found = files_find(table, KEY_NAME_TEXT, (const uint8_t *)id, strlen(id), &entry, &narrowed, 1);
        assert_int_equal(found, i < 50000);
        if (found == 1) {
            assert_string_equal(entry.id, id);
            assert_string_equal(entry.source, "-k");
            assert_false(narrowed);
        }
    }
    key_table_destroy(table);
}

static void a_table_without_keys_finds_nothing(void **state)
{
    (void)state;
    struct key_table *table = table_of_list(files_new_list());
    assert_true(key_table_is_empty(table));
    assert_int_equal(find_text(table, "a"), 0);
    assert_int_equal(find_text(table, ""), 0);
    assert_true(key_table_generation(table) > 0);
    key_table_destroy(table);
    table = table_of("a\n");
    assert_false(key_table_is_empty(table));
    key_table_destroy(table);
}

static void no_table_is_an_empty_one(void **state)
{
    (void)state;
    assert_true(key_table_is_empty(NULL));
    assert_int_equal(find_text(NULL, "a"), 0);
    assert_int_equal(key_table_generation(NULL), 0);
    key_table_reader_online(NULL, 0);
    key_table_reader_quiescent(NULL, 0);
    key_table_reader_offline(NULL, 0);
    key_table_destroy(NULL);
}

static void two_tables_stand_side_by_side(void **state)
{
    (void)state;
    struct key_table *one = table_of("a\n"), *other = table_of("b\n");
    assert_int_equal(find_text(one, "a") + find_text(other, "b"), 2);
    assert_int_equal(find_text(one, "b") + find_text(other, "a"), 0);
    key_table_destroy(one);
    assert_int_equal(find_text(other, "b"), 1);
    key_table_destroy(other);
}

struct reading {
    struct key_table *table;
    unsigned reader;
    unsigned found;
};

static void *read_for_a_while(void *argument)
{
    struct reading *reading = argument;
    key_table_reader_online(reading->table, reading->reader);
    for (unsigned i = 0; i < 10000; i++) {
        reading->found += find_text(reading->table, "a");
        key_table_reader_quiescent(reading->table, reading->reader);
    }
    key_table_reader_offline(reading->table, reading->reader);
    return NULL;
}

static void readers_in_several_threads_find_the_same(void **state)
{
    (void)state;
    struct key_table *table = table_of("a\n");
    struct reading readings[2] = {{table, 0, 0}, {table, 1, 0}};
    pthread_t threads[2];
    for (unsigned i = 0; i < 2; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, read_for_a_while, &readings[i]), 0);
    for (unsigned i = 0; i < 2; i++) {
        assert_int_equal(pthread_join(threads[i], NULL), 0);
        assert_int_equal(readings[i].found, 10000);
    }
    key_table_destroy(table);
}

/* ---- memory ---- */

/* Lists of many shapes: sizes just around a power of two, long texts, every name shared, several names a key. */
static struct key_list *shaped_list(unsigned shape)
{
    static const unsigned counts[] = {0, 1, 4096, 32767, 32768, 32769, 60000, 60000, 5000};
    struct key_list *list = files_new_list();
    char id[256];
    if (shape >= COUNT(counts)) {
        key_list_destroy(list);
        return NULL;
    }
    for (unsigned i = 0; i < counts[shape]; i++) {
        snprintf(id, sizeof(id), shape == 8 ? "%0200u" : shape == 7 ? "%040u" : "%u", shape == 6 ? i / 2 : i);
        assert_int_equal(key_list_add_value(list, id, NULL), 0);
    }
    return list;
}

static void the_foretold_memory_is_what_the_table_takes(void **state)
{
    (void)state;
    struct key_list *list;
    for (unsigned shape = 0; (list = shaped_list(shape)) != NULL; shape++) {
        struct rte_malloc_socket_stats before, after;
        size_t foretold = key_list_table_bytes(list);
        assert_int_equal(rte_malloc_get_socket_stats(0, &before), 0);
        struct key_table *table = table_of_list(list);
        assert_int_equal(rte_malloc_get_socket_stats(0, &after), 0);
        size_t taken = after.heap_allocsz_bytes - before.heap_allocsz_bytes;
        if (taken > foretold || foretold > taken + taken / 4 + 512 * 1024)
            fail_msg("shape %u: foretold %zu, taken %zu", shape, foretold, taken);
        key_table_destroy(table);
        assert_int_equal(rte_malloc_get_socket_stats(0, &after), 0);
        assert_int_equal(after.heap_allocsz_bytes, before.heap_allocsz_bytes); /* and gives back */
    }
}

static int start_eal(unsigned mebibytes)
{
    char memory[16];
    snprintf(memory, sizeof(memory), "%u", mebibytes);
    char *arguments[] = {"keys", "--no-huge", "--no-shconf", "--no-pci", "--no-telemetry",
                         "-m",   memory,      "--lcores",    "0",        "--log-level=*:error"};
    return rte_eal_init((int)COUNT(arguments), arguments) < 0 ? -1 : 0;
}

/* The child of the next test: a table in an EAL that has what was foretold, rounded up, and nothing to spare. */
static int build_in_exact_memory(unsigned shape)
{
    struct key_list *list = shaped_list(shape);
    struct key_table *table;
    struct error error = {""};
    if (start_eal((unsigned)(key_list_table_bytes(list) >> 20) + 1) != 0)
        return 2;
    int result = key_table_create(list, 2, &table, &error);
    if (result == 0)
        key_table_destroy(table);
    else
        fprintf(stderr, "%s\n", error.text);
    key_list_destroy(list);
    rte_eal_cleanup();
    return result == 0 ? 0 : 1;
}

static void a_table_can_be_made_in_the_foretold_memory(void **state)
{
    (void)state;
    for (unsigned shape = 4; shape <= 8; shape++) {
        char number[8];
        snprintf(number, sizeof(number), "%u", shape);
        pid_t child = fork();
        assert_true(child >= 0);
        if (child == 0) {
            execl("/proc/self/exe", "keys_table", "--exact-memory", number, (char *)NULL);
            _exit(3);
        }
        int status;
        assert_int_equal(waitpid(child, &status, 0), child);
        assert_int_equal(status, 0);
    }
}

static void a_table_without_room_is_refused_with_its_size(void **state)
{
    (void)state;
    struct key_list *list = files_new_list();
    char id[32];
    for (unsigned i = 0; i < 2000000; i++) {
        snprintf(id, sizeof(id), "%u", i);
        assert_int_equal(key_list_add_value(list, id, NULL), 0);
    }
    struct rte_malloc_socket_stats before, after;
    assert_int_equal(rte_malloc_get_socket_stats(0, &before), 0);
    struct key_table *table;
    struct error error = {""};
    assert_true(key_table_create(list, 2, &table, &error) < 0); /* about 230 MiB of 128 */
    assert_null(table);
    assert_non_null(strstr(error.text, "cannot make the table of 2000000 revoked keys (2000000 names, about "));
    assert_int_equal(rte_malloc_get_socket_stats(0, &after), 0);
    assert_int_equal(after.heap_allocsz_bytes, before.heap_allocsz_bytes);
    key_list_destroy(list);
}

static int set_up(void **state)
{
    (void)state;
    return start_eal(128);
}

static int tear_down(void **state)
{
    (void)state;
    return rte_eal_cleanup();
}

int main(int count, char **arguments)
{
    if (count == 3 && strcmp(arguments[1], "--exact-memory") == 0)
        return build_in_exact_memory((unsigned)atoi(arguments[2]));
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_spelling_of_the_storm_key_names_the_same_key),
        cmocka_unit_test(the_storm_key_of_config_has_all_its_names),
        cmocka_unit_test(each_member_of_the_storm_key_gives_its_own_names),
        cmocka_unit_test(numbers_give_the_thumbprint_of_rfc_7638),
        cmocka_unit_test(numbers_in_a_form_that_rfc_7518_forbids_match_too),
        cmocka_unit_test(certificates_and_public_keys_give_the_names_that_openssl_and_jose_give),
        cmocka_unit_test(an_entry_is_called_by_its_first_name_as_written),
        cmocka_unit_test(the_examples_of_config_are_lists),
        cmocka_unit_test(a_comment_is_no_part_of_a_key_id),
        cmocka_unit_test(text_is_compared_byte_for_byte_and_by_kind),
        cmocka_unit_test(several_entries_of_one_name_come_in_list_order),
        cmocka_unit_test(a_hundred_thousand_entries_of_one_name_are_one_list),
        cmocka_unit_test(all_keys_of_a_large_list_are_found_and_no_others),
        cmocka_unit_test(a_table_without_keys_finds_nothing),
        cmocka_unit_test(no_table_is_an_empty_one),
        cmocka_unit_test(two_tables_stand_side_by_side),
        cmocka_unit_test(readers_in_several_threads_find_the_same),
        cmocka_unit_test(the_foretold_memory_is_what_the_table_takes),
        cmocka_unit_test(a_table_can_be_made_in_the_foretold_memory),
        cmocka_unit_test(a_table_without_room_is_refused_with_its_size),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}

/* SPDX-License-Identifier: BSD-3-Clause */
/* Linting, the walk over a list, and that both say what loading does. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <jansson.h>
#include <rte_eal.h>

#include <bearertap/keys.h>

#include "keys_told.h"

static void count(void *context, const struct key_problem *problem)
{
    size_t *problems = context;
    *problems += problem->is_error;
    assert_true(problem->line <= 1 + *problems);
}

/* ---- errors ---- */

static void every_mistake_of_a_set_is_told_with_its_place(void **state)
{
    (void)state;
    ASSERT_TOLD(
        "{\"keys\": [\n"
        "  {\"kid\": 7, \"severity\": \"bad\",\n"
        "   \"revoked_at\": \"yesterday\", \"x5t\": \"abc\"},\n"
        "  \"a\",\n"
        "  {\"kid\": \"good\"}\n"
        "  {\"kid\": \"b\", \"kid\": \"c\", \"reason\": []},\n"
        "  {\"kid\": tru},\n"
        "  {},\n"
        "  {\"kty\": \"EC\", \"crv\": \"P-256\", \"x\": \"AAAA\", \"y\": 5},\n"
        "  {\"kty\": \"RSA\", \"kid\": \"d\", \"n\": \"AAAA\"},\n"
        "  {\"kid\": \"e\", \"x5c\": [\"AAAA\"]}\n"
        "]}\n",
        "2:4: error: key 1: member \"kid\" is a number; allowed is a string",
        "3:31: error: key 1: member \"x5t\" is \"abc\"; allowed is the certificate's SHA-1",
        "3:4: error: key 1: member \"revoked_at\" is \"yesterday\"; allowed is an RFC 3339 time",
        "2:14: error: key 1: member \"severity\" is \"bad\"; allowed is low",
        "4:3: error: key 2: found \"\"\"; allowed is an object", "6:3: error: key 3: found \"{\"; allowed is a comma",
        "6:16: error: key 4: member \"kid\" is there twice; allowed is once",
        "6:28: error: key 4: member \"reason\" is an array; allowed is a string",
        "7:11: error: key 5: not JSON: a word that is no JSON value", "8:3: error: key 6: has nothing to find it by",
        "9:46: error: key 7: member \"y\" is a number; allowed is a number in base64url",
        "10:3: error: key 8: member \"e\" is missing; allowed is all numbers",
        "10:30: warning: key 8: member \"n\" has about 24 bits",
        "11:16: error: key 9: member \"x5c\" is an array whose first string is no X.509 certificate");
}

/* An escape that means a line feed ends no line, and escapes that were undone move nothing behind them. */
static void escapes_do_not_move_the_places_behind_them(void **state)
{
    (void)state;
    ASSERT_TOLD("{\"keys\": [\n"
                "{\"kid\":\"a\",\"reason\":\"one\\ntwo\\nthree\",\"severity\":\"urgent\"},\n"
                "{\"reason\":\"\\u000a\\u00e9\\n\",\n"
                " \"k\\u0069d\":\"\\n\",\"x\":{\n\"\\n\":[\"\\n\",\n1]},\"severity\":\"\"},\n"
                "{\"kid\":\"\\n\\n\",\"iss\":\"\\n\",\n\"b\\u0\":1}]}",
                "2:39: error: key 1: member \"severity\" is \"urgent\"",
                "4:2: warning: key 2: kid \"\\x0a\" begins or ends", "6:5: error: key 2: member \"severity\" is empty",
                "7:15: warning: key 3: member \"iss\" is not known",
                "8:3: error: key 3: not JSON: an escape that JSON does not have");
}

static void keys_by_another_name_are_told_once(void **state)
{
    (void)state;
    ASSERT_TOLD("{\"key\":[{\"kid\":\"a\"}]}", "1:2: error: member \"key\" is not known; was \"keys\" meant?");
    ASSERT_TOLD("{\"keys\":[{\"kid\":\"a\"},\n {\"kid\":1},\n ],\n \"Keys\":[{}]}",
                "2:3: error: key 2: member \"kid\" is a number", "3:2: error: key 2: a comma too many before ]",
                "4:2: error: member \"Keys\" is not known");
    ASSERT_TOLD("{\"kty\":\"RSA\",\"n\":\"!!\",\"e\":\"AQAB\"}", "1:14: error: key 1: member \"n\" is not base64url");
}

static void note_member(void *context, const struct key_problem *problem)
{
    snprintf(context, 32, "%s", problem->member != NULL ? problem->member : "none");
}

static void a_member_that_is_not_known_is_named_apart_from_the_text(void **state)
{
    (void)state;
    static const char content[] = "{\"kid\":\"a\",\"revok\\u0065dAt\":\"b\"}";
    char member[32] = "";
    struct key_lint *made;
    assert_int_equal(key_lint_create(&made, note_member, member), 0);
    assert_int_equal(key_lint_file(made, files_write(content, strlen(content))), 0);
    assert_string_equal(member, "revokedAt");
    files_remove();
    key_lint_destroy(made);
}

static void every_mistake_of_a_text_is_told_with_its_place(void **state)
{
    (void)state;
    ASSERT_TOLD("good\n"
                "  key one\n"
                "eyJhbGciOiJIUzI1NiJ9.e30.c2ln\n"
                "also-good # why\n"
                "\t\x01\n",
                "2:6: error: white space inside a key id", "3:1: error: the key id looks like a whole token",
                "5:2: error: the key id holds a control byte");
}

static void every_mistake_of_pem_is_told_with_its_place(void **state)
{
    (void)state;
    ASSERT_TOLD("-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n"
                "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"
                "-----BEGIN PUBLIC KEY-----\n!\n-----END PUBLIC KEY-----\n"
                "-----BEGIN X509 CRL-----\nAAAA\n-----END X509 CRL-----\n"
                "-----BEGIN PUBLIC KEY-----\nAAAA\n-----END CERTIFICATE-----\n"
                "-----BEGIN CERTIFICATE-----\nAAAA\n",
                "1:1: error: a private key;", "4:1: error: the CERTIFICATE block does not hold",
                "7:1: error: the PUBLIC KEY block holds something that is not base64",
                "10:1: error: a PEM block \"X509 CRL\"", "15:1: error: the PEM block of line 13 ends as another",
                "16:1: error: the PEM block has no end");
}

static void a_file_that_cannot_be_read_on_is_told_up_to_there(void **state)
{
    (void)state;
    ASSERT_TOLD("{\"keys\":[{\"kid\":1},\n{\"kid\":\"a\"", "1:11: error: key 1: member \"kid\" is a number",
                "2:11: error: key 2: the file ends here");
    ASSERT_TOLD("{\"keys\":[]}", "0:0: error: key list ");
    ASSERT_TOLD("", "0:0: error: key list ");
    ASSERT_TOLD("\x1f\x8b", "0:0: error: key list ");
}

/* Quadratic counting of lines would take an hour. */
static void an_object_full_of_mistakes_is_told_in_linear_time(void **state)
{
    (void)state;
    static char content[1000000];
    size_t length = (size_t)sprintf(content, "{\"kid\":\"a\"");
    while (length < sizeof(content) - 32)
        length += (size_t)sprintf(content + length, ",\n\"kid\":1");
    strcpy(content + length, "}");
    size_t problems = 0;
    struct key_lint *made;
    assert_int_equal(key_lint_create(&made, count, &problems), 0);
    assert_true(key_lint_file(made, files_write(content, strlen(content))) > 90000);
    files_remove();
    assert_true(problems > 90000);
    key_lint_destroy(made);
}

/* ---- warnings ---- */

#define SHA1_HEX  "d4b4cccda9228624656bff33d8110955779632aa"
#define SHA1_TEXT "1LTMzakihiRla_8z2BEJVXeWMqo"

static void what_is_there_twice_is_told_with_both_places(void **state)
{
    (void)state;
    ASSERT_TOLD("a\nb\na\n", "3:1: warning: key id \"a\" is there already: /tmp/");
    ASSERT_TOLD(SHA1_HEX "\nb\n" SHA1_TEXT "\n",
                "3:1: warning: key id \"" SHA1_TEXT "\" names a key that is there already: \"" SHA1_HEX "\" of /tmp/");
    ASSERT_TOLD("{\"keys\":[\n{\"kid\":\"a\",\"issuer\":\"i\"},\n{\"kid\":\"a\",\"issuer\":\"i\"},\n"
                "{\"kid\":\"b\"},\n{\"kid\":\"b\",\"issuer\":\"i\"}]}",
                "3:1: warning: key 2: key id \"a\" is there already",
                "5:1: warning: key 4: key id \"b\" is there already");
    assert_nothing_told("{\"keys\":[{\"kid\":\"a\",\"issuer\":\"i\"},{\"kid\":\"a\",\"issuer\":\"j\"}]}");
}

static void what_is_there_twice_among_many_is_found(void **state)
{
    (void)state;
    FILE *file;
    char *content;
    size_t length;
    file = open_memstream(&content, &length);
    for (unsigned i = 0; i < 20000; i++)
        fprintf(file, "key-%u\n", i == 19999 ? 4096 : i);
    fclose(file);
    ASSERT_TOLD(content, "20000:1: warning: key id \"key-4096\" is there already: /tmp/");
    struct told told = lint(content, length);
    assert_non_null(strstr(told.text, ":4097\n"));
    free(content);
}

static void a_key_id_that_is_nearly_a_thumbprint_is_told(void **state)
{
    (void)state;
    static const char *const nearly[] = {
        "d4b4cccda9228624656bff33d8110955779632a",
        "d4b4cccda9228624656bff33d8110955779632aab",
        "d4b4cccda9228624656bff33d8110955779632",
        "43ea0217de39066a36164e21655e8ed7b2efaa67e4155033837ada26df6bb59",
        "43ea0217de39066a36164e21655e8ed7b2efaa67e4155033837ada26df6bb59ee",
        "d4:b4:cc:cd:a9:22:86:24:65:6b:ff:33:d8:11:09:55:77:96:32",
        "d4:b4:cc:cd:a9:22:86:24:65:6b:ff:33:d8:11:09:55:77:96:32:a",
        "d4-b4-cc-cd-a9-22-86-24-65-6b-ff-33-d8-11-09-55-77-96-32",
        "0x" SHA1_HEX,
        "sha1:" SHA1_HEX,
        "SHA256:Q-oCF945Bmo2Fk4hZV6O17LvqmfkFVAzg3raJt9rtZ4",
        "1LTMzakihiRla_8z2BEJVXeWMqo==",
        "1LTMzakihiRla_8z2BEJVXeWMq==",
        "ZDRiNGNjY2RhOTIyODYyNDY1NmJmZjMzZDgxMTA5NTU3Nzk2MzJhYQ", /* printf d4b4...32aa | basenc --base64url */
        "\"quoted\"",
        "listed,",
        "with-no-break\xc2\xa0space",
        "zero\xe2\x80\x8bwidth",
    };
    static const char *const good[] = {
        "a",
        SHA1_HEX,
        SHA1_TEXT "=",
        "6f1c2a4e-8f0b-4a53-9d0e-3f6b1f2d7c11",
        "dGVzdA==",
        "2023-07",
        "deadbeef",
        "01ARZ3NDEKTSV4RRFFQ69G5FAV", /* a ULID, 26 characters */
        "schl\xc3\xbcssel",
        "https://issuer.example/key:1",
        "d4b4cccda9228624656bff33d8110955",
    };
    for (size_t i = 0; i < COUNT(nearly); i++) {
        struct told told = lint(nearly[i], strlen(nearly[i]));
        if (told.errors != 0 || told.warnings != 1 || strncmp(told.text, "1:1: warning: key id \"", 22) != 0)
            fail_msg("%s: %s", nearly[i], told.text);
        char content[256];
        snprintf(content, sizeof(content), nearly[i][0] == '"' ? "{\"kid\":\"\\\"q\\\"\"}" : "{\"kid\":\"%s\"}",
                 nearly[i]);
        told = lint(content, strlen(content));
        assert_true(told.errors == 0 && told.warnings == 1);
    }
    for (size_t i = 0; i < COUNT(good); i++)
        assert_nothing_told(good[i]);
}

static void what_a_jwk_says_in_vain_is_told(void **state)
{
    (void)state;
    static const struct {
        const char *content, *expected;
    } cases[] = {
        {"{\"kid\":\" a\"}", "1:2: warning: key 1: kid \" a\" begins or ends with white space"},
        {"{\"kid\":\"a\\n\"}", "1:2: warning: key 1: kid \"a\\x0a\" begins or ends with white space"},
        {"{\"kid\":\"a\\u001bb\"}", "1:2: warning: key 1: kid \"a\\x1bb\" holds a control character"},
        {"{\"x5t\":\"" SHA1_TEXT "\",\"issuer\":\"i\"}", "1:38: warning: key 1: member \"issuer\" narrows nothing"},
        {"{\"kid\":\"a\",\"use\":\"enc\"}", "1:12: warning: key 1: member \"use\" is \"enc\""},
        {"{\"kid\":\"a\",\"revoked_at\":\"2999-01-01T00:00:00Z\"}",
         "1:12: warning: key 1: member \"revoked_at\" is \"2999-01-01T00:00:00Z\", which is to come"},
        {"{\"kid\":\"a\",\"revoked_at\":\"1970-01-01T00:00:00Z\"}", "1:12: warning: key 1: member \"revoked_at\" is"},
        {"{\"kid\":\"a\",\"kty\":\"oct\",\"k\":\"AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ\"}",
         "1:24: warning: key 1: member \"k\" is a secret"},
        {"{\"kid\":\"a\",\"kty\":\"RSA\",\"p\":\"SECRET\"}",
         "1:24: warning: key 1: member \"p\" is part of a private key"},
        {"{\"kid\":\"a\",\"d\":\"SECRET\"}", "1:12: warning: key 1: member \"d\" is part of a private key"},
        {"{\"kid\":\"a\",\"kty\":\"AKP\",\"priv\":\"SECRET\"}",
         "1:24: warning: key 1: member \"priv\" is part of a private key"},
        {"{\"kid\":\"a\",\"kty\":\"rsa\"}", "1:12: warning: key 1: member \"kty\" is \"rsa\", which is not known"},
        {"{\"kid\":\"a\",\"kty\":\"EC\",\"crv\":\"P256\",\"x\":\"AAAA\",\"y\":\"AAAA\"}",
         "1:23: warning: key 1: member \"crv\" is \"P256\", which is not known"},
        {"{\"kid\":\"a\",\"kty\":\"RSA\",\"e\":\"AQAB\",\"n\":\"zAAA\"}",
         "1:35: warning: key 1: member \"n\" has about 24 bits"},
        {"{\"kid\":\"a\",\"x5t#s256\":\"b\"}",
         "1:12: warning: key 1: member \"x5t#s256\" is not known, and passed over; was "
         "\"x5t#S256\" meant?"},
        {"{\"kid\":\"a\",\"iss\":\"b\"}",
         "1:12: warning: key 1: member \"iss\" is not known, and passed over; was \"issuer\""},
        {"{\"kid\":\"a\",\"revokedAt\":\"b\"}", "1:12: warning: key 1: member \"revokedAt\" is not known"},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        assert_told(cases[i].content, &cases[i].expected, 1);
        assert_null(strstr(lint(cases[i].content, strlen(cases[i].content)).text, "SECRET"));
    }
    assert_nothing_told("{\"kid\":\"a\",\"use\":\"sig\",\"alg\":\"RS256\",\"key_ops\":[\"verify\"],\"issuer\":\"i\","
                        "\"revoked_at\":\"2023-07-11T00:00:00Z\",\"tenant\":\"x\"}");
}

/* The Storm-0558 key with another x5t, other numbers, or a time before its certificate's. */
static void members_that_contradict_the_certificate_are_told(void **state)
{
    (void)state;
    static const struct {
        const char *member, *value, *expected;
    } cases[] = {
        {"x5t", "jDR2jbwRwX8TQtsACVadF9gmNO8", "warning: key 1: member \"x5t\" is not the thumbprint of x5c's"},
        {"x5t#S256", "XYAGEwLjSmtKfKRfSk-IxMvK1Xm88tQNBehJ7usdoLI",
         "warning: key 1: member \"x5t#S256\" is not the thumbprint of x5c's"},
        {"e", "AQAD", "warning: key 1: the certificate in member \"x5c\" is not of the key"},
        {"revoked_at", "2016-04-05T14:43:34Z", "warning: key 1: the certificate is valid from a time after"},
        {"revoked_at", "2016-04-05T14:43:35Z", NULL}, /* openssl x509 -startdate */
        {"x5t", "D4:B4:CC:CD:A9:22:86:24:65:6B:FF:33:D8:11:09:55:77:96:32:AA", NULL},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        json_t *set = json_load_file("config/storm-0558.jwks.json", 0, NULL);
        json_t *key = json_array_get(json_object_get(set, "keys"), 0);
        json_object_set_new(key, cases[i].member, json_string(cases[i].value));
        char *content = json_dumps(set, 0);
        struct told told = lint(content, strlen(content));
        if (told.errors != 0 || told.warnings != (cases[i].expected != NULL) ||
            (cases[i].expected != NULL && strstr(told.text, cases[i].expected) == NULL))
            fail_msg("%s: %s", cases[i].value, told.text);
        free(content);
        json_decref(set);
    }
}

static void the_lists_that_are_shipped_have_no_mistakes(void **state)
{
    (void)state;
    struct told told = {.length = 0};
    struct key_lint *made;
    assert_int_equal(key_lint_create(&made, tell, &told), 0);
    snprintf(files_path, sizeof(files_path), "config/storm-0558.jwks.json");
    assert_int_equal(key_lint_file(made, files_path), 0);
    snprintf(files_path, sizeof(files_path), "tests/unit/data/keys/certificates.pem");
    assert_int_equal(key_lint_file(made, files_path), 0);
    assert_int_equal(told.warnings, 0);
    snprintf(files_path, sizeof(files_path), "config/revoked-keys.example.json");
    assert_int_equal(key_lint_file(made, files_path), 0);
    assert_int_equal(told.warnings, 2); /* a certificate of the file before, by its two thumbprints */
    assert_int_equal(key_list_entries(key_lint_list(made)), 11);
    key_lint_destroy(made);
}

/* ---- lint and load agree ---- */

/* Lint has errors where loading refuses, and only there. */
static void assert_agreement(const char *content, size_t length)
{
    struct key_list *list = files_new_list();
    struct error error = {""};
    struct told told = lint(content, length);
    bool is_taken = files_add(list, content, length, &error) == 0;
    if (is_taken != (told.errors == 0) || (!is_taken && error.text[0] == '\0'))
        fail_msg("loaded: %s\nlinted: %s\n%.*s", error.text, told.text, (int)length, content);
    key_list_destroy(list);
}

static const char *const samples[] = {
    "{\"keys\":[{\"kid\":\"a\",\"n1\":[1.5e-3,{\"b\":null}]},\r\n {\"x5t\":\"" SHA1_TEXT
    "\",\"reason\":\"\\u00fc\\ud83d"
    "\\ude00\",\"severity\":\"low\"},{\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"x\":"
    "\"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo\"}],\"a\":true}\n",
    "{\"kid\":\"sch\xc3\xbcssel\",\"revoked_at\":\"2023-07-11T00:00:00Z\"}",
    "# head\n" SHA1_HEX "  # why\r\nsch\xc3\xbcssel\n",
    "\xef\xbb\xbfwords before\n-----BEGIN PUBLIC "
    "KEY-----\r\nMCowBQYDK2VwAyEAGb9ECWmEzf6FQbrBZ9w7lshQhqowtrbLDFw4rXAxZuE=\r\n"
    "-----END PUBLIC KEY-----\r\n",
};

static void a_list_cut_at_any_byte_is_refused_or_taken_alike(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(samples); i++)
        for (size_t length = 0; length <= strlen(samples[i]); length++)
            assert_agreement(samples[i], length);
}

static void a_list_with_any_byte_changed_is_refused_or_taken_alike(void **state)
{
    (void)state;
    static const char bytes[] = "\0\n\"\\{}[],:=-aA0 \x80\xff";
    for (size_t i = 0; i < COUNT(samples); i++) {
        char copy[1024];
        size_t length = strlen(samples[i]);
        for (size_t at = 0; at < length; at++)
            for (size_t byte = at % 3; byte < sizeof(bytes) - 1; byte += 3) {
                memcpy(copy, samples[i], length);
                copy[at] = bytes[byte];
                assert_agreement(copy, length);
            }
    }
}

/* ---- the walk over a list ---- */

static const char *const listed_files[] = {
    "config/storm-0558.jwks.json",          "config/revoked-keys.example.json",
    "config/revoked-keys.example.txt",      "tests/unit/data/keys/certificates.pem",
    "tests/unit/data/keys/public-keys.pem", "tests/captures/revoked.jwks.json"};

/* What `keys list` shows can't differ from what a worker finds: each name of each entry leads to it, and there are as
 * many names in all as the table has. */
static void every_listed_name_leads_to_its_entry_in_the_table(void **state)
{
    (void)state;
    struct key_list *list = files_new_list();
    struct key_table *table;
    struct error error = {""};
    for (size_t i = 0; i < COUNT(listed_files); i++)
        if (key_list_add_file(list, listed_files[i], &error) != 0)
            fail_msg("%s", error.text);
    assert_int_equal(key_list_add_value(list, "by-value", &error), 0);
    if (key_table_create(list, 1, &table, &error) != 0)
        fail_msg("%s", error.text);

    struct key_list_cursor cursor = {0, 0};
    struct key_listed listed;
    size_t entries = 0, names = 0;
    while (key_list_next(list, &cursor, &listed)) {
        entries++;
        for (unsigned i = 0; i < listed.names_count; i++) {
            struct key_entry found[16];
            bool narrowed[16], is_there = false;
            unsigned count = files_find(table, listed.names[i].kind, listed.names[i].bytes, listed.names[i].length,
                                        found, narrowed, 16);
            for (unsigned k = 0; k < count; k++)
                is_there |= strcmp(found[k].id, listed.entry.id) == 0 && found[k].line == listed.entry.line &&
                            strcmp(found[k].source, listed.entry.source) == 0;
            assert_true(is_there);
            assert_true(listed.names[i].origins != 0);
            names++;
        }
    }
    assert_int_equal(entries, key_list_entries(list));
    assert_int_equal(names, key_list_names(list));
    assert_string_equal(listed.entry.source, "-k");
    key_table_destroy(table);
    key_list_destroy(list);
}

static void a_name_tells_what_members_it_comes_from(void **state)
{
    (void)state;
    struct key_list *list = files_new_list();
    struct key_list_cursor cursor = {0, 0};
    struct key_listed listed;
    assert_int_equal(key_list_add_file(list, "config/storm-0558.jwks.json", NULL), 0);
    assert_true(key_list_next(list, &cursor, &listed));
    assert_int_equal(listed.names_count, 4);
    assert_int_equal(listed.names[0].origins, KEY_FROM_KID);
    assert_int_equal(listed.names[1].kind, KEY_NAME_SHA1);
    assert_int_equal(listed.names[1].origins, KEY_FROM_KID | KEY_FROM_X5T | KEY_FROM_CERTIFICATE);
    assert_int_equal(listed.names[2].origins, KEY_FROM_NUMBERS | KEY_FROM_CERTIFICATE_KEY);
    assert_int_equal(listed.names[3].origins, KEY_FROM_CERTIFICATE);
    assert_false(key_list_next(list, &cursor, &listed));
    key_list_destroy(list);
}

static int set_up(void **state)
{
    static char *arguments[] = {"keys_lint", "--no-huge", "--no-shconf", "--no-pci", "--no-telemetry",
                                "-m",        "64",        "--log-level", "error"};
    (void)state;
    return rte_eal_init((int)COUNT(arguments), arguments) < 0 ? -1 : 0;
}

static int tear_down(void **state)
{
    (void)state;
    return rte_eal_cleanup();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_mistake_of_a_set_is_told_with_its_place),
        cmocka_unit_test(escapes_do_not_move_the_places_behind_them),
        cmocka_unit_test(keys_by_another_name_are_told_once),
        cmocka_unit_test(a_member_that_is_not_known_is_named_apart_from_the_text),
        cmocka_unit_test(every_mistake_of_a_text_is_told_with_its_place),
        cmocka_unit_test(every_mistake_of_pem_is_told_with_its_place),
        cmocka_unit_test(a_file_that_cannot_be_read_on_is_told_up_to_there),
        cmocka_unit_test(an_object_full_of_mistakes_is_told_in_linear_time),
        cmocka_unit_test(what_is_there_twice_is_told_with_both_places),
        cmocka_unit_test(what_is_there_twice_among_many_is_found),
        cmocka_unit_test(a_key_id_that_is_nearly_a_thumbprint_is_told),
        cmocka_unit_test(what_a_jwk_says_in_vain_is_told),
        cmocka_unit_test(members_that_contradict_the_certificate_are_told),
        cmocka_unit_test(the_lists_that_are_shipped_have_no_mistakes),
        cmocka_unit_test(a_list_cut_at_any_byte_is_refused_or_taken_alike),
        cmocka_unit_test(a_list_with_any_byte_changed_is_refused_or_taken_alike),
        cmocka_unit_test(every_listed_name_leads_to_its_entry_in_the_table),
        cmocka_unit_test(a_name_tells_what_members_it_comes_from),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}

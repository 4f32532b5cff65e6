/* SPDX-License-Identifier: BSD-3-Clause */
/* Both halves of the policy on the real key table: what is concluded of a whole token. */
#include <bearertap/verdict.h>

#include <rte_eal.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#define HOME  "https://login.example/home"
#define OTHER "https://login.example/other"

/* The Storm-0558 key's certificate, as bytes in hex (its x5t), and what RFC 8037 says of its example's key. */
#define STORM_X5T     "1LTMzakihiRla_8z2BEJVXeWMqo"
#define STORM_X5T_HEX "d4b4cccda9228624656bff33d8110955779632aa"
#define ED25519_JWK   "{\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"x\":\"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo\"}"

/* 300 characters that two issuers share. */
#define TEN      "0123456789"
#define HUNDRED  TEN TEN TEN TEN TEN TEN TEN TEN TEN TEN
#define LONGNESS HUNDRED HUNDRED HUNDRED

static const char key_set[] =
    "{\"keys\":["
    "{\"kid\":\"plain\"},"
    "{\"kid\":\"narrow\",\"issuer\":\"" HOME "\"},"
    "{\"kid\":\"shared\",\"issuer\":\"" HOME "\",\"reason\":\"first\"},"
    "{\"kid\":\"shared\",\"issuer\":\"" OTHER "\",\"reason\":\"second\"},"
    "{\"kid\":\"long\",\"issuer\":\"" LONGNESS "a\"},"
    "{\"kid\":\"" STORM_X5T "\",\"x5t\":\"" STORM_X5T "\",\"issuer\":\"" HOME "\"},"
    "{\"kid\":\"ed\",\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"x\":\"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo\","
    "\"issuer\":\"" HOME "\"},"
    "{\"kid\":\"worst-last\",\"severity\":\"critical\",\"reason\":\"the worst\"},"
    "{\"kid\":\"low\",\"severity\":\"low\"},{\"kid\":\"medium\",\"severity\":\"medium\"},"
    "{\"kid\":\"high\",\"severity\":\"high\"},{\"kid\":\"e1\"},{\"kid\":\"e2\"},{\"kid\":\"e3\"},{\"kid\":\"e4\"},{"
    "\"kid\":\"e5\"}";

/* And so many issuers that all call their key "default". */
#define ISSUERS 200

static struct key_table *table;

static int set_up(void **state)
{
    (void)state;
    char *arguments[] = {"test", "--no-huge", "--no-shconf", "--no-pci",    "--no-telemetry", "-m",
                         "64",   "--lcores",  "0",           "--log-level", "error"};
    if (rte_eal_init(sizeof(arguments) / sizeof(arguments[0]), arguments) < 0)
        return -1;

    char path[] = "/tmp/bearertap-verdict-XXXXXX";
    int fd = mkstemp(path);
    FILE *file = fd >= 0 ? fdopen(fd, "w") : NULL;
    if (file == NULL)
        return -1;
    fputs(key_set, file);
    for (int i = 0; i < ISSUERS; i++)
        fprintf(file, ",{\"kid\":\"default\",\"issuer\":\"https://%d.example\"}", i);
    fputs("]}", file);
    if (fclose(file) != 0)
        return -1;
    struct key_list *list;
    struct error error = {""};
    int result = key_list_create(&list);
    if (result == 0) {
        result = key_list_add_file(list, path, &error);
        if (result == 0)
            result = key_table_create(list, 1, &table, &error);
        key_list_destroy(list);
    }
    unlink(path);
    if (result < 0) {
        fprintf(stderr, "%s\n", error.text);
        return -1;
    }
    key_table_reader_online(table, 0);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    key_table_reader_offline(table, 0);
    key_table_destroy(table);
    return rte_eal_cleanup();
}

static struct conclusion conclusion;

static void conclude_text(const char *token, size_t length)
{
    static uint8_t scratch[TOKEN_MAX];
    struct token_fields fields;
    uint8_t *exact = malloc(length);
    memcpy(exact, token, length);
    token_read_fields(exact, length, scratch, &fields);
    memset(&conclusion, 0xaa, sizeof(conclusion));
    verdict_conclude(table, exact, length, &fields, scratch, &conclusion);
    free(exact);
}

/* Claims of NULL: the token ends with its header and the dot. */
static void conclude(const char *header, const char *claims)
{
    static char token[2 * TOKEN_MAX];
    size_t length = base64url_encode((const uint8_t *)header, strlen(header), token);
    token[length++] = '.';
    if (claims != NULL) {
        length += base64url_encode((const uint8_t *)claims, strlen(claims), token + length);
        length += (size_t)sprintf(token + length, ".c2ln");
    }
    conclude_text(token, length);
}

static void assert_nothing_found(void)
{
    assert_int_equal(conclusion.finding, FINDING_NONE);
    assert_int_equal(conclusion.entries_count, 0);
}

static void assert_found(const char *id, unsigned matched_by, enum issuer_relation issuer)
{
    assert_int_equal(conclusion.finding, FINDING_REVOKED_KEY);
    assert_int_equal(conclusion.entries_count, 1);
    assert_string_equal(conclusion.entries[0].entry.id, id);
    assert_int_equal(conclusion.entries[0].matched_by, matched_by);
    assert_int_equal(conclusion.entries[0].issuer, issuer);
}

#define BY(kind) (1u << KEY_REFERENCE_##kind)

static void a_kid_of_an_entry_without_issuer_counts_for_every_token(void **state)
{
    (void)state;
    conclude("{\"kid\":\"plain\"}", "{\"iss\":\"" OTHER "\"}");
    assert_found("plain", BY(KID), ISSUER_UNKNOWN);
    conclude("{\"kid\":\"Plain\"}", "{\"iss\":\"" OTHER "\"}");
    assert_nothing_found();
}

static void a_narrowed_kid_counts_for_its_issuer_and_not_for_another(void **state)
{
    (void)state;
    conclude("{\"kid\":\"narrow\"}", "{\"iss\":\"" HOME "\"}");
    assert_found("narrow", BY(KID), ISSUER_SAME);
    conclude("{\"kid\":\"narrow\"}", "{\"iss\":\"https:\\/\\/login.example\\u002fhome\"}");
    assert_found("narrow", BY(KID), ISSUER_SAME);
    conclude("{\"kid\":\"narrow\"}", "{\"iss\":\"" OTHER "\"}");
    assert_nothing_found();
    conclude("{\"kid\":\"narrow\"}", "{\"iss\":\"" HOME "/\"}");
    assert_nothing_found();
}

static void a_narrowed_kid_counts_where_the_issuer_cannot_be_read(void **state)
{
    (void)state;
    conclude("{\"kid\":\"narrow\"}", NULL);
    assert_found("narrow", BY(KID), ISSUER_UNKNOWN);
    conclude("{\"kid\":\"narrow\"}", "{\"sub\":\"x\"}");
    assert_found("narrow", BY(KID), ISSUER_UNKNOWN);
    conclude("{\"kid\":\"narrow\"}", "{\"iss\":null}");
    assert_found("narrow", BY(KID), ISSUER_UNKNOWN);
    conclude("{\"kid\":\"narrow\",\"alg\":\"dir\",\"enc\":\"A256GCM\"}", "{\"iss\":\"" OTHER "\"}");
    assert_found("narrow", BY(KID), ISSUER_UNKNOWN);
}

static void of_entries_that_share_a_kid_the_issuer_picks_one(void **state)
{
    (void)state;
    conclude("{\"kid\":\"shared\"}", "{\"iss\":\"" OTHER "\"}");
    assert_found("shared", BY(KID), ISSUER_SAME);
    assert_string_equal(conclusion.entries[0].entry.reason, "second");
    conclude("{\"kid\":\"shared\"}", NULL);
    assert_int_equal(conclusion.entries_count, 2);
}

static void one_of_duplicate_issuers_is_enough(void **state)
{
    (void)state;
    conclude("{\"kid\":\"narrow\"}", "{\"iss\":\"" HOME "\",\"iss\":\"" OTHER "\"}");
    assert_found("narrow", BY(KID), ISSUER_SAME);
    conclude("{\"kid\":\"narrow\"}", "{\"iss\":\"" OTHER "\",\"iss\":\"" HOME "\"}");
    assert_found("narrow", BY(KID), ISSUER_SAME);
}

static void so_many_issuers_that_not_all_are_read_are_no_excuse(void **state)
{
    (void)state;
    char claims[512] = "{";
    for (int i = 0; i < 8; i++)
        strcat(claims, "\"iss\":\"x\",");
    size_t length = strlen(claims);
    strcpy(claims + length, "\"iss\":\"" HOME "\"}");
    conclude("{\"kid\":\"narrow\"}", claims);
    assert_found("narrow", BY(KID), ISSUER_UNKNOWN);
    strcpy(claims + length, "\"sub\":\"x\"}");
    conclude("{\"kid\":\"narrow\"}", claims);
    assert_nothing_found();
}

static void long_issuers_are_compared_in_full(void **state)
{
    (void)state;
    conclude("{\"kid\":\"long\"}", "{\"iss\":\"" LONGNESS "a\"}");
    assert_found("long", BY(KID), ISSUER_SAME);
    conclude("{\"kid\":\"long\"}", "{\"iss\":\"" LONGNESS "b\"}");
    assert_nothing_found();
}

static void a_thumbprint_counts_whatever_issuer_the_token_claims(void **state)
{
    (void)state;
    conclude("{\"x5t\":\"" STORM_X5T "\"}", "{\"iss\":\"" OTHER "\"}");
    assert_found(STORM_X5T, BY(X5T), ISSUER_OTHER);
    conclude("{\"kid\":\"" STORM_X5T_HEX "\"}", "{\"iss\":\"" OTHER "\"}");
    assert_found(STORM_X5T, BY(KID), ISSUER_OTHER);
    conclude("{\"kid\":\"" STORM_X5T "\"}", "{\"iss\":\"" HOME "\"}");
    assert_found(STORM_X5T, BY(KID), ISSUER_SAME);
    conclude("{\"jwk\":" ED25519_JWK "}", "{\"iss\":\"" OTHER "\"}");
    assert_found("ed", BY(JWK), ISSUER_OTHER);
}

static void an_entry_matched_in_several_ways_is_one_entry(void **state)
{
    (void)state;
    conclude("{\"kid\":\"" STORM_X5T "\",\"x5t\":\"" STORM_X5T "\",\"kid\":\"" STORM_X5T "\"}",
             "{\"iss\":\"" OTHER "\"}");
    assert_found(STORM_X5T, BY(KID) | BY(X5T), ISSUER_OTHER);
    conclude("{\"kid\":\"ed\",\"jwk\":" ED25519_JWK "}", "{\"iss\":\"" HOME "\"}");
    assert_found("ed", BY(KID) | BY(JWK), ISSUER_SAME);
    /* The plain kid is another issuer's and does not count as a way it matched. */
    conclude("{\"kid\":\"ed\",\"jwk\":" ED25519_JWK "}", "{\"iss\":\"" OTHER "\"}");
    assert_found("ed", BY(JWK), ISSUER_OTHER);
}

static void several_entries_are_told_up_to_the_maximum(void **state)
{
    (void)state;
    conclude("{\"kid\":\"e3\",\"kid\":\"none\",\"kid\":\"e1\"}", NULL);
    assert_int_equal(conclusion.entries_count, 2);
    assert_string_equal(conclusion.entries[0].entry.id, "e3");
    assert_string_equal(conclusion.entries[1].entry.id, "e1");
    conclude("{\"kid\":\"e1\",\"kid\":\"e2\",\"kid\":\"e3\",\"kid\":\"e4\",\"kid\":\"e5\",\"kid\":\"e1\"}", NULL);
    assert_int_equal(conclusion.finding, FINDING_REVOKED_KEY);
    assert_int_equal(conclusion.entries_count, CONCLUSION_ENTRIES_MAX);
    assert_string_equal(conclusion.entries[3].entry.id, "e4");
}

static void nothing_is_concluded_of_an_opaque_string_or_without_keys(void **state)
{
    (void)state;
    static uint8_t scratch[TOKEN_MAX];
    static const char token[] = "eyJraWQiOiJwbGFpbiJ9.e30.c2ln"; /* {"kid":"plain"} */
    struct token_fields fields;
    conclude_text("c29tZXRoaW5n", 12);
    assert_nothing_found();
    conclude_text(".", 1);
    assert_nothing_found();
    conclude_text(token, strlen(token));
    assert_found("plain", BY(KID), ISSUER_UNKNOWN);
    token_read_fields((const uint8_t *)token, strlen(token), scratch, &fields);
    verdict_conclude(NULL, (const uint8_t *)token, strlen(token), &fields, scratch, &conclusion);
    assert_nothing_found();
}

static void a_token_of_the_greatest_length_is_concluded(void **state)
{
    (void)state;
    static char token[TOKEN_MAX + 1];
    size_t length = (size_t)sprintf(token, "eyJraWQiOiJuYXJyb3cifQ."); /* {"kid":"narrow"} */
    static char claims[TOKEN_MAX];
    size_t claims_length = (TOKEN_MAX - length) / 4 * 3;
    memset(claims, ' ', claims_length);
    memcpy(claims, "{", 1);
    memcpy(claims + claims_length - strlen("\"iss\":\"" OTHER "\"}"), "\"iss\":\"" OTHER "\"}",
           strlen("\"iss\":\"" OTHER "\"}"));
    length += base64url_encode((const uint8_t *)claims, claims_length, token + length);
    assert_true(length > TOKEN_MAX - 4);
    conclude_text(token, length);
    assert_nothing_found();
}

static void the_worker_passes_on_what_the_alert_side_may_find(void **state)
{
    (void)state;
    static const char *const headers[] = {"{\"kid\":\"plain\"}",         "{\"kid\":\"narrow\"}",
                                          "{\"x5t\":\"" STORM_X5T "\"}", "{\"kid\":\"" STORM_X5T_HEX "\"}",
                                          "{\"jwk\":" ED25519_JWK "}",   "{\"alg\":\"none\",\"kid\":\"clean\"}"};
    struct verdict_memory *memory = verdict_memory_create(table);
    assert_non_null(memory);
    for (size_t i = 0; i < sizeof(headers) / sizeof(headers[0]); i++) {
        char text[256];
        size_t length = base64url_encode((const uint8_t *)headers[i], strlen(headers[i]), text);
        struct verdict verdict = verdict_judge(memory, (const uint8_t *)text, length);
        assert_true(verdict.is_token);
        assert_int_equal(verdict.possible_finding, i < 5);
    }
    verdict_memory_destroy(memory);
}

static void findings_and_relations_have_their_names(void **state)
{
    (void)state;
    assert_string_equal(finding_rows[FINDING_REVOKED_KEY].id, "revoked-key");
    assert_string_equal(finding_rows[FINDING_REVOKED_KEY].action, "revoked-key-used");
    assert_string_equal(issuer_relation_names[ISSUER_UNKNOWN], "unknown");
    assert_string_equal(issuer_relation_names[ISSUER_SAME], "same");
    assert_string_equal(issuer_relation_names[ISSUER_OTHER], "other");
}

static void a_kid_may_be_listed_for_any_number_of_issuers(void **state)
{
    (void)state;
    for (int i = 0; i < ISSUERS; i++) {
        char claims[64], issuer[32];
        snprintf(issuer, sizeof(issuer), "https://%d.example", i);
        snprintf(claims, sizeof(claims), "{\"iss\":\"%s\"}", issuer);
        conclude("{\"kid\":\"default\"}", claims);
        assert_found("default", BY(KID), ISSUER_SAME);
        assert_string_equal(conclusion.entries[0].entry.issuer, issuer);
    }
    conclude("{\"kid\":\"default\"}", "{\"iss\":\"https://200.example\"}");
    assert_nothing_found();
}

static void severity_is_the_highest_of_all_entries_that_match(void **state)
{
    (void)state;
    static const struct {
        const char *header;
        enum severity severity;
    } cases[] = {
        {"{\"kid\":\"low\"}", 30},
        {"{\"kid\":\"low\",\"kid\":\"medium\"}", 50},
        {"{\"kid\":\"high\",\"kid\":\"low\"}", 70},
        {"{\"kid\":\"plain\"}", 70}, /* a key is revoked for a reason */
        {"{\"kid\":\"low\",\"kid\":\"plain\"}", 70},
        {"{\"kid\":\"worst-last\",\"kid\":\"low\"}", 90},
        /* The fifth has no room among the entries. */
        {"{\"kid\":\"e1\",\"kid\":\"e2\",\"kid\":\"e3\",\"kid\":\"e4\",\"kid\":\"worst-last\"}", 90},
        {"{\"kid\":\"nobody\"}", 0},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        conclude(cases[i].header, "{}");
        assert_int_equal(conclusion.severity, cases[i].severity);
        assert_int_equal(conclusion.finding, cases[i].severity > 0 ? FINDING_REVOKED_KEY : FINDING_NONE);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_kid_of_an_entry_without_issuer_counts_for_every_token),
        cmocka_unit_test(a_narrowed_kid_counts_for_its_issuer_and_not_for_another),
        cmocka_unit_test(a_narrowed_kid_counts_where_the_issuer_cannot_be_read),
        cmocka_unit_test(of_entries_that_share_a_kid_the_issuer_picks_one),
        cmocka_unit_test(one_of_duplicate_issuers_is_enough),
        cmocka_unit_test(so_many_issuers_that_not_all_are_read_are_no_excuse),
        cmocka_unit_test(long_issuers_are_compared_in_full),
        cmocka_unit_test(a_thumbprint_counts_whatever_issuer_the_token_claims),
        cmocka_unit_test(an_entry_matched_in_several_ways_is_one_entry),
        cmocka_unit_test(several_entries_are_told_up_to_the_maximum),
        cmocka_unit_test(nothing_is_concluded_of_an_opaque_string_or_without_keys),
        cmocka_unit_test(a_token_of_the_greatest_length_is_concluded),
        cmocka_unit_test(the_worker_passes_on_what_the_alert_side_may_find),
        cmocka_unit_test(findings_and_relations_have_their_names),
        cmocka_unit_test(a_kid_may_be_listed_for_any_number_of_issuers),
        cmocka_unit_test(severity_is_the_highest_of_all_entries_that_match),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}

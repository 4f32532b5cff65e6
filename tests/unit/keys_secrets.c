/* SPDX-License-Identifier: BSD-3-Clause */
/* Tokens and private keys that someone put into a list: refused, and never shown. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <jansson.h>

#include <bearertap/keys.h>

#include "keys_files.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static void an_error_does_not_show_secrets(void **state)
{
    (void)state;
    static const char *const contents[] = {
        "{\"kty\":\"oct\",\"k\":\"SECRET!\"}",
        "{\"kty\":\"RSA\",\"n\":\"AAAA\",\"e\":\"AQAB\",\"d\":\"SECRET\"}",
        "{\"kid\":SECRET}",
        "eyJhbGciOiJSUzI1NiJ9.SECRET.SECRET",
        "Authorization: Bearer SECRET",
    };
    for (size_t i = 0; i < COUNT(contents); i++) {
        struct key_list *list = files_new_list();
        struct error error = {""};
        assert_true(files_add(list, contents[i], strlen(contents[i]), &error) < 0);
        assert_true(strlen(error.text) > 0);
        assert_null(strstr(error.text, "SECRET"));
        key_list_destroy(list);
    }
}

/* Tokens with their secret parts, wherever someone may paste them: alone, behind words, as JWE, with odd headers. */
#define SECRET_TOKEN "eyJhbGciOiJSUzI1NiJ9.SECRET.SECRET"
static const char *const secret_tokens[] = {
    SECRET_TOKEN,
    "Bearer " SECRET_TOKEN,
    "Authorization:Bearer_" SECRET_TOKEN,
    "eyJhbGciOiJkaXIiLCJlbmMiOiJBMTI4R0NNIn0..SECRET.SECRET.SECRET",
    "found.in.a.log: token=" SECRET_TOKEN "; see there",
    "{'a': '" SECRET_TOKEN "'}",
    "https://a.example/eyJhbGciOiJSUzI1NiJ9==.SECRET.SECRET",
    "eyAiYWxnIiA6ICJSUzI1NiIgfQ.SECRET.SECRET",   /* { "alg" : "RS256" } */
    "ewogICJhbGciOiAiUlMyNTYiCn0.SECRET.SECRET",  /* of several lines */
    "CnsiYWxnIjoiUlMyNTYifQ.SECRET.SECRET",       /* a line feed before it */
    "eyJhXCJsZyI6MSwiYWxnIjoiUlMyNTYifQ.SECRET.", /* {"a\"lg":1, */
    "eyLDqSI6ImFsZyIsImEiOiJSUzI1NiJ9.SECRET.",   /* {"\u00e9": */
    "eyJhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhIjoxfQ.SECRET.SECRET",
};

/* Host names and versions, which have dots and an "ey" too. */
static const char *const no_tokens[] = {
    "https://journey-planner-accounts-prod.eu.example",
    "keys-monkeys-issuer-prod.v1.2",
    "KeyJsonWebTokenProduction.eu.example",
    "https://login.example/eyJhbGciOiJSUzI1NiJ9/v2.0",
    "eyJhbGciOiJSUzI1NiJ9.payload",
    "ey.a.b",
    "a..b...c",
};

static void a_token_inside_any_member_is_refused_and_not_shown(void **state)
{
    (void)state;
    static const char *const members[] = {"kid", "x5t",        "x5t#S256", "issuer", "reason", "severity",
                                          "kty", "revoked_at", "crv",      "n",      "e"};
    for (size_t i = 0; i < COUNT(secret_tokens); i++)
        for (size_t k = 0; k < COUNT(members); k++) {
            json_t *key = json_pack("{ss ss ss ss ss}", "kid", "a", "kty",
                                    k < 8    ? "AKP"
                                    : k == 8 ? "EC"
                                             : "RSA",
                                    "n", "AQAB", "e", "AQAB", "crv", "P-256");
            json_object_set_new(key, "x", json_string("AQAB"));
            json_object_set_new(key, "y", json_string("AQAB"));
            json_object_set_new(key, members[k], json_string(secret_tokens[i]));
            char *content = json_dumps(key, 0), expected[64];
            snprintf(expected, sizeof(expected), "member \"%s\" is what looks like a whole token", members[k]);
            assert_refused(content, expected);
            struct error error;
            struct key_list *list = files_new_list();
            files_add(list, content, strlen(content), &error);
            assert_null(strstr(error.text, "SECRET"));
            key_list_destroy(list);
            free(content);
            json_decref(key);
        }
    for (size_t i = 0; i < COUNT(no_tokens); i++) {
        char content[256];
        snprintf(content, sizeof(content), "{\"kid\":\"%s\",\"issuer\":\"%s\",\"reason\":\"%s\"}", no_tokens[i],
                 no_tokens[i], no_tokens[i]);
        assert_taken(content, 1, 1);
    }
}

static void a_token_inside_a_key_id_is_refused_and_not_shown(void **state)
{
    (void)state;
    struct key_list *list = files_new_list();
    for (size_t i = 0; i < COUNT(secret_tokens); i++) {
        struct error error = {""}, file_error = {""};
        assert_int_equal(key_list_add_value(list, secret_tokens[i], &error), -EINVAL);
        assert_int_equal(files_add(list, secret_tokens[i], strlen(secret_tokens[i]), &file_error), -EINVAL);
        assert_null(strstr(error.text, "SECRET"));
        assert_null(strstr(file_error.text, "SECRET"));
        assert_true(strlen(error.text) > 0 && strlen(file_error.text) > 0);
    }
    for (size_t i = 0; i < COUNT(no_tokens); i++)
        assert_taken(no_tokens[i], 1, 1);
    key_list_destroy(list);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_error_does_not_show_secrets),
        cmocka_unit_test(a_token_inside_any_member_is_refused_and_not_shown),
        cmocka_unit_test(a_token_inside_a_key_id_is_refused_and_not_shown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: BSD-3-Clause */
/* JOSE headers. Expected values are the RFCs' own examples, or come from openssl and jwcrypto. */
#include <bearertap/token.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define BYTES(text) (const uint8_t *)(text), strlen(text)

/* Each reference as "name:hex", a kid as "kid:text", with a space behind. */
static void assert_references(const char *header, const char *expected)
{
    static struct jose_references iterator;
    struct key_reference reference;
    char got[2048] = "";
    size_t used = 0;
    size_t length = strlen(header);
    uint8_t *copy = malloc(length + 1);
    memcpy(copy, header, length);
    memset(&iterator, 0xaa, sizeof(iterator));
    jose_references_begin(&iterator, copy, length);
    while (jose_references_next(&iterator, &reference)) {
        used += (size_t)snprintf(got + used, sizeof(got) - used, "%s:", key_reference_names[reference.kind]);
        for (size_t i = 0; i < reference.length; i++)
            used += (size_t)snprintf(got + used, sizeof(got) - used,
                                     reference.kind == KEY_REFERENCE_KID ? "%c" : "%02x", reference.bytes[i]);
        used += (size_t)snprintf(got + used, sizeof(got) - used, " ");
    }
    assert_string_equal(got, expected);
    free(copy);
}

#define SHA1_OF_STORM_0558   "d4b4cccda9228624656bff33d8110955779632aa"
#define SHA256_OF_STORM_0558 "43ea0217de39066a36164e21655e8ed7b2efaa67e4155033837ada26df6bb59e"

static void every_kid_is_yielded_in_order_and_unescaped(void **state)
{
    (void)state;
    assert_references("{\"kid\":\"a\",\"alg\":\"none\",\"\\u006bid\":\"b\\u0063\\/\",\"kid\":\"\"}",
                      "kid:a kid:bc/ kid: ");
    assert_references("{\"kid\":17,\"kid\":-1.0e5}", "kid:17 kid:-1.0e5 ");
    /* However many of a name's characters are escaped. */
    assert_references("{\"k\\u0069\\u0064\":\"a\",\"\\u006b\\u0069\\u0064\":\"b\",\"\\u0061lg\":\"none\"}",
                      "kid:a kid:b ");
    assert_references("{\"kid\":null,\"kid\":{\"kid\":\"x\"},\"kid\":[\"x\"],\"x\":{\"kid\":\"x\"},\"k\":\"x\"}", "");
    assert_references("not json", "");
}

static bool some_are_left_out(const char *header)
{
    struct jose_references iterator;
    struct key_reference reference;
    jose_references_begin(&iterator, BYTES(header));
    while (jose_references_next(&iterator, &reference))
        ;
    return iterator.left_out;
}

/* More than a header's makers write, so that one could be lost among them: of each kind the first four and the last. */
static void of_many_references_the_first_and_the_last_of_each_kind_are_yielded(void **state)
{
    (void)state;
    static const char five[] = "{\"kid\":\"0\",\"kid\":\"1\",\"kid\":\"2\",\"kid\":\"3\",\"kid\":\"last\"}";
    assert_references(five, "kid:0 kid:1 kid:2 kid:3 kid:last ");
    assert_false(some_are_left_out(five));

    char header[2048] = "{", hidden[sizeof(header) + 32];
    for (int i = 0; i < 20; i++)
        strcat(header, "\"x5t\":\"AA\",\"x5c\":[\"\"],\"jwk\":{},\"x5t#S256\":0,");
    snprintf(hidden, sizeof(hidden), "%s\"kid\":\"first\",\"kid\":\"second\"}", header);
    assert_references(hidden, "kid:first kid:second "); /* whatever else there is */
    assert_true(some_are_left_out(hidden));

    static const char six[] = "{\"kid\":\"0\",\"kid\":\"1\",\"kid\":\"2\",\"kid\":\"3\",\"kid\":\"lost\","
                              "\"x5t\":\"1LTMzakihiRla_8z2BEJVXeWMqo\",\"kid\":\"last\"}";
    assert_references(six, "kid:0 kid:1 kid:2 kid:3 x5t:" SHA1_OF_STORM_0558 " kid:last ");
    assert_true(some_are_left_out(six));
}

static void kids_before_a_malformed_tail_are_yielded(void **state)
{
    (void)state;
    assert_references("{\"kid\":\"a\",\"kid\":\"b\",", "kid:a kid:b ");
}

static void an_x5t_is_read_in_every_spelling(void **state)
{
    (void)state;
    static const char *const spellings[] = {
        "1LTMzakihiRla_8z2BEJVXeWMqo",
        "1LTMzakihiRla/8z2BEJVXeWMqo=", "1LTMzakihiRla\\/8z2BEJVXeWMqo=", SHA1_OF_STORM_0558,
        "D4B4CCCDA9228624656BFF33D8110955779632AA", "d4:b4:cc:cd:a9:22:86:24:65:6b:ff:33:d8:11:09:55:77:96:32:aa",
        /* printf d4b4...32aa | basenc --base64url */
        "ZDRiNGNjY2RhOTIyODYyNDY1NmJmZjMzZDgxMTA5NTU3Nzk2MzJhYQ"};
    for (size_t i = 0; i < sizeof(spellings) / sizeof(spellings[0]); i++) {
        char header[256];
        snprintf(header, sizeof(header), "{\"x5t\":\"%s\"}", spellings[i]);
        assert_references(header, "x5t:" SHA1_OF_STORM_0558 " ");
    }
    assert_references("{\"x5t#S256\":\"Q-oCF945Bmo2Fk4hZV6O17LvqmfkFVAzg3raJt9rtZ4\"}",
                      "x5t#S256:" SHA256_OF_STORM_0558 " ");
    assert_references("{\"x5t#S256\":\"" SHA256_OF_STORM_0558 "\"}", "x5t#S256:" SHA256_OF_STORM_0558 " ");
}

static void an_x5t_of_another_length_yields_nothing(void **state)
{
    (void)state;
    assert_references("{\"x5t\":\"1LTMzakihiRla_8z2BEJVXeWMg\",\"x5t\":\"\",\"x5t\":5,\"x5t#S256\":"
                      "\"1LTMzakihiRla_8z2BEJVXeWMqo\",\"x5t\":\"Q-oCF945Bmo2Fk4hZV6O17LvqmfkFVAzg3raJt9rtZ4\"}",
                      "");
    assert_references("{\"x5t\":\"" SHA1_OF_STORM_0558 "a\",\"x5t\":\":" SHA1_OF_STORM_0558 "\"}", "");
}

/* A self-signed P-256 certificate; its digests by `openssl dgst`. */
#define CERTIFICATE_BASE64                                                                                             \
    "MIIBbjCCAROgAwIBAgIUfpSSys9NGmbmS+9LhEDJLdOGRTowCgYIKoZIzj0EAwIwDDEKMAgGA1UEAwwBdDAeFw0yNjExMjQwMTQx"             \
    "MzNaFw0yNjExMjUwMTQxMzNaMAwxCjAIBgNVBAMMAXQwWTATBgcqhkjOPQIBBggqhkjOPQMBBwNCAATkap1PtSHj8f4ibCtsvOaL"             \
    "0Y3DQ6I7aN73VJahH6EXmHPMH3QPNkqMUaUMyNInNyOtwL6plBGu6QWGgK3k4VLDo1MwUTAdBgNVHQ4EFgQUPCuwF91HrAmIXdNx"             \
    "niyFHWcMx5kwHwYDVR0jBBgwFoAUPCuwF91HrAmIXdNxniyFHWcMx5kwDwYDVR0TAQH/BAUwAwEB/zAKBggqhkjOPQQDAgNJADBG"             \
    "AiEA4ks5XqGRPV/O8ZH9+5CRdRvlez0iEhhZMzQppRQJPwgCIQDGT8Dyw4mSEDEKQD+qcujzp9lD3gP49sLV+rwIx4jj6A=="
#define CERTIFICATE_SHA1   "9b25e663270340e9a2a6ebf2f440b8ac112bb6ca"
#define CERTIFICATE_SHA256 "e744b602f1cff139394ad00e8f8f9fc96a0db40e1baf6f7a94fcea74a1e7695f"

static void the_first_certificate_of_an_x5c_yields_both_its_digests(void **state)
{
    (void)state;
    assert_references("{\"x5c\":[\"" CERTIFICATE_BASE64 "\",\"AAAA\"],\"kid\":\"z\"}",
                      "x5c:" CERTIFICATE_SHA1 " x5c:" CERTIFICATE_SHA256 " kid:z ");
    assert_references("{\"x5c\": [ \"\\n" CERTIFICATE_BASE64 "\" ] }",
                      "x5c:" CERTIFICATE_SHA1 " x5c:" CERTIFICATE_SHA256 " ");
}

static void an_x5c_without_a_certificate_yields_nothing(void **state)
{
    (void)state;
    assert_references(
        "{\"x5c\":[],\"x5c\":[ ],\"x5c\":[\"\"],\"x5c\":[1234,\"AAAA\"],\"x5c\":\"AAAA\",\"x5c\":[\"!\"]}", "");
}

/* RFC 7638 section 3.1. */
#define RFC_7638_N                                                                                                     \
    "0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECPebWKRXjBZCiFV4n3oknj" \
    "hMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQMicAtaSqzs8KJZgnYb9c7d0zgdAZHzu6qMQ" \
    "vRL5hajrn1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-kEgU8awapJzK" \
    "nqDKgw"

static void assert_thumbprint(const char *jwk, const char *expected)
{
    uint8_t thumbprint[32];
    char encoded[44];
    assert_true(jwk_thumbprint(BYTES(jwk), thumbprint));
    base64url_encode(thumbprint, sizeof(thumbprint), encoded);
    assert_string_equal(encoded, expected);
}

static void thumbprints_are_those_of_rfc_7638_and_rfc_8037(void **state)
{
    (void)state;
    assert_thumbprint("{\"kty\":\"RSA\",\"n\":\"" RFC_7638_N
                      "\",\"e\":\"AQAB\",\"alg\":\"RS256\",\"kid\":\"2011-04-29\"}",
                      "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs");
    assert_thumbprint("{\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"x\":\"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo\"}",
                      "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k");
}

static void thumbprints_of_other_key_types_are_those_of_jwcrypto(void **state)
{
    (void)state;
    assert_thumbprint("{\"y\":\"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0\",\"kty\":\"EC\",\"crv\":\"P-256\","
                      "\"x\":\"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU\"}",
                      "oKIywvGUpTVTyxMQ3bwIIeQUudfr_CkLMjCE19ECD-U");
    assert_thumbprint(
        "{\"kty\":\"oct\",\"k\":\"AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-1qS0gZH75aKtMN3Yj0iPS4hcgUu"
        "TwjAzZr1Z9CAow\"}",
        "y_x3gCJnL6oKGBBIXScabduwxTVy2Wd2bzRVEUbdUzc");
}

static void escapes_and_duplicates_do_not_change_a_thumbprint(void **state)
{
    (void)state;
    assert_thumbprint("{\"x\":\"AAAA\",\"\\u0078\":\"\\u00311qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHUR\\u006f\","
                      "\"kty\":\"\\u004fKP\",\"crv\":\"Ed2551\\u0039\"}",
                      "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k");
}

static void a_jwk_without_a_required_member_has_no_thumbprint(void **state)
{
    (void)state;
    static const char *const incomplete[] = {"{}",
                                             "{\"kty\":\"RSA\",\"e\":\"AQAB\"}",
                                             "{\"n\":\"AA\",\"e\":\"AQAB\"}",
                                             "{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"AA\"}",
                                             "{\"kty\":\"oct\",\"k\":1}",
                                             "{\"kty\":\"new\",\"k\":\"AA\"}",
                                             "{\"kty\":\"oct\",\"k\":\"AA\",\"k\":1}"};
    for (size_t i = 0; i < sizeof(incomplete) / sizeof(incomplete[0]); i++) {
        uint8_t thumbprint[32];
        assert_false(jwk_thumbprint(BYTES(incomplete[i]), thumbprint));
    }
}

static void an_embedded_jwk_yields_its_thumbprint(void **state)
{
    (void)state;
    /* The RFC 8037 thumbprint above in hex, by `basenc --base64url -d | xxd -p`. */
    assert_references(
        "{\"jwk\":{\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"x\":\"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo\""
        "},\"jwk\":{\"kty\":\"OKP\"},\"jwk\":\"x\",\"kid\":\"a\"}",
        "jwk:90facafea9b1556698540f70c0117a22ea37bd5cf3ed3c47093c1707282b4b89 kid:a ");
}

static void headers_of_rfc_7515_and_rfc_7516_are_summed_up(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        enum token_algorithm algorithm;
        enum token_format format;
    } headers[] = {
        {"eyJ0eXAiOiJKV1QiLA0KICJhbGciOiJIUzI1NiJ9", TOKEN_ALGORITHM_HS256, TOKEN_JWS},
        {"eyJhbGciOiJSUzI1NiJ9", TOKEN_ALGORITHM_RS256, TOKEN_JWS},
        {"eyJhbGciOiJFUzI1NiJ9", TOKEN_ALGORITHM_ES256, TOKEN_JWS},
        {"eyJhbGciOiJFUzUxMiJ9", TOKEN_ALGORITHM_ES512, TOKEN_JWS},
        {"eyJhbGciOiJub25lIn0", TOKEN_ALGORITHM_NONE, TOKEN_JWS},
        {"eyJhbGciOiJSU0EtT0FFUCIsImVuYyI6IkEyNTZHQ00ifQ", TOKEN_ALGORITHM_RSA_OAEP, TOKEN_JWE},
        {"eyJhbGciOiJSU0ExXzUiLCJlbmMiOiJBMTI4Q0JDLUhTMjU2In0", TOKEN_ALGORITHM_RSA1_5, TOKEN_JWE},
        {"eyJhbGciOiJBMTI4S1ciLCJlbmMiOiJBMTI4Q0JDLUhTMjU2In0", TOKEN_ALGORITHM_OTHER, TOKEN_JWE},
    };
    for (size_t i = 0; i < sizeof(headers) / sizeof(headers[0]); i++) {
        uint8_t header[128];
        struct jose_summary summary;
        ptrdiff_t length = base64url_decode(BYTES(headers[i].text), header, sizeof(header), NULL);
        assert_true(jose_summarize(header, (size_t)length, &summary));
        assert_int_equal(summary.algorithm, headers[i].algorithm);
        assert_int_equal(summary.format, headers[i].format);
        assert_false(summary.names_a_key);
        assert_true(jose_summary_is_header(&summary));
    }
}

static void every_named_algorithm_is_found_by_its_name(void **state)
{
    (void)state;
    for (int i = TOKEN_ALGORITHM_NONE; i < TOKEN_ALGORITHMS; i++) {
        char header[64];
        struct jose_summary summary;
        snprintf(header, sizeof(header), "{\"alg\":\"HS1\",\"alg\":\"%s\"}", token_algorithm_names[i]);
        assert_true(jose_summarize(BYTES(header), &summary));
        assert_int_equal(summary.algorithm, i);
    }
}

static void what_is_no_object_with_a_member_is_no_header(void **state)
{
    (void)state;
    static const char *const texts[] = {"", "{}", "[\"alg\"]", "\"alg\"", "{\"alg", "\xde\xad\xbe\xef"};
    struct jose_summary summary;
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
        assert_false(jose_summarize(BYTES(texts[i]), &summary));
    assert_true(jose_summarize(BYTES("{\"user\":1}"), &summary));
    assert_int_equal(summary.algorithm, TOKEN_ALGORITHM_MISSING);
    assert_false(jose_summary_is_header(&summary));
    assert_true(jose_summarize(BYTES("{\"alg\":5}"), &summary));
    assert_int_equal(summary.algorithm, TOKEN_ALGORITHM_OTHER);
}

static void each_way_to_name_a_key_is_noticed(void **state)
{
    (void)state;
    static const char *const words[] = {"kid", "x5t", "x5t#S256", "jwk", "x5c"};
    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
        char header[64];
        struct jose_summary summary;
        snprintf(header, sizeof(header), "{\"%s\":1}", words[i]);
        assert_true(jose_summarize(BYTES(header), &summary));
        assert_true(summary.names_a_key);
        assert_true(jose_summary_is_header(&summary));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_kid_is_yielded_in_order_and_unescaped),
        cmocka_unit_test(of_many_references_the_first_and_the_last_of_each_kind_are_yielded),
        cmocka_unit_test(kids_before_a_malformed_tail_are_yielded),
        cmocka_unit_test(an_x5t_is_read_in_every_spelling),
        cmocka_unit_test(an_x5t_of_another_length_yields_nothing),
        cmocka_unit_test(the_first_certificate_of_an_x5c_yields_both_its_digests),
        cmocka_unit_test(an_x5c_without_a_certificate_yields_nothing),
        cmocka_unit_test(thumbprints_are_those_of_rfc_7638_and_rfc_8037),
        cmocka_unit_test(thumbprints_of_other_key_types_are_those_of_jwcrypto),
        cmocka_unit_test(escapes_and_duplicates_do_not_change_a_thumbprint),
        cmocka_unit_test(a_jwk_without_a_required_member_has_no_thumbprint),
        cmocka_unit_test(an_embedded_jwk_yields_its_thumbprint),
        cmocka_unit_test(headers_of_rfc_7515_and_rfc_7516_are_summed_up),
        cmocka_unit_test(every_named_algorithm_is_found_by_its_name),
        cmocka_unit_test(what_is_no_object_with_a_member_is_no_header),
        cmocka_unit_test(each_way_to_name_a_key_is_noticed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What is written twice, for CPUs with AVX2 and for those without: this program is built for both. SipHash-1-3 is
 * compared with OpenSSL's.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/params.h>

#include <bearertap/siphash.h>

#include "../../app/scan/span.h"

#define WORDS_MAX 8

static uint64_t random_state;

/* splitmix64 */
static uint64_t random_next(void)
{
    uint64_t mixed = random_state += 0x9e3779b97f4a7c15u;
    mixed = (mixed ^ mixed >> 30) * 0xbf58476d1ce4e5b9u;
    mixed = (mixed ^ mixed >> 27) * 0x94d049bb133111ebu;
    return mixed ^ mixed >> 31;
}

static uint64_t openssl_siphash_13(EVP_MAC_CTX *context, const struct siphash_key *key, const uint64_t *words,
                                   unsigned count)
{
    size_t size = 8, length;
    unsigned c_rounds = 1, d_rounds = 3;
    uint64_t hash;
    OSSL_PARAM parameters[] = {OSSL_PARAM_construct_size_t(OSSL_MAC_PARAM_SIZE, &size),
                               OSSL_PARAM_construct_uint(OSSL_MAC_PARAM_C_ROUNDS, &c_rounds),
                               OSSL_PARAM_construct_uint(OSSL_MAC_PARAM_D_ROUNDS, &d_rounds),
                               OSSL_PARAM_construct_end()};
    assert_int_equal(EVP_MAC_init(context, (const unsigned char *)key, sizeof(*key), parameters), 1);
    assert_int_equal(EVP_MAC_update(context, (const unsigned char *)words, count * sizeof(*words)), 1);
    assert_int_equal(EVP_MAC_final(context, (unsigned char *)&hash, &length, sizeof(hash)), 1);
    assert_int_equal(length, sizeof(hash));
    return hash;
}

static void siphash_13_is_that_of_others_one_by_one_and_four_at_once(void **state)
{
    (void)state;
    EVP_MAC *mac = EVP_MAC_fetch(NULL, "SIPHASH", NULL);
    EVP_MAC_CTX *context = EVP_MAC_CTX_new(mac);
    assert_non_null(context);
    random_state = 1;
    for (unsigned round = 0; round < 2000; round++) {
        unsigned count = round % (WORDS_MAX + 1);
        struct siphash_key key = {random_next(), random_next()};
        uint64_t messages[4][WORDS_MAX], words[WORDS_MAX][4], hashes[4];
        for (unsigned m = 0; m < 4; m++)
            for (unsigned i = 0; i < WORDS_MAX; i++)
                words[i][m] = messages[m][i] = random_next();
        siphash_13_of_4(&key, words, count, hashes);
        for (unsigned m = 0; m < 4; m++) {
            uint64_t expected = openssl_siphash_13(context, &key, messages[m], count);
            assert_int_equal(siphash_13(&key, messages[m], count), expected);
            assert_int_equal(hashes[m], expected);
        }
    }
    EVP_MAC_CTX_free(context);
    EVP_MAC_free(mac);
}

static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

/* In a block of its own, so that a sanitizer sees any read beyond it. */
static size_t span_of_copy(const uint8_t *bytes, size_t length)
{
    uint8_t *copy = malloc(length + (length == 0));
    assert_non_null(copy);
    memcpy(copy, bytes, length);
    size_t span = span_of_base64url(copy, copy + length);
    free(copy);
    return span;
}

static void assert_span(const uint8_t *bytes, size_t length)
{
    size_t expected = 0;
    while (expected < length && strchr(alphabet, bytes[expected]) != NULL && bytes[expected] != '\0')
        expected++;
    assert_int_equal(span_of_copy(bytes, length), expected);
}

static void a_span_ends_at_the_first_byte_outside_of_base64url(void **state)
{
    (void)state;
    uint8_t bytes[100];
    for (size_t length = 0; length <= sizeof(bytes); length++)
        for (size_t at = 0; at < length; at++)
            for (unsigned byte = 0; byte < 256; byte++) {
                for (size_t i = 0; i < length; i++)
                    bytes[i] = (uint8_t)alphabet[(i * 7 + at + byte) % 64];
                bytes[at] = (uint8_t)byte;
                assert_span(bytes, length);
            }
    random_state = 2;
    for (unsigned round = 0; round < 20000; round++) {
        for (size_t i = 0; i < sizeof(bytes); i++)
            bytes[i] = random_next() % 64 == 0 ? (uint8_t)random_next() : (uint8_t)alphabet[random_next() % 64];
        assert_span(bytes, random_next() % (sizeof(bytes) + 1));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(siphash_13_is_that_of_others_one_by_one_and_four_at_once),
        cmocka_unit_test(a_span_ends_at_the_first_byte_outside_of_base64url),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include <bearertap/error.h>
#include <bearertap/siphash.h>

/* Key 00..0f and messages 00, 01, 02, ...: the vectors of the SipHash paper's appendix A and of its reference
 * implementation, as `openssl mac -macopt hexkey:000102030405060708090a0b0c0d0e0f -macopt size:8 siphash` prints them
 * too: bytes, the least significant first. */
static const struct {
    size_t length;
    const char *hex_64, *hex_128;
} vectors[] = {
    {0, "310e0edd47db6f72", "a3817f04ba25a8e66df67214c7550293"},
    {1, "fd67dc93c539f874", "da87c1d86b99af44347659119b22fc45"},
    {7, "37d1018bf50002ab", "a1f1ebbed8dbc153c0b84aa61ff08239"},
    {8, "6224939a79f5f593", "3b62a9ba6258f5610f83e264f31497b4"},
    {15, "e545be4961ca29a1", "5493e99933b0a8117e08ec0f97cfc3d9"},
    {16, "db9bc2577fcc2a3f", "6ee2a4ca67b054bbfd3315bf85230577"},
    {17, "9447be2cf5e99a69", "473d06e8738db89854c066c47ae47740"},
    {63, "724506eb4c328a95", "5150d1772f50834a503e069a973fbd7c"},
};

static const struct siphash_key key = {0x0706050403020100, 0x0f0e0d0c0b0a0908};

static void to_hex(const void *bytes, size_t length, char *hex)
{
    for (size_t i = 0; i < length; i++)
        snprintf(hex + 2 * i, 3, "%02x", ((const uint8_t *)bytes)[i]);
}

static void siphash_gives_the_published_vectors(void **state)
{
    (void)state;
    uint8_t message[64];
    for (size_t i = 0; i < sizeof(message); i++)
        message[i] = (uint8_t)i;
    for (size_t i = 0; i < sizeof(vectors) / sizeof(vectors[0]); i++) {
        char hex[33];
        uint64_t hash = siphash_64(&key, message, vectors[i].length);
        to_hex(&hash, sizeof(hash), hex);
        assert_string_equal(hex, vectors[i].hex_64);
        struct siphash_digest digest = siphash_128(&key, message, vectors[i].length);
        to_hex(&digest.low, 8, hex);
        to_hex(&digest.high, 8, hex + 16);
        assert_string_equal(hex, vectors[i].hex_128);
    }
    assert_int_equal(siphash_64(&key, message, 15), 0xa129ca6149be45e5); /* the paper's own example */
}

static void siphash_reads_messages_at_any_address(void **state)
{
    (void)state;
    uint8_t room[64 + 8];
    for (size_t offset = 0; offset < 8; offset++) {
        for (size_t i = 0; i < 15; i++)
            room[offset + i] = (uint8_t)i;
        assert_int_equal(siphash_64(&key, room + offset, 15), 0xa129ca6149be45e5);
    }
}

static void two_random_keys_differ(void **state)
{
    (void)state;
    struct siphash_key one = {0, 0}, other = {0, 0};
    assert_int_equal(siphash_key_random(&one), 0);
    assert_int_equal(siphash_key_random(&other), 0);
    assert_memory_not_equal(&one, &other, sizeof(one));
}

static void an_error_is_one_sentence_and_a_negative_code(void **state)
{
    (void)state;
    struct error error = {"old"};
    assert_int_equal(error_set(&error, ENOENT, "cannot open %s: %d", "x.pcap", 7), -ENOENT);
    assert_string_equal(error.text, "cannot open x.pcap: 7");
    assert_int_equal(error_set(NULL, EINVAL, "nobody listens"), -EINVAL);
}

static void an_error_too_long_is_cut(void **state)
{
    (void)state;
    struct error error;
    char text[2 * ERROR_TEXT_MAX];
    memset(text, 'x', sizeof(text) - 1);
    text[sizeof(text) - 1] = '\0';
    error_set(&error, EINVAL, "%s", text);
    assert_int_equal(strlen(error.text), ERROR_TEXT_MAX - 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(siphash_gives_the_published_vectors),
        cmocka_unit_test(siphash_reads_messages_at_any_address),
        cmocka_unit_test(two_random_keys_differ),
        cmocka_unit_test(an_error_is_one_sentence_and_a_negative_code),
        cmocka_unit_test(an_error_too_long_is_cut),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

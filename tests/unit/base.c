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
#include <bearertap/list.h>
#include <bearertap/siphash.h>
#include <bearertap/utf8.h>

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

static void an_error_too_long_loses_its_middle(void **state)
{
    (void)state;
    struct error error;
    static char name[128 * 1024]; /* the longest argument that Linux allows */
    for (size_t length = ERROR_TEXT_MAX - 80; length < sizeof(name); length += length < 1100 ? 1 : 5003) {
        memset(name, length % 2 == 0 ? '\xa4' : '\x1b', length);
        for (size_t i = 0; length % 2 == 0 && i + 1 < length; i += 2)
            name[i] = '\xc3'; /* a name of many umlauts: two bytes each, never cut between them */
        name[length] = '\0';
        error_set(&error, EINVAL, "cannot open %s: %s", name, "No such file or directory");
        size_t kept = strlen(error.text);
        assert_in_range(kept, ERROR_TEXT_MAX - 80, ERROR_TEXT_MAX - 1);
        assert_memory_equal(error.text, "cannot open ", 12);
        assert_string_equal(error.text + kept - 27, ": No such file or directory");
        if (length % 2 == 0) {
            const char *gap = strstr(error.text, " ... ");
            assert_int_equal(gap != NULL, length + 39 >= ERROR_TEXT_MAX);
            if (gap != NULL) {
                assert_int_equal((unsigned char)gap[-1], 0xa4);
                assert_int_equal((unsigned char)gap[5], 0xc3);
            }
        }
    }
}

static void what_a_terminal_would_act_on_is_escaped_in_an_error(void **state)
{
    (void)state;
    static const struct {
        const char *name, *shown;
    } cases[] = {
        {"plain-._ name", "plain-._ name"},
        {"\x1b[2J\r\n\t\x7f", "\\x1b[2J\\x0d\\x0a\\x09\\x7f"},
        {"\xc3\xa4 \xe2\x82\xac \xf0\x9f\x98\x80", "\xc3\xa4 \xe2\x82\xac \xf0\x9f\x98\x80"}, /* UTF-8 stays */
        {"\xc2\x9b", "\\xc2\\x9b"},                                                           /* CSI in UTF-8 */
        {"\x9b", "\\x9b"},                                                                    /* and in Latin-1 */
        {"\xe2\x82", "\\xe2\\x82"},
        {"\xc0\x9b\xff", "\\xc0\\x9b\\xff"},
        {"\xe0\x82\x9b", "\\xe0\\x82\\x9b"},               /* CSI in an overlong form */
        {"\xed\xa0\x9b", "\\xed\\xa0\\x9b"},               /* a surrogate */
        {"a\xe2\x80\xaepcap.b", "a\\xe2\\x80\\xaepcap.b"}, /* U+202E turns what follows */
        {"\xf3\xa0\x80\xa1", "\\xf3\\xa0\\x80\\xa1"},      /* a tag */
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct error error;
        error_set(&error, EINVAL, "%s", cases[i].name);
        assert_string_equal(error.text, cases[i].shown);
    }
}

/* Lengths by Python's codecs: a UnicodeDecodeError of the incremental decoder spans the maximal subpart. The long one
 * is the Unicode standard's own example, table 3-8. */
static void what_is_no_character_is_as_long_as_the_unicode_standard_says(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int lengths[12];
    } cases[] = {
        {"\x61\xf1\x80\x80\xe1\x80\xc2\x62\x80\x63\x80\xbf\x64", {1, -3, -2, -1, 1, -1, 1, -1, -1, 1}},
        {"\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80\x7f", {2, 3, 4, 1}},
        {"\xc0\xaf\xe0\x9f\xbf\xed\xa0\x80", {-1, -1, -1, -1, -1, -1, -1, -1}}, /* overlong, surrogate */
        {"\xf0\x8f\xbf\xbf\xf4\x90\x80\x80\xf5\xff", {-1, -1, -1, -1, -1, -1, -1, -1, -1, -1}},
        {"\xed\x9f\xbf\xee\x80\x80\xf4\x8f\xbf\xbf\xdf\xbf\xc2\x80\xe0\xa0\x80", {3, 3, 4, 2, 2, 3}},
        {"\xf0\x90\x80", {-3}}, /* and where the text ends in it */
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        size_t length = strlen(cases[i].text), at = 0;
        for (int j = 0; j < 12 && cases[i].lengths[j] != 0; j++) {
            int found = utf8_character_length((const uint8_t *)cases[i].text + at, length - at);
            assert_int_equal(found, cases[i].lengths[j]);
            at += (size_t)(found > 0 ? found : -found);
        }
        assert_int_equal(at, length);
    }
}

static void a_code_point_is_read_with_the_length_of_its_character(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        uint32_t code;
        size_t length;
    } cases[] = {
        {"A", 0x41, 1},
        {"\xc2\x80", 0x80, 2},
        {"\xdf\xbf", 0x7ff, 2},
        {"\xe0\xa0\x80", 0x800, 3},
        {"\xe2\x82\xac", 0x20ac, 3}, /* RFC 3629 section 7 has these two and the one below */
        {"\xed\x95\x9c", 0xd55c, 3},
        {"\xef\xbf\xbf", 0xffff, 3},
        {"\xf0\x90\x80\x80", 0x10000, 4},
        {"\xf0\xa3\x8e\xb4", 0x233b4, 4},
        {"\xf4\x8f\xbf\xbf", 0x10ffff, 4},
        {"\xc0\xaf", UTF8_NO_CHARACTER, 1},
        {"\xed\xa0\x80", UTF8_NO_CHARACTER, 1},
        {"\xf0\x90\x80z", UTF8_NO_CHARACTER, 3},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        size_t length = 0;
        uint32_t code = utf8_code_point((const uint8_t *)cases[i].text, strlen(cases[i].text), &length);
        assert_int_equal(code, cases[i].code);
        assert_int_equal(length, cases[i].length);
    }
}

/* The characters that stand on both sides of each border, by Unicode's names of them. */
static void what_nobody_sees_is_unseen_and_its_neighbours_are_not(void **state)
{
    (void)state;
    static const uint32_t unseen[] = {
        0,      0x1f,   0x7f,   0x9b,   0xa0,   0xad,   0x61c,  0x180e,  0x200b,  0x200f,  0x2028,  0x202e,
        0x2060, 0x2066, 0x2069, 0x206f, 0xfeff, 0xfff9, 0xfffb, 0xe0000, 0xe007f, 0xe01ef, 0xe0fff, UTF8_NO_CHARACTER,
    };
    static const uint32_t seen[] = {
        ' ',    '\\',   '~',    0xa1,   0xac,   0xae,   0x61b,   0x61d,   0x180f,  0x2010,   0x2027,
        0x2030, 0x2070, 0xfefe, 0xff00, 0xfffc, 0xfffd, 0x1f600, 0xdffff, 0xe1000, 0x10ffff,
    };
    for (size_t i = 0; i < sizeof(unseen) / sizeof(unseen[0]); i++)
        assert_true(utf8_is_unseen(unseen[i]));
    for (size_t i = 0; i < sizeof(seen) / sizeof(seen[0]); i++)
        assert_false(utf8_is_unseen(seen[i]));
}

struct listed {
    char name;
    struct list_link link;
};

static void assert_list(const struct list *list, const struct listed *elements, const char *names)
{
    uint32_t older = 0, element = list->oldest;
    assert_int_equal(list->count, strlen(names));
    for (; *names != '\0'; names++) {
        assert_int_not_equal(element, 0);
        assert_int_equal(elements[element - 1].name, *names);
        assert_true(list_holds(list, element));
        assert_int_equal(elements[element - 1].link.older, older);
        older = element;
        element = elements[element - 1].link.newer;
    }
    assert_int_equal(element, 0);
    assert_int_equal(list->newest, older);
}

static void a_list_keeps_its_order_whatever_leaves_it(void **state)
{
    (void)state;
    struct listed elements[4] = {{.name = 'a'}, {.name = 'b'}, {.name = 'c'}, {.name = 'd'}};
    struct list list = list_of(&elements[0].link, sizeof(elements[0]));
    assert_list(&list, elements, "");
    for (uint32_t element = 1; element <= 4; element++) {
        assert_false(list_holds(&list, element));
        list_append(&list, element);
    }
    assert_list(&list, elements, "abcd");
    list_remove(&list, 2); /* from the middle */
    assert_false(list_holds(&list, 2));
    assert_list(&list, elements, "acd");
    list_remove(&list, 1); /* the oldest */
    list_append(&list, 1);
    assert_list(&list, elements, "cda");
    list_remove(&list, 1); /* the newest */
    list_append(&list, 2);
    assert_list(&list, elements, "cdb");
    list_remove(&list, 3);
    list_remove(&list, 2);
    list_remove(&list, 4); /* the only one */
    for (uint32_t element = 1; element <= 4; element++)
        assert_false(list_holds(&list, element));
    assert_list(&list, elements, "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(siphash_gives_the_published_vectors),
        cmocka_unit_test(siphash_reads_messages_at_any_address),
        cmocka_unit_test(two_random_keys_differ),
        cmocka_unit_test(an_error_is_one_sentence_and_a_negative_code),
        cmocka_unit_test(what_is_no_character_is_as_long_as_the_unicode_standard_says),
        cmocka_unit_test(a_code_point_is_read_with_the_length_of_its_character),
        cmocka_unit_test(what_nobody_sees_is_unseen_and_its_neighbours_are_not),
        cmocka_unit_test(a_list_keeps_its_order_whatever_leaves_it),
        cmocka_unit_test(an_error_too_long_loses_its_middle),
        cmocka_unit_test(what_a_terminal_would_act_on_is_escaped_in_an_error),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

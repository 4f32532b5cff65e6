/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The worker's half of the policy, on a table of this test's own making, which counts what it is asked and changes when
 * told to: so it shows what is remembered, and for how long.
 */
#include <bearertap/verdict.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* ---- the table ---- */

struct key_table {
    uint64_t generation;
    const char *revoked; /* the one name in it, as "text:NAME", "sha1:HEX" or "sha256:HEX"; NULL: empty */
    unsigned look_ups;
    char asked[2048]; /* every name asked for, a space behind each */
};

static struct key_table table;

void key_table_find(const struct key_table *unused, enum key_name_kind kind, const uint8_t *name, size_t length,
                    struct key_matches *matches)
{
    static const char *const kinds[] = {
        [KEY_NAME_TEXT] = "text:", [KEY_NAME_SHA1] = "sha1:", [KEY_NAME_SHA256] = "sha256:"};
    char text[256];
    size_t used = (size_t)snprintf(text, sizeof(text), "%s", kinds[kind]);
    for (size_t i = 0; i < length; i++)
        used += (size_t)snprintf(text + used, sizeof(text) - used, kind == KEY_NAME_TEXT ? "%c" : "%02x", name[i]);

    assert_ptr_equal(unused, &table);
    table.look_ups++;
    used = strlen(table.asked);
    snprintf(table.asked + used, sizeof(table.asked) - used, "%s ", text);
    *matches = (struct key_matches){.count = table.revoked != NULL && strcmp(text, table.revoked) == 0};
}

bool key_matches_next(struct key_matches *matches, struct key_entry *entry, bool *narrowed)
{
    *entry = (struct key_entry){.id = "revoked"};
    *narrowed = false;
    return matches->next++ < matches->count;
}

bool key_table_is_empty(const struct key_table *unused)
{
    (void)unused;
    return table.revoked == NULL;
}

uint64_t key_table_generation(const struct key_table *unused)
{
    (void)unused;
    return table.generation;
}

/* Here the one text that reads as a thumbprint is "thumb", of twenty bytes 0xbb. */
size_t key_text_to_thumbprint(const uint8_t *text, size_t length, uint8_t thumbprint[32])
{
    memset(thumbprint, 0xbb, 32);
    return length == 5 && memcmp(text, "thumb", 5) == 0 ? 20 : 0;
}

#define TWENTY_BB "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"

static struct verdict_memory *memory;

static int set_up(void **state)
{
    (void)state;
    table = (struct key_table){.generation = 1, .revoked = "text:bad"};
    memory = verdict_memory_create(&table);
    return memory == NULL ? -1 : 0;
}

static int tear_down(void **state)
{
    (void)state;
    verdict_memory_destroy(memory);
    return 0;
}

static struct verdict judge_with(struct verdict_memory *with, const char *header)
{
    static char text[2 * JOSE_HEADER_TEXT_MAX];
    size_t length = base64url_encode((const uint8_t *)header, strlen(header), text);
    uint8_t *exact = malloc(length + 1); /* ASan sees what is read behind it */
    memcpy(exact, text, length);
    struct verdict verdict = verdict_judge(with, exact, length);
    free(exact);
    return verdict;
}

static struct verdict judge(const char *header)
{
    return judge_with(memory, header);
}

/* ---- what is thought of a header ---- */

static void a_revoked_kid_is_a_possible_finding_and_another_is_none(void **state)
{
    (void)state;
    struct verdict verdict = judge("{\"alg\":\"RS256\",\"kid\":\"bad\"}");
    assert_true(verdict.is_token);
    assert_true(verdict.possible_finding);
    assert_int_equal(verdict.algorithm, TOKEN_ALGORITHM_RS256);
    assert_int_equal(verdict.format, TOKEN_JWS);
    verdict = judge("{\"alg\":\"dir\",\"enc\":\"A256GCM\",\"kid\":\"good\"}");
    assert_true(verdict.is_token);
    assert_false(verdict.possible_finding);
    assert_int_equal(verdict.algorithm, TOKEN_ALGORITHM_DIR);
    assert_int_equal(verdict.format, TOKEN_JWE);
}

static void any_of_several_names_is_enough(void **state)
{
    (void)state;
    assert_true(judge("{\"kid\":\"bad\",\"kid\":\"good\"}").possible_finding);
    assert_true(judge("{\"kid\":\"good\",\"kid\":\"bad\"}").possible_finding);
    assert_true(judge("{\"\\u006bid\":\"b\\u0061d\"}").possible_finding);
    table.revoked = "sha1:" TWENTY_BB;
    table.generation++;
    assert_true(judge("{\"kid\":\"thumb\"}").possible_finding);
    assert_true(judge("{\"x5t\":\"" TWENTY_BB "\"}").possible_finding);
    assert_false(judge("{\"kid\":\"" TWENTY_BB "\"}").possible_finding);
}

static void each_way_to_name_a_key_is_looked_up_as_what_it_is(void **state)
{
    (void)state;
    /* "oct" with k "AA": `printf '{"k":"AA","kty":"oct"}' | sha256sum`; "AAAA" are three zero bytes: head -c3 /dev/zero
     * | sha1sum, sha256sum. */
    judge("{\"kid\":\"a\",\"kid\":\"thumb\",\"x5t\":\"" TWENTY_BB "\",\"x5t#S256\":\"" TWENTY_BB
          "bbbbbbbbbbbbbbbbbbbbbbbb\","
          "\"jwk\":{\"kty\":\"oct\",\"k\":\"AA\"},\"x5c\":[\"AAAA\"]}");
    assert_string_equal(
        table.asked, "text:a text:thumb sha1:" TWENTY_BB " sha1:" TWENTY_BB " sha256:" TWENTY_BB
                     "bbbbbbbbbbbbbbbbbbbbbbbb sha256:c6834aa250823b0a375fc6a729248940a322954a4d316d8a42fe8c77c39c74bd "
                     "sha1:29e2dcfbb16f63bb0254df7585a15bb6fb5e927d "
                     "sha256:709e80c88487a2411e1ee4dfb9f22a861492d20c4765150c0c794abd70f8147c ");
}

static void what_is_no_jose_header_is_no_token(void **state)
{
    (void)state;
    static const char *const headers[] = {"hello", "{}", "{\"user\":\"bad\"}", "[\"kid\"]", ""};
    for (size_t i = 0; i < sizeof(headers) / sizeof(headers[0]); i++) {
        struct verdict verdict = judge(headers[i]);
        assert_false(verdict.is_token);
        assert_false(verdict.too_long);
        assert_false(verdict.possible_finding);
        assert_int_equal(verdict.format, TOKEN_OPAQUE);
    }
    assert_int_equal(table.look_ups, 0);
}

static void junk_is_noticed_each_time(void **state)
{
    (void)state;
    static const char clean[] = "eyJraWQiOiJiYWQifQ", dirty[] = "ey!JraWQiOiJiYWQifQ"; /* {"kid":"bad"} */
    for (int i = 0; i < 3; i++) {
        struct verdict verdict = verdict_judge(memory, (const uint8_t *)dirty, strlen(dirty));
        assert_true(verdict.junk && verdict.is_token && verdict.possible_finding);
        verdict = verdict_judge(memory, (const uint8_t *)clean, strlen(clean));
        assert_true(!verdict.junk && verdict.is_token && verdict.possible_finding);
    }
}

static void references_that_are_left_out_are_noticed_each_time(void **state)
{
    (void)state;
    char header[1024] = "{";
    for (int i = 0; i < JOSE_REFERENCES_MAX + 2; i++)
        snprintf(header + strlen(header), sizeof(header) - strlen(header), "\"kid\":\"good-%d\",", i);
    strcat(header, "\"alg\":\"RS256\"}");
    for (int i = 0; i < 3; i++) {
        struct verdict verdict = judge(i == 1 ? "{\"kid\":\"good\"}" : header);
        assert_true(verdict.is_token && !verdict.possible_finding);
        assert_true(verdict.left_out == (i != 1));
    }
}

static void a_header_is_read_up_to_its_maximum_and_no_further(void **state)
{
    (void)state;
    static char header[JOSE_HEADER_MAX + 8], text[JOSE_HEADER_TEXT_MAX + 8];
    memset(header, ' ', sizeof(header));
    memcpy(header, "{\"kid\":\"bad\"", 12);
    header[JOSE_HEADER_MAX - 1] = '}';
    header[JOSE_HEADER_MAX] = '\0';
    struct verdict verdict = judge(header);
    assert_true(verdict.is_token && verdict.possible_finding && !verdict.too_long);
    header[JOSE_HEADER_MAX] = ' ';
    header[JOSE_HEADER_MAX + 1] = '\0';
    verdict = judge(header);
    assert_true(!verdict.is_token && !verdict.possible_finding && verdict.too_long);

    memset(text, '!', sizeof(text));
    memcpy(text, "eyJraWQiOiJiYWQifQ", 18);
    verdict = verdict_judge(memory, (const uint8_t *)text, JOSE_HEADER_TEXT_MAX);
    assert_true(verdict.is_token && verdict.possible_finding && !verdict.too_long);
    verdict = verdict_judge(memory, (const uint8_t *)text, JOSE_HEADER_TEXT_MAX + 1);
    assert_true(!verdict.is_token && !verdict.possible_finding && verdict.too_long);
}

static void without_keys_nothing_is_found_and_nothing_looked_up(void **state)
{
    (void)state;
    struct verdict_memory *without = verdict_memory_create(NULL);
    struct verdict verdict = judge_with(without, "{\"kid\":\"bad\"}");
    assert_true(verdict.is_token);
    assert_false(verdict.possible_finding);
    verdict_memory_destroy(without);

    table.revoked = NULL;
    assert_false(judge("{\"kid\":\"bad\"}").possible_finding);
    assert_int_equal(table.look_ups, 0);
}

/* ---- what is remembered ---- */

static void a_header_is_looked_up_once_however_often_and_between_whatever_it_comes(void **state)
{
    (void)state;
    for (int i = 0; i < 100; i++) {
        assert_true(judge("{\"alg\":\"ES256\",\"kid\":\"bad\"}").possible_finding);
        struct verdict verdict = judge("{\"enc\":\"A256GCM\",\"alg\":\"dir\",\"kid\":\"good\"}");
        assert_true(verdict.is_token && !verdict.possible_finding && !verdict.junk && !verdict.too_long);
        assert_int_equal(verdict.algorithm, TOKEN_ALGORITHM_DIR);
        assert_int_equal(verdict.format, TOKEN_JWE);
        assert_false(judge("opaque").is_token);
    }
    assert_int_equal(table.look_ups, 2);
}

static void everything_is_forgotten_when_the_table_changes(void **state)
{
    (void)state;
    assert_false(judge("{\"kid\":\"late\"}").possible_finding);
    assert_false(judge("{\"kid\":\"other\"}").possible_finding);
    assert_false(judge("{\"kid\":\"late\"}").possible_finding);
    table.revoked = "text:late";
    assert_false(judge("{\"kid\":\"late\"}").possible_finding); /* nobody said yet that it changed */
    table.generation++;
    assert_true(judge("{\"kid\":\"late\"}").possible_finding); /* the previous header's text, and yet */
    assert_false(judge("{\"kid\":\"other\"}").possible_finding);
    assert_true(judge("{\"kid\":\"late\"}").possible_finding);
    table.revoked = "text:other";
    table.generation++;
    assert_true(judge("{\"kid\":\"other\"}").possible_finding);
    assert_false(judge("{\"kid\":\"late\"}").possible_finding);
}

/* Of one length, with the same bytes at both ends and in the middle: whatever of a text is looked at first, all of it
 * counts. Encoded, the words stand on either side of the middle. */
static void headers_that_differ_in_a_few_bytes_are_told_apart(void **state)
{
    (void)state;
    static const char *const words[] = {"bad", "sad", "bag", "bed"};
    const unsigned count = sizeof(words) / sizeof(words[0]);
    for (unsigned round = 0; round < 3; round++)
        for (unsigned first = 0; first < count; first++)
            for (unsigned last = 0; last < count; last++) {
                char header[200];
                snprintf(header, sizeof(header),
                         "{\"typ\":\"JWT\",\"x\":\"%s\",\"y\":\"0123456789012345678901234567\",\"kid\":\"%s\",\"alg\":"
                         "\"RS256\"}",
                         words[first], words[last]);
                struct verdict verdict = judge(header);
                assert_true(verdict.is_token);
                assert_int_equal(verdict.possible_finding, last == 0);
            }
    assert_int_equal(table.look_ups, count * count);
}

static void flood(int from, int to)
{
    for (int i = from; i < to; i++) {
        char header[64];
        snprintf(header, sizeof(header), "{\"kid\":\"flood-%d\"}", i);
        assert_true(judge(header).is_token);
    }
}

static void headers_that_never_come_again_do_not_push_out_those_that_do(void **state)
{
    (void)state;
    judge("{\"kid\":\"early\"}");
    flood(0, 50000);
    for (int i = 0; i < 4; i++) { /* found a place only after the flood filled them all */
        judge("{\"kid\":\"late\"}");
        judge("{\"kid\":\"early\"}");
    }
    flood(50000, 100000);
    unsigned look_ups = table.look_ups;
    judge("{\"kid\":\"early\"}");
    judge("{\"kid\":\"late\"}");
    assert_int_equal(table.look_ups, look_ups);
}

static void a_flood_is_judged_right_while_places_are_reused(void **state)
{
    (void)state;
    for (int i = 0; i < 20000; i++) {
        char header[64];
        snprintf(header, sizeof(header), "{\"kid\":\"%s\",\"x\":%d}", i % 3 == 0 ? "bad" : "good", i / 2);
        assert_int_equal(judge(header).possible_finding, i % 3 == 0);
    }
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_revoked_kid_is_a_possible_finding_and_another_is_none),
        TEST(any_of_several_names_is_enough),
        TEST(each_way_to_name_a_key_is_looked_up_as_what_it_is),
        TEST(what_is_no_jose_header_is_no_token),
        TEST(junk_is_noticed_each_time),
        TEST(references_that_are_left_out_are_noticed_each_time),
        TEST(a_header_is_read_up_to_its_maximum_and_no_further),
        TEST(without_keys_nothing_is_found_and_nothing_looked_up),
        TEST(a_header_is_looked_up_once_however_often_and_between_whatever_it_comes),
        TEST(everything_is_forgotten_when_the_table_changes),
        TEST(headers_that_differ_in_a_few_bytes_are_told_apart),
        TEST(headers_that_never_come_again_do_not_push_out_those_that_do),
        TEST(a_flood_is_judged_right_while_places_are_reused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

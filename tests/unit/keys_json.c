/* SPDX-License-Identifier: BSD-3-Clause */
/* The strict reader of a list's entries, against jansson. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <jansson.h>

#include <bearertap/keys.h>

#include "keys_files.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* An entry is taken where jansson takes it: the strict reader's oracle. What jansson refuses for more than RFC 8259
 * says (doubled members that mean nothing, numbers beyond a double) does not come up here. */
static void json_is_taken_as_jansson_takes_it(void **state)
{
    (void)state;
    static const char *const values[] = {
        "1",
        "-0",
        "01",
        "-",
        "1.",
        ".5",
        "1e5",
        "1E+5",
        "1e",
        "1e+",
        "0.5e-7",
        "+1",
        "0x1",
        "1 2",
        "tru",
        "true",
        "nul",
        "null",
        "NaN",
        "Infinity",
        "\"\"",
        "\"\\u00e9\"",
        "\"\\u12\"",
        "\"\\ud800\"",
        "\"\\udc00\"",
        "\"\\udc00\\udc00\"",
        "\"\\ud83d\\ude00\"",
        "\"\\ud83d\\u0041\"",
        "\"\\u0000\"",
        "\"\\x41\"",
        "\"\\/\\b\\f\\n\\r\\t\"",
        "\"\\",
        "\"a\tb\"",
        "\"\x7f\"",
        "\"\xc3\xa9\"",
        "\"\xc3\"",
        "\"\xc0\xaf\"",
        "\"\xed\xa0\x80\"",
        "\"\xf4\x90\x80\x80\"",
        "\"\xf0\x9f\x98\x80\"",
        "\"\xe2\x82\"",
        "\"\xf0\x82\x82\xac\"",
        "[]",
        "[ ]",
        "[1]",
        "[1,]",
        "[,1]",
        "[1 2]",
        "[[]]",
        "[[}]",
        "{}",
        "{ }",
        "{\"a\":1}",
        "{\"a\":1,}",
        "{\"a\"}",
        "{a:1}",
        "{\"a\":}",
        "{\"a\" : [ {} , [ ] ] }",
        "{\"a\":1 \"b\":2}",
        "'a'",
        "\"0123456789abcdef\xc3\xa9\"",
        "\"0123456789abcdef\xc3\"",
        "\"0123456789abcdef\\n0123456789abcdef\"",
        "{]",
        "",
        "[true,false,null]",
        "[truefalse]",
        "\"a\"\"b\"",
        "1,",
        "//",
    };
    for (size_t i = 0; i < COUNT(values); i++) {
        static const char *const forms[] = {"{\"kid\":\"a\",\"z\":%s}", "{\"z\":%s,\"kid\":\"a\"}",
                                            "{\"z\":[%s],\"kid\":\"a\"}", "{\"kid\":\"a\",\"z\":{\"y\":%s}}",
                                            " {\n\"kid\" :\t\"a\" , \"z\"\r: %s }"};
        for (size_t k = 0; k < COUNT(forms); k++) {
            char content[256];
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
            snprintf(content, sizeof(content), forms[k], values[i]);
#pragma GCC diagnostic pop
            json_t *tree = json_loads(content, JSON_DECODE_INT_AS_REAL, NULL);
            struct key_list *list = files_new_list();
            bool is_taken = files_add(list, content, strlen(content), NULL) == 0;
            if (is_taken != (tree != NULL))
                fail_msg("%s: %s", is_taken ? "taken" : "refused", content);
            json_decref(tree);
            key_list_destroy(list);
        }
    }
}

static void strings_are_unescaped_as_jansson_unescapes_them(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "plain",
        "\\\"\\\\\\/\\b\\f\\n\\r\\t",
        "\\u00e9\\u20ac\\ud83d\\ude00\\u007f",
        "\xc3\xa9 and \\u0041 and \xe2\x82\xac",
        "0123456789abcdef\\u00e90123456789abcdef0123456789abcdef\\\\",
        "\\u0061\\u0062\xf0\x9f\x98\x80",
    };
    for (size_t i = 0; i < COUNT(texts); i++) {
        char content[256];
        snprintf(content, sizeof(content), "{\"kid\":\"a\",\"reason\":\"%s\"}", texts[i]);
        json_t *tree = json_loads(content, 0, NULL);
        struct key_list *list = files_new_list();
        struct key_list_cursor cursor = {0, 0};
        struct key_listed listed;
        assert_int_equal(files_add(list, content, strlen(content), NULL), 0);
        assert_true(key_list_next(list, &cursor, &listed));
        assert_string_equal(listed.entry.reason, json_string_value(json_object_get(tree, "reason")));
        json_decref(tree);
        key_list_destroy(list);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(json_is_taken_as_jansson_takes_it),
        cmocka_unit_test(strings_are_unescaped_as_jansson_unescapes_them),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

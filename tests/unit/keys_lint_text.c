/* SPDX-License-Identifier: BSD-3-Clause */
/* Linting texts and PEM: what most likely is not taken as it was meant. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/wait.h>

#include <cmocka.h>

#include <bearertap/keys.h>

#include "keys_told.h"

/* Into a pipe: 1.1 GB of comments behind these lines, or until nobody reads on. */
static void write_too_much(int pipe, const char *lines)
{
    static char comment[1000000];
    memset(comment, ' ', sizeof(comment));
    comment[0] = '#';
    comment[sizeof(comment) - 1] = '\n';
    bool is_read = write(pipe, lines, strlen(lines)) > 0;
    for (unsigned i = 0; i < 1100 && is_read; i++)
        is_read = write(pipe, comment, sizeof(comment)) == sizeof(comment);
}

static void what_ends_reading_is_told_behind_other_faults(void **state)
{
    (void)state;
    int ends[2];
    struct told told = {.length = 0};
    struct key_lint *made;
    assert_int_equal(pipe(ends), 0);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        close(ends[0]);
        write_too_much(ends[1], "a b\n");
        _exit(0);
    }
    close(ends[1]);
    snprintf(files_path, sizeof(files_path), "/dev/fd/%d", ends[0]);
    assert_int_equal(key_lint_create(&made, tell, &told), 0);
    size_t errors = key_lint_file(made, files_path);
    close(ends[0]);
    waitpid(child, NULL, 0);
    assert_non_null(strstr(told.text, ": error: white space inside a key id"));
    assert_non_null(strstr(told.text, "0:0: error: key list /dev/fd/"));
    assert_non_null(strstr(told.text, " is longer than the 1073741824 bytes that are allowed"));
    assert_int_equal(errors, 2);
    key_lint_destroy(made);
}

static void a_table_with_separators_is_told(void **state)
{
    (void)state;
    ASSERT_TOLD("key-1\n1LTMzakihiRla_8z2BEJVXeWMqo,stolen\n kid;reason # why\nlast,\n",
                "2:1: warning: key id \"1LTMzakihiRla_8z2BEJVXeWMqo,stolen\" has a comma in it",
                "3:2: warning: key id \"kid;reason\" has a semicolon in it",
                "4:1: warning: key id \"last,\" has a quote or comma at its end");
    assert_nothing_told("{\"kid\":\"CN=a,O=b\"}");
}

#define A_KEY                                                                                                          \
    "-----BEGIN PUBLIC KEY-----\nMCowBQYDK2VwAyEAGb9ECWmEzf6FQbrBZ9w7lshQhqowtrbLDFw4rXAxZuE=\n"                       \
    "-----END PUBLIC KEY-----\n"

/* What openssl prints beside a block is no key id, though a serial number may be spelled as a SHA-1. */
static void text_outside_pem_blocks_is_told_unless_openssl_wrote_it(void **state)
{
    (void)state;
    assert_nothing_told("# mine\n\nCertificate:\n    Data:\n        Serial Number:\n"
                        "            d4:b4:cc:cd:a9:22:86:24:65:6b:ff:33:d8:11:09:55:77:96:32:aa\n" A_KEY
                        "Bag Attributes\n    friendlyName: a\nsubject=CN = a\nissuer=/CN=a\n\n==========\n---\n");
    ASSERT_TOLD("words before\n" A_KEY "subject=CN = a\n  set in\nSHA1 Fingerprint=D4:B4:CC\n" A_KEY
                "  more words\nkey-1\n",
                "1:1: warning: the line is passed over", "7:1: warning: the line is passed over",
                "8:1: warning: key id \"3YZxBJ12", "11:3: warning: the line is passed over",
                "12:1: error: text outside PEM blocks that could be a key id");
    char content[4096] = A_KEY;
    for (unsigned i = 0; i < 100; i++)
        strcat(content, "some words\n");
    struct told told = lint(content, strlen(content));
    assert_int_equal(told.warnings, 20);
    assert_non_null(
        strstr(told.text, "23:1: warning: the line is passed over, as text outside PEM blocks is; more of"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_ends_reading_is_told_behind_other_faults),
        cmocka_unit_test(a_table_with_separators_is_told),
        cmocka_unit_test(text_outside_pem_blocks_is_told_unless_openssl_wrote_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

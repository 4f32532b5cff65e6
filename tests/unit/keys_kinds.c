/* SPDX-License-Identifier: BSD-3-Clause */
/* The kinds of files that are lists, told from their content; PEM; and files that are none. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <bearertap/keys.h>

#include "keys_files.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* ---- what is no list ---- */

static void files_of_other_kinds_are_named(void **state)
{
    (void)state;
    assert_bytes_refused("\xff\xfe{\0}\0", 6, "is UTF-16 text; allowed is UTF-8");
    assert_bytes_refused("\xfe\xff\0{\0}", 6, "is UTF-16 text; allowed is UTF-8");
    assert_bytes_refused("{\0\"\0", 4, "is UTF-16 text");
    assert_bytes_refused("\x1f\x8b\x08\0", 4, "is compressed");
    assert_bytes_refused("\x30\x82\x01\x02", 4, "is DER; allowed is PEM");
    assert_bytes_refused("\x7f"
                         "ELF\x02\x01\x01\0\0\0",
                         10, " is binary, not text; allowed is a JWK Set");
    assert_bytes_refused("k\0e\0y\0\n\0", 8, " is UTF-16 text; allowed is UTF-8, so convert it: iconv -f UTF-16LE");
    assert_bytes_refused("\0k\0e\0y\0\n", 8, " is UTF-16 text; allowed is UTF-8, so convert it: iconv -f UTF-16BE");
    assert_bytes_refused("\xd4\xc3\xb2\xa1\x02\0\x04\0", 8, " is a capture; allowed is a list of keys");
    assert_bytes_refused("\xa1\xb2\x3c\x4d\0\x02\0\x04", 8, " is a capture");
    assert_bytes_refused("\x0a\x0d\x0d\x0a\x1c\0\0\0", 8, " is a capture");
    /* A text with a control byte here and there says where. */
    assert_bytes_refused("a\nb\0c\nd\0\n\x01", 10, ":2: the key id holds a control byte");
}

/* The beginnings of what openssl 3.0 writes with -outform DER. */
static void a_private_key_in_der_is_told_from_a_public_one(void **state)
{
    (void)state;
    static const struct {
        const char *bytes;
        size_t length;
        const char *what;
    } cases[] = {
        {"\x30\x82\x02\x77\x02\x01\x00\x30\x0d\x06\x09", 11, "is a private key in DER"}, /* PKCS #8, RSA */
        {"\x30\x82\x02\x5d\x02\x01\x00\x02\x81\x81\x00", 11, "is a private key in DER"}, /* PKCS #1 */
        {"\x30\x81\x87\x02\x01\x00\x30\x13\x06\x07\x2a", 11, "is a private key in DER"}, /* PKCS #8, EC */
        {"\x30\x77\x02\x01\x01\x04\x20\x51\x52\x53\x54", 11, "is a private key in DER"}, /* SEC 1 */
        {"\x30\x2e\x02\x01\x00\x30\x05\x06\x03\x2b\x65", 11, "is a private key in DER"}, /* Ed25519 */
        {"\x30\x82\x0a\x01\x02\x01\x03\x30\x82\x09\xc7", 11, "is a private key in DER"}, /* PKCS #12 */
        {"\x30\x81\xec\x30\x57\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x05\x0d", 16, "is a private key in DER"},
        {"\x30\x82\x01\x8c\x30\x81\xf6\xa0\x03\x02\x01\x02", 12, "is DER; allowed is PEM"}, /* X.509 */
        {"\x30\x81\x9f\x30\x0d\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x01\x01", 16, "is DER; allowed is PEM"},
        {"\x30\x59\x30\x13\x06\x07\x2a\x86\x48\xce\x3d", 11, "is DER; allowed is PEM"}, /* of EC, public */
        {"\x30\x81\x89\x02\x81\x81\x00\xb2\x01\x02\x03", 11, "is DER; allowed is PEM"}, /* PKCS #1, public */
    };
    for (size_t i = 0; i < COUNT(cases); i++)
        assert_bytes_refused(cases[i].bytes, cases[i].length, cases[i].what);
    assert_taken("0Y0-key\n", 1, 1); /* those of a SEQUENCE in text */
}

static void what_cannot_be_read_is_named(void **state)
{
    (void)state;
    struct key_list *list = files_new_list();
    struct error error;
    assert_int_equal(key_list_add_file(list, "/nonexistent/keys.json", &error), -ENOENT);
    assert_string_equal(error.text, "cannot open key list /nonexistent/keys.json: No such file or directory");
    assert_int_equal(key_list_add_file(list, "/tmp", &error), -EISDIR);
    assert_non_null(strstr(error.text, "/tmp is a directory; allowed is a file"));
    assert_int_equal(key_list_add_file(list, "/proc/self/mem", &error), -EIO);
    assert_non_null(strstr(error.text, "cannot read key list /proc/self/mem: "));
    key_list_destroy(list);
}

static void a_list_of_more_than_a_gibibyte_is_refused(void **state)
{
    (void)state;
    struct key_list *list = files_new_list();
    struct error error;
    const char *path = files_write("a", 1);
    assert_int_equal(truncate(path, (1L << 30) + 1), 0); /* a hole: no disk is used */
    assert_int_equal(key_list_add_file(list, path, &error), -EFBIG);
    assert_non_null(strstr(error.text, "is of 1073741825 bytes; allowed are 1073741824 at most"));
    files_remove();
    key_list_destroy(list);
}

static void a_list_may_come_through_a_pipe(void **state)
{
    (void)state;
    int ends[2];
    char path[32];
    struct error error = {""};
    assert_int_equal(pipe(ends), 0);
    assert_int_equal(write(ends[1], "a\nb\n", 4), 4);
    close(ends[1]);
    snprintf(path, sizeof(path), "/dev/fd/%d", ends[0]);
    struct key_list *list = files_new_list();
    assert_int_equal(key_list_add_file(list, path, &error), 0);
    assert_int_equal(key_list_entries(list), 2);
    key_list_destroy(list);
    close(ends[0]);
}

/* ---- PEM ---- */

#define A_THUMBPRINT "1LTMzakihiRla_8z2BEJVXeWMqo"
#define A_KEY                                                                                                          \
    "-----BEGIN PUBLIC KEY-----\nMCowBQYDK2VwAyEAGb9ECWmEzf6FQbrBZ9w7lshQhqowtrbLDFw4rXAxZuE=\n"                       \
    "-----END PUBLIC KEY-----\n"

static void pem_blocks_are_counted(void **state)
{
    (void)state;
    struct key_list *list = files_new_list();
    struct error error = {""};
    if (key_list_add_file(list, "tests/unit/data/keys/certificates.pem", &error) != 0)
        fail_msg("%s", error.text);
    assert_int_equal(key_list_entries(list), 5);
    assert_int_equal(key_list_names(list), 15);
    assert_int_equal(key_list_add_file(list, "tests/unit/data/keys/public-keys.pem", &error), 0);
    assert_int_equal(key_list_entries(list), 11);
    assert_int_equal(key_list_names(list), 21);
    key_list_destroy(list);
}

static void wrong_pem_is_told_with_its_line(void **state)
{
    (void)state;
    static const struct {
        const char *content, *expected;
    } cases[] = {
        {"some text\n-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n",
         ":2: a private key; give the public half only"},
        {"-----BEGIN RSA PRIVATE KEY-----\n", ":1: a private key"},
        {"-----BEGIN ENCRYPTED PRIVATE KEY-----\n", ":1: a private key"},
        {"-----BEGIN X509 CRL-----\n", ":1: a PEM block \"X509 CRL\"; allowed are CERTIFICATE"},
        {"-----BEGIN CERTIFICATE-----\nAAAA\n",
         ":1: the PEM block has no end; allowed is a line -----END CERTIFICATE-----"},
        {"-----BEGIN CERTIFICATE-----\nAAAA\n-----END PUBLIC KEY-----\n",
         ":3: the PEM block of line 1 ends as another"},
        {"-----BEGIN CERTIFICATE-----\n-----BEGIN CERTIFICATE-----\n",
         ":2: a PEM block begins inside the one of line 1"},
        {"\n-----BEGIN CERTIFICATE-----\n!\n-----END CERTIFICATE-----\n",
         ":2: the CERTIFICATE block holds something that is not base64"},
        {"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
         ":1: the CERTIFICATE block does not hold what is allowed there: an X.509"},
        {"-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n",
         ":1: the PUBLIC KEY block does not hold what is allowed"},
        {"-----BEGIN CERTIFICATE-----\n-----END CERTIFICATE-----\n", "is not base64"},
        {"# a list\n" A_THUMBPRINT "\n" A_KEY, ":2: text outside PEM blocks that could be a key id"},
        {A_KEY "  key-1  # why\n", ":4: text outside PEM blocks that could be a key id"},
        {"d4 b4 cc cd a9 22 86 24 65 6b ff 33 d8 11 09 55 77 96 32 aa\n" A_KEY, ":1: text outside PEM blocks"},
        {"Certificate:\n    set-in\nkey-1\n" A_KEY, ":3: text outside PEM blocks"},
        {"Certificate:\n    set-in\n" A_KEY "    key-1\n", ":6: text outside PEM blocks"},
        {"subject:a\n" A_KEY, ":1: text outside PEM blocks"},
    };
    for (size_t i = 0; i < COUNT(cases); i++)
        assert_refused(cases[i].content, cases[i].expected);
}

/* What is hashed must be the certificate and nothing more. */
static void bytes_behind_a_certificate_are_refused(void **state)
{
    (void)state;
    static char file[8192], content[8192];
    FILE *pem = fopen("tests/unit/data/keys/certificates.pem", "r"); /* the first, of RSA, has no padding */
    assert_non_null(pem);
    file[fread(file, 1, sizeof(file) - 1, pem)] = '\0';
    fclose(pem);
    char *start = strstr(file, "-----BEGIN CERTIFICATE-----\n"), *end = strstr(file, "-----END CERTIFICATE-----");
    assert_true(start != NULL && end != NULL);
    *end = '\0';
    snprintf(content, sizeof(content), "%s-----END CERTIFICATE-----\n", start);
    assert_taken(content, 1, 3);
    snprintf(content, sizeof(content), "%sAAAA\n-----END CERTIFICATE-----\n", start);
    assert_refused(content, ":1: the CERTIFICATE block does not hold what is allowed there");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(files_of_other_kinds_are_named),
        cmocka_unit_test(a_private_key_in_der_is_told_from_a_public_one),
        cmocka_unit_test(what_cannot_be_read_is_named),
        cmocka_unit_test(a_list_of_more_than_a_gibibyte_is_refused),
        cmocka_unit_test(a_list_may_come_through_a_pipe),
        cmocka_unit_test(pem_blocks_are_counted),
        cmocka_unit_test(wrong_pem_is_told_with_its_line),
        cmocka_unit_test(bytes_behind_a_certificate_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

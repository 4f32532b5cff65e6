/* SPDX-License-Identifier: BSD-3-Clause */
/* The configuration's reader: what is taken, what is refused and in which words, and that any bytes are one of both. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include <bearertap/alert.h>
#include <bearertap/configuration.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static int parse(const char *text, struct configuration *configuration, struct error *error)
{
    /* In a block of exactly its size: it has no NUL at its end. */
    size_t length = strlen(text);
    char *exact = malloc(length > 0 ? length : 1);
    memcpy(exact, text, length);
    error->text[0] = '\0';
    int result = configuration_parse(configuration, "FILE", exact, length, error);
    free(exact);
    return result;
}

static void assert_taken(const char *text, struct configuration *configuration)
{
    struct error error;
    if (parse(text, configuration, &error) != 0)
        fail_msg("%s\nis refused: %s", text, error.text);
}

static void an_empty_object_changes_nothing(void **state)
{
    (void)state;
    static const char *const rows[] = {"{}", " {\n}\n", "{\"scan\":{},\"filter\":{},\"keys\":[]}"};
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct configuration configuration;
        assert_taken(rows[i], &configuration);
        assert_int_equal(configuration.keys_count, 0);
        assert_int_equal(configuration.workers, 0);
        assert_null(configuration.format);
        assert_int_equal(configuration.responses.scan, RESPONSES_ALL);
        assert_true(filter_is_empty(&configuration.filter));
        configuration_release(&configuration);
    }
}

static void every_member_is_taken(void **state)
{
    (void)state;
    struct configuration configuration;
    assert_taken(
        "{\"keys\":[\"a.json\",\"id:b\"],\"workers\":3,\"format\":\"text\",\"scan\":{\"responses\":\"none\"},"
        "\"filter\":{\"include\":[{\"addresses\":[\"10.0.0.0/8\",\"2001:db8::/32\"],\"ports\":[443,\"8000-8999\"]}"
        ",{\"ports\":[1]}],\"exclude\":[{\"addresses\":[\"10.1.2.3\"]}]}}",
        &configuration);
    assert_int_equal(configuration.keys_count, 2);
    assert_string_equal(configuration.keys[0], "a.json");
    assert_string_equal(configuration.keys[1], "id:b");
    assert_int_equal(configuration.workers, 3);
    assert_ptr_equal(configuration.format, alert_format_find("text"));
    assert_int_equal(configuration.responses.scan, RESPONSES_NONE);
    const struct filter_rules *include = &configuration.filter.include, *exclude = &configuration.filter.exclude;
    assert_int_equal(include->count, 2);
    assert_int_equal(include->rules[0].prefixes_count, 2);
    assert_int_equal(include->rules[0].prefixes[0].ip_version, 4);
    assert_int_equal(include->rules[0].prefixes[1].ip_version, 6);
    assert_int_equal(include->rules[0].ports_count, 2);
    assert_int_equal(include->rules[0].ports[0].first, 443);
    assert_int_equal(include->rules[0].ports[0].last, 443);
    assert_int_equal(include->rules[0].ports[1].first, 8000);
    assert_int_equal(include->rules[0].ports[1].last, 8999);
    assert_int_equal(include->rules[1].prefixes_count, 0);
    assert_int_equal(include->rules[1].ports_count, 1);
    assert_int_equal(exclude->count, 1);
    assert_int_equal(exclude->rules[0].prefixes_count, 1);
    assert_int_equal(exclude->rules[0].ports_count, 0);
    configuration_release(&configuration);
}

static void responses_are_words_or_a_depth(void **state)
{
    (void)state;
    static const struct {
        const char *value;
        enum responses_scan scan;
        uint64_t depth;
    } rows[] = {{"\"all\"", RESPONSES_ALL, 0},      {"\"headers\"", RESPONSES_TO_DEPTH, 0},
                {"\"none\"", RESPONSES_NONE, 0},    {"0", RESPONSES_TO_DEPTH, 0},
                {"4096", RESPONSES_TO_DEPTH, 4096}, {"4.0", RESPONSES_TO_DEPTH, 4},
                {"1e3", RESPONSES_TO_DEPTH, 1000},  {"1073741824", RESPONSES_TO_DEPTH, 1073741824}};
    for (size_t i = 0; i < COUNT(rows); i++) {
        char text[128];
        struct configuration configuration;
        snprintf(text, sizeof(text), "{\"scan\":{\"responses\":%s}}", rows[i].value);
        assert_taken(text, &configuration);
        assert_int_equal(configuration.responses.scan, rows[i].scan);
        if (rows[i].scan == RESPONSES_TO_DEPTH)
            assert_int_equal(configuration.responses.depth, rows[i].depth);
        configuration_release(&configuration);
    }
}

#define RESPONSES_ALLOWED "; allowed is \"all\", \"headers\", \"none\" or a whole number from 0 to 1073741824"
#define ADDRESSES_ALLOWED "; allowed is an address, or a prefix as in 10.0.0.0/8 or 2001:db8::/32"
#define PORTS_ALLOWED     "; allowed is a port from 1 to 65535, or a range as in \"8000-8999\""
#define RULE(member)      "{\"filter\":{\"exclude\":[{" member "}]}}"

static void what_is_not_allowed_is_refused_with_its_place(void **state)
{
    (void)state;
    static const struct {
        const char *text, *error;
    } rows[] = {
        {"", "FILE is empty; the smallest configuration is {}"},
        {" \n\t\r\n", "FILE is empty; the smallest configuration is {}"},
        {"[]", "FILE: the whole is an array of 0; allowed is an object"},
        {"null", "FILE: the whole is null; allowed is an object"},
        {"{\"worker\":1}", "FILE: /worker: there is no such member; allowed is keys, workers, format, scan, filter "
                           "(did you mean workers?)"},
        {"{\"\":1}",
         "FILE: /(a name of 0 bytes): there is no such member; allowed is keys, workers, format, scan, filter"},
        {"{\"workers\":0}", "FILE: /workers is 0; allowed is a whole number from 1 to 64"},
        {"{\"workers\":65}", "FILE: /workers is 65; allowed is a whole number from 1 to 64"},
        {"{\"workers\":-1}", "FILE: /workers is -1; allowed is a whole number from 1 to 64"},
        {"{\"workers\":1.5}", "FILE: /workers is 1.5; allowed is a whole number from 1 to 64"},
        {"{\"workers\":9223372036854775807}",
         "FILE: /workers is 9223372036854775807; allowed is a whole number from 1 to 64"},
        {"{\"workers\":true}", "FILE: /workers is true; allowed is a whole number from 1 to 64"},
        {"{\"workers\":\"2\"}", "FILE: /workers is a string of 1 byte; allowed is a whole number from 1 to 64"},
        {"{\"format\":\"ecss\"}", "FILE: /format is \"ecss\"; allowed is \"ecs\" or \"text\" (did you mean \"ecs\"?)"},
        {"{\"format\":3}", "FILE: /format is 3; allowed is \"ecs\" or \"text\""},
        {"{\"scan\":\"none\"}", "FILE: /scan is a string of 4 bytes; allowed is an object"},
        {"{\"scan\":{\"response\":1}}",
         "FILE: /scan/response: there is no such member; allowed is responses (did you mean responses?)"},
        {"{\"scan\":{\"responses\":\"headrs\"}}",
         "FILE: /scan/responses is \"headrs\"" RESPONSES_ALLOWED " (did you mean \"headers\"?)"},
        {"{\"scan\":{\"responses\":\"All\"}}",
         "FILE: /scan/responses is \"All\"" RESPONSES_ALLOWED " (did you mean \"all\"?)"},
        {"{\"scan\":{\"responses\":\"0\"}}", "FILE: /scan/responses is a string of 1 byte" RESPONSES_ALLOWED},
        {"{\"scan\":{\"responses\":-1}}", "FILE: /scan/responses is -1" RESPONSES_ALLOWED},
        {"{\"scan\":{\"responses\":1073741825}}", "FILE: /scan/responses is 1073741825" RESPONSES_ALLOWED},
        {"{\"scan\":{\"responses\":{\"a\":1}}}", "FILE: /scan/responses is an object" RESPONSES_ALLOWED},
        {"{\"keys\":\"a\"}", "FILE: /keys is a string of 1 byte; allowed is an array of up to 64"},
        {"{\"keys\":[\"a\",\"\"]}",
         "FILE: /keys/1 is a string of 0 bytes; allowed is the name of a file, or id: and a key id"},
        {"{\"keys\":[\"-\"]}",
         "FILE: /keys/0 is a string of 1 byte; allowed is the name of a file, or id: and a key id"},
        {"{\"keys\":[\"id:\"]}",
         "FILE: /keys/0 is a string of 3 bytes; allowed is the name of a file, or id: and a key id"},
        {"{\"filter\":{\"include\":[]}}", "FILE: /filter/include is an array of 0; allowed is an array of 1 to 16"},
        {"{\"filter\":{\"includes\":[]}}",
         "FILE: /filter/includes: there is no such member; allowed is include, exclude (did you mean include?)"},
        {"{\"filter\":{\"include\":[{\"ports\":[1]},{}]}}",
         "FILE: /filter/include/1 is an empty object; allowed is an object with addresses, ports, or both"},
        {RULE("\"port\":[1]"),
         "FILE: /filter/exclude/0/port: there is no such member; allowed is addresses, ports (did you mean ports?)"},
        {RULE("\"ports\":[]"), "FILE: /filter/exclude/0/ports is an array of 0; allowed is an array of 1 to 16"},
        {RULE("\"ports\":[0]"), "FILE: /filter/exclude/0/ports/0 is 0" PORTS_ALLOWED},
        {RULE("\"ports\":[1,65536]"), "FILE: /filter/exclude/0/ports/1 is 65536" PORTS_ALLOWED},
        {RULE("\"ports\":[\"9-8\"]"), "FILE: /filter/exclude/0/ports/0 is \"9-8\"" PORTS_ALLOWED},
        {RULE("\"ports\":[\"80\"]"), "FILE: /filter/exclude/0/ports/0 is \"80\"" PORTS_ALLOWED},
        {RULE("\"addresses\":[\"10.0.0.0/33\"]"),
         "FILE: /filter/exclude/0/addresses/0 is \"10.0.0.0/33\"" ADDRESSES_ALLOWED},
        {RULE("\"addresses\":[\"host.example\"]"),
         "FILE: /filter/exclude/0/addresses/0 is a string of 12 bytes" ADDRESSES_ALLOWED},
        {RULE("\"addresses\":[17]"), "FILE: /filter/exclude/0/addresses/0 is 17" ADDRESSES_ALLOWED},
        {"{\"workers\":1,\n \"workers\":2}", "FILE:2:10: a member that is there twice"},
        {"{\"workers\":1", "FILE:1:12: the file ends before the configuration does"},
        {"{\"workers\":1}}", "FILE:1:14: something follows on the configuration's end"},
        {"{'workers':1}", "FILE:1:2: this is no JSON"},
        {"{\"keys\":[\"\xff\"]}", "FILE:1:10: bytes that are no UTF-8"},
        {"{\"keys\":[\"\\u0000\"]}", "FILE:1:17: a string with a NUL in it"},
        {"{\"workers\":99999999999999999999}", "FILE:1:31: a number too large for any of them"},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct configuration configuration;
        struct error error;
        assert_int_equal(parse(rows[i].text, &configuration, &error), -EINVAL);
        assert_string_equal(error.text, rows[i].error);
        configuration_release(&configuration);
    }
}

static void as_much_as_is_allowed_is_taken_and_no_more(void **state)
{
    (void)state;
    static const struct {
        const char *before, *item, *after;
        unsigned most;
    } rows[] = {{"{\"keys\":[", "\"a\"", "]}", 64},
                {"{\"filter\":{\"include\":[", "{\"ports\":[1]}", "]}}", 16},
                {"{\"filter\":{\"exclude\":[", "{\"ports\":[1]}", "]}}", 16},
                {"{\"filter\":{\"include\":[{\"ports\":[", "1", "]}]}}", 16},
                {"{\"filter\":{\"include\":[{\"addresses\":[", "\"::1\"", "]}]}}", 16}};
    for (size_t i = 0; i < COUNT(rows); i++)
        for (unsigned count = rows[i].most; count <= rows[i].most + 1; count++) {
            char text[4096];
            size_t length = (size_t)snprintf(text, sizeof(text), "%s", rows[i].before);
            for (unsigned n = 0; n < count; n++)
                length +=
                    (size_t)snprintf(text + length, sizeof(text) - length, "%s%s", n > 0 ? "," : "", rows[i].item);
            snprintf(text + length, sizeof(text) - length, "%s", rows[i].after);
            struct configuration configuration;
            struct error error;
            assert_int_equal(parse(text, &configuration, &error), count > rows[i].most ? -EINVAL : 0);
            configuration_release(&configuration);
        }
}

/* Wherever a value may go astray, it is not repeated. */
static void a_secret_in_any_place_is_not_repeated(void **state)
{
    (void)state;
    static const char secret[] = "c2VjcmV0LXRva2VuLW9mLWFuLWFjY291bnQtc2VjcmV0";
    static const char *const rows[] = {"\"%s\"",
                                       "{\"%s\":1}",
                                       "{\"keys\":[{\"%s\":1}]}",
                                       "{\"keys\":\"%s\"}",
                                       "{\"workers\":\"%s\"}",
                                       "{\"format\":\"%s\"}",
                                       "{\"scan\":\"%s\"}",
                                       "{\"scan\":{\"responses\":\"%s\"}}",
                                       "{\"scan\":{\"%s\":1}}",
                                       RULE("\"addresses\":[\"%s\"]"),
                                       RULE("\"ports\":[\"%s\"]"),
                                       "{\"keys\":[\"%s\"",
                                       "{\"keys\":[\"%s\"],}",
                                       "{\"%s\":1,\"%s\":2}",
                                       "{\"keys\": %s}",
                                       "{\"keys\":[\"%s\xff\"]}"};
    for (size_t i = 0; i < COUNT(rows); i++) {
        char text[512];
        struct configuration configuration;
        struct error error;
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
#pragma GCC diagnostic ignored "-Wformat-extra-args"
        snprintf(text, sizeof(text), rows[i], secret, secret);
#pragma GCC diagnostic pop
        assert_int_equal(parse(text, &configuration, &error), -EINVAL);
        if (strstr(error.text, "c2Vjcm") != NULL)
            fail_msg("%s", error.text);
        configuration_release(&configuration);
    }
}

static void nesting_is_bounded(void **state)
{
    (void)state;
    enum { DEPTH = 300000 };
    char *text = malloc(DEPTH + 1);
    struct configuration configuration;
    struct error error;
    memset(text, '[', DEPTH);
    text[DEPTH] = '\0';
    assert_int_equal(parse(text, &configuration, &error), -EINVAL);
    assert_non_null(strstr(error.text, "more objects and arrays within each other"));
    free(text);
}

static void a_file_is_read_up_to_its_bound(void **state)
{
    (void)state;
    char path[] = "/tmp/bearertap-configuration-XXXXXX";
    struct configuration configuration;
    struct error error;
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    char *text = malloc(CONFIGURATION_BYTES_MAX);
    memset(text, ' ', CONFIGURATION_BYTES_MAX);
    memcpy(text, "{}", 2);
    assert_int_equal(write(fd, text, CONFIGURATION_BYTES_MAX), CONFIGURATION_BYTES_MAX);
    assert_int_equal(configuration_read(&configuration, path, &error), 0);
    assert_int_equal(write(fd, " ", 1), 1);
    assert_int_equal(configuration_read(&configuration, path, &error), -EFBIG);
    assert_non_null(strstr(error.text, "longer than the 1 MiB"));
    close(fd);
    unlink(path);
    assert_int_equal(configuration_read(&configuration, path, &error), -ENOENT);
    assert_non_null(strstr(error.text, path));
    assert_int_equal(configuration_read(&configuration, "/tmp", &error), -EISDIR);
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_empty_object_changes_nothing),
        cmocka_unit_test(every_member_is_taken),
        cmocka_unit_test(responses_are_words_or_a_depth),
        cmocka_unit_test(what_is_not_allowed_is_refused_with_its_place),
        cmocka_unit_test(as_much_as_is_allowed_is_taken_and_no_more),
        cmocka_unit_test(a_secret_in_any_place_is_not_repeated),
        cmocka_unit_test(nesting_is_bounded),
        cmocka_unit_test(a_file_is_read_up_to_its_bound),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

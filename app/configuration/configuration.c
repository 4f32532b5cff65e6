/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Reads the file, has jansson parse it, and walks what came of it along the table. jansson's own words are not passed
 * on, since they repeat what stands near a mistake.
 */
#include <bearertap/configuration.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <bearertap/nearest.h>

#include "rows.h"

/* No path of the table comes near it, with a number for each *. */
#define PATH_MAX_BYTES 96
#define SIBLINGS_MAX   16
#define NAME_SHOWN_MAX 32
#define WORD_SHOWN_MAX 16

/* Where in the file the walk stands: as in the table, and as the operator wrote it. */
struct place {
    const char *file;
    char pattern[PATH_MAX_BYTES], path[PATH_MAX_BYTES];
    struct configuration_place of;
    struct error *error;
};

static const char *shown_path(const struct place *place)
{
    return place->path[0] != '\0' ? place->path : "the whole";
}

static bool made_of(const char *text, const char *bytes, size_t most)
{
    size_t length = strlen(text);
    return length > 0 && length <= most && strspn(text, bytes) == length;
}

#define LETTERS "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"

/* What stands there, in words; no more of it than needed. */
static void describe(const json_t *value, enum shown shown, char *out, size_t capacity)
{
    static const char *const names[] = {
        [JSON_OBJECT] = "an object", [JSON_ARRAY] = "an array", [JSON_TRUE] = "true",
        [JSON_FALSE] = "false",      [JSON_NULL] = "null",      [JSON_REAL] = "a number"};
    const char *text = json_string_value(value);
    const char *bytes = shown == SHOWN_WORD ? LETTERS "-_" : "0123456789abcdefABCDEF.:/-";
    if (json_is_integer(value))
        snprintf(out, capacity, "%lld", (long long)json_integer_value(value));
    else if (json_is_real(value))
        snprintf(out, capacity, "%.17g", json_real_value(value));
    else if (json_is_array(value))
        snprintf(out, capacity, "an array of %zu", json_array_size(value));
    else if (json_is_object(value) && json_object_size(value) == 0)
        snprintf(out, capacity, "an empty object");
    else if (text == NULL)
        snprintf(out, capacity, "%s", names[json_typeof(value)]);
    else if (shown != SHOWN_NOT && made_of(text, bytes, shown == SHOWN_WORD ? WORD_SHOWN_MAX : NAME_SHOWN_MAX + 16))
        snprintf(out, capacity, "\"%s\"", text);
    else
        snprintf(out, capacity, "a string of %zu byte%s", json_string_length(value),
                 json_string_length(value) == 1 ? "" : "s");
}

static int refuse(const struct place *place, const struct configuration_row *row, const json_t *value)
{
    char found[128];
    const char *text = json_string_value(value);
    const char *nearest = row->words != NULL && text != NULL ? nearest_word(text, row->words) : NULL;
    describe(value, row->shown, found, sizeof(found));
    return error_set(place->error, EINVAL, "%s: %s is %s; allowed is %s%s%s%s", place->file, shown_path(place), found,
                     row->allowed, nearest != NULL ? " (did you mean \"" : "", nearest != NULL ? nearest : "",
                     nearest != NULL ? "\"?)" : "");
}

static const struct configuration_row *find_row(const char *pattern)
{
    for (unsigned i = 0; i < configuration_rows_count; i++)
        if (strcmp(configuration_rows[i].path, pattern) == 0)
            return &configuration_rows[i];
    return NULL;
}

/* The names of the members that the object may have. */
static void list_members(const char *pattern, const char **names)
{
    size_t length = strlen(pattern);
    unsigned count = 0;
    for (unsigned i = 0; i < configuration_rows_count && count < SIBLINGS_MAX; i++) {
        const char *path = configuration_rows[i].path;
        if (strncmp(path, pattern, length) == 0 && path[length] == '/' && strchr(path + length + 1, '/') == NULL)
            names[count++] = path + length + 1;
    }
    names[count] = NULL;
}

static int refuse_member(const struct place *place, const char *name)
{
    const char *names[SIBLINGS_MAX + 1], *nearest;
    char shown[NAME_SHOWN_MAX + 32], list[256] = "";
    list_members(place->pattern, names);
    nearest = nearest_word(name, names);
    for (unsigned i = 0; names[i] != NULL; i++) {
        size_t length = strlen(list);
        snprintf(list + length, sizeof(list) - length, "%s%s", i > 0 ? ", " : "", names[i]);
    }
    /* A name that is not at all like one of ours may be a value that went astray, and a secret. */
    bool is_shown = made_of(name, LETTERS "0123456789_-.", NAME_SHOWN_MAX);
    if (is_shown)
        snprintf(shown, sizeof(shown), "%s", name);
    else
        snprintf(shown, sizeof(shown), "(a name of %zu bytes)", strlen(name));
    return error_set(place->error, EINVAL, "%s: %s/%s: there is no such member; allowed is %s%s%s%s", place->file,
                     place->path, shown, list, nearest != NULL ? " (did you mean " : "", nearest != NULL ? nearest : "",
                     nearest != NULL ? "?)" : "");
}

static int walk(struct place *place, const json_t *value);

/* One step down; back up is cutting the two paths to the lengths that they had. */
static int walk_into(struct place *place, const char *pattern, const char *path, const json_t *value)
{
    size_t pattern_length = strlen(place->pattern), path_length = strlen(place->path);
    snprintf(place->pattern + pattern_length, sizeof(place->pattern) - pattern_length, "/%s", pattern);
    snprintf(place->path + path_length, sizeof(place->path) - path_length, "/%s", path);
    int result = walk(place, value);
    if (result == 0) {
        place->pattern[pattern_length] = '\0';
        place->path[path_length] = '\0';
    }
    return result;
}

static int walk_object(struct place *place, const json_t *value)
{
    const char *names[SIBLINGS_MAX + 1];
    list_members(place->pattern, names);
    void *iterator = json_object_iter((json_t *)(uintptr_t)value);
    int result = 0;
    for (; iterator != NULL && result == 0; iterator = json_object_iter_next((json_t *)(uintptr_t)value, iterator)) {
        const char *name = json_object_iter_key(iterator);
        unsigned i = 0;
        while (names[i] != NULL && strcmp(names[i], name) != 0)
            i++;
        result = names[i] != NULL ? walk_into(place, names[i], names[i], json_object_iter_value(iterator))
                                  : refuse_member(place, name);
    }
    return result;
}

static int walk_array(struct place *place, const json_t *value)
{
    int result = 0;
    for (size_t i = 0; i < json_array_size(value) && result == 0; i++) {
        char index[24];
        snprintf(index, sizeof(index), "%zu", i);
        result = walk_into(place, "*", index, json_array_get(value, i));
    }
    return result;
}

/* Each member is good, and together they may not be. */
static int check_members(const struct place *place, const struct configuration_row *row)
{
    char fault[128];
    if (row->check == NULL || row->check(&place->of, fault, sizeof(fault)))
        return 0;
    return error_set(place->error, EINVAL, "%s: %s: %s", place->file, shown_path(place), fault);
}

static int walk(struct place *place, const json_t *value)
{
    const struct configuration_row *row = find_row(place->pattern);
    bool is_object = row->kind == CONFIGURATION_OBJECT, is_array = row->kind == CONFIGURATION_ARRAY;
    if ((is_object && !json_is_object(value)) || (is_array && !json_is_array(value)) ||
        (is_array && (json_array_size(value) < row->least || json_array_size(value) > row->most)) ||
        (row->take != NULL && !row->take(&place->of, value)))
        return refuse(place, row, value);
    int result = 0;
    if (is_object || (row->kind == CONFIGURATION_VALUE_OR_OBJECT && json_is_object(value)))
        result = walk_object(place, value);
    else if (is_array)
        result = walk_array(place, value);
    return result == 0 ? check_members(place, row) : result;
}

static const char *fault_of(const json_error_t *error)
{
    switch (json_error_code(error)) {
    case json_error_out_of_memory:
        return "out of memory";
    case json_error_stack_overflow:
        return "more objects and arrays within each other than anybody needs";
    case json_error_premature_end_of_input:
        return "the file ends before the configuration does";
    case json_error_end_of_input_expected:
        return "something follows on the configuration's end";
    case json_error_invalid_utf8:
        return "bytes that are no UTF-8";
    case json_error_duplicate_key:
        return "a member that is there twice";
    case json_error_numeric_overflow:
        return "a number too large for any of them";
    case json_error_null_byte_in_key:
    case json_error_null_character:
        return "a string with a NUL in it";
    default:
        return "this is no JSON";
    }
}

static int parse_in(struct configuration *configuration, const char *name, size_t folder_length, const char *text,
                    size_t length, struct error *error)
{
    json_error_t fault;
    memset(configuration, 0, sizeof(*configuration));
    configuration->hugepages = true;
    if (length > CONFIGURATION_BYTES_MAX)
        return error_set(error, EFBIG, "%s is longer than the 1 MiB that a configuration may have", name);
    size_t space = 0;
    while (space < length && strchr(" \t\r\n", text[space]) != NULL && text[space] != '\0')
        space++;
    if (space == length)
        return error_set(error, EINVAL, "%s is empty; the smallest configuration is {}", name);
    json_t *root = json_loadb(text, length, JSON_REJECT_DUPLICATES | JSON_DECODE_ANY, &fault);
    if (root == NULL)
        return error_set(error, EINVAL, "%s:%d:%d: %s", name, fault.line, fault.column, fault_of(&fault));
    struct place place = {
        .file = name,
        .of = {.configuration = configuration, .folder = name, .folder_length = folder_length},
        .error = error,
    };
    int result = walk(&place, root);
    json_decref(root);
    return result;
}

/* Up to its last slash, which is in it; 0 where there is none. */
static size_t folder_length_of(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash != NULL ? (size_t)(slash + 1 - path) : 0;
}

int configuration_parse(struct configuration *configuration, const char *name, const char *text, size_t length,
                        struct error *error)
{
    return parse_in(configuration, name, folder_length_of(name), text, length, error);
}

/* All of it and one byte more, which tells that it is too long; a pipe's comes in pieces. */
static ssize_t read_all(int fd, char *bytes, size_t capacity)
{
    size_t length = 0;
    while (length < capacity) {
        ssize_t got = read(fd, bytes + length, capacity - length);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return -errno;
        if (got == 0)
            break;
        length += (size_t)got;
    }
    return (ssize_t)length;
}

int configuration_read(struct configuration *configuration, const char *path, struct error *error)
{
    memset(configuration, 0, sizeof(*configuration));
    struct stat status;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return error_set(error, errno, "cannot open configuration %s: %s", path, strerror(errno));
    /* /dev/stdin and /proc/self/fd/63 say nothing of where it came from. */
    bool lies_in_a_folder = fstat(fd, &status) == 0 && S_ISREG(status.st_mode);
    char *text = calloc(1, CONFIGURATION_BYTES_MAX + 2);
    ssize_t length = text != NULL ? read_all(fd, text, CONFIGURATION_BYTES_MAX + 1) : -ENOMEM;
    close(fd);
    int result =
        length >= 0
            ? parse_in(configuration, path, lies_in_a_folder ? folder_length_of(path) : 0, text, (size_t)length, error)
            : error_set(error, (int)-length, "cannot read configuration %s: %s", path, strerror((int)-length));
    free(text);
    return result;
}

static void release_all(char **texts, unsigned count)
{
    for (unsigned i = 0; i < count; i++)
        free(texts[i]);
}

void configuration_release(struct configuration *configuration)
{
    release_all(configuration->keys, configuration->keys_count);
    release_all(configuration->eal, configuration->eal_count);
    for (unsigned i = 0; i < configuration->ports_count; i++)
        free(configuration->ports[i].device);
    for (unsigned i = 0; i < configuration->sinks_count; i++)
        free((char *)(uintptr_t)configuration->sinks[i].path);
    free(configuration->sensor);
    free(configuration->control_socket);
    free(configuration->control_group);
    memset(configuration, 0, sizeof(*configuration));
}

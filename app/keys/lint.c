/* SPDX-License-Identifier: BSD-3-Clause */
/* A list read for its mistakes: who is told, and what is there twice. */
#include "lint.h"
#include "list.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <bearertap/siphash.h>

/* A name that was seen: a text by its entry, a thumbprint by its place in the list. `name` 0: none. */
struct seen_name {
    uint32_t hash;
    uint32_t name : 31; /* index + 1 */
    uint32_t is_text : 1;
};

struct key_lint {
    key_problem_report *report;
    void *context;
    struct key_list *list;
    struct siphash_key siphash_key;
    struct seen_name *seen; /* open addressing, half full at most */
    size_t seen_capacity, seen_count;
    size_t faults; /* of the file being read */
    int64_t now_s;
};

int key_lint_create(struct key_lint **lint, key_problem_report *report, void *context)
{
    struct key_lint *made = calloc(1, sizeof(*made));
    int result = made != NULL ? siphash_key_random(&made->siphash_key) : -ENOMEM;
    if (result == 0)
        result = key_list_create(&made->list);
    if (result != 0) {
        free(made);
        return result;
    }
    made->report = report;
    made->context = context;
    made->now_s = time(NULL);
    *lint = made;
    return 0;
}

void key_lint_destroy(struct key_lint *lint)
{
    if (lint == NULL)
        return;
    key_list_destroy(lint->list);
    free(lint->seen);
    free(lint);
}

const struct key_list *key_lint_list(const struct key_lint *lint)
{
    return lint->list;
}

int64_t key_lint_now_s(const struct key_lint *lint)
{
    return lint->now_s;
}

/* ---- telling ---- */

void key_lint_report(struct key_lint *lint, bool is_error, const char *path, struct place place, const char *text)
{
    const struct key_problem problem = {.is_error = is_error,
                                        .source = path,
                                        .line = place.line,
                                        .column = place.column,
                                        .key = place.key,
                                        .member = place.member,
                                        .text = text};
    lint->faults += is_error;
    lint->report(lint->context, &problem);
}

void key_lint_warn(struct key_lint *lint, const struct source *source, struct place place, const char *format, ...)
{
    char text[ERROR_TEXT_MAX];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof(text), format, arguments);
    va_end(arguments);
    key_lint_report(lint, false, source->path, place, text);
}

bool key_lint_has_faults(const struct key_lint *lint)
{
    return lint->faults > 0;
}

size_t key_lint_file(struct key_lint *lint, const char *path)
{
    struct error error = {""};
    struct source source;
    lint->faults = 0;
    int result = source_open(&source, path, &error);
    if (result == 0) {
        source.lint = lint;
        result = key_list_read(lint->list, &source);
        source_close(&source);
    }
    if (result != 0 && !source.failure_told) /* of the file as a whole: what has a line was told by source_fail */
        key_lint_report(lint, true, path, (struct place){0}, error.text[0] != '\0' ? error.text : strerror(-result));
    return lint->faults;
}

/* ---- what is there twice ---- */

static bool seen_grow(struct key_lint *lint, size_t more)
{
    if ((lint->seen_count + more) * 2 <= lint->seen_capacity)
        return true;
    size_t capacity = lint->seen_capacity > 0 ? lint->seen_capacity * 2 : 4096;
    struct seen_name *grown = calloc(capacity, sizeof(*grown));
    if (grown == NULL)
        return false;
    for (size_t i = 0; i < lint->seen_capacity; i++) {
        if (lint->seen[i].name == 0)
            continue;
        size_t place = lint->seen[i].hash & (capacity - 1);
        while (grown[place].name != 0)
            place = (place + 1) & (capacity - 1);
        grown[place] = lint->seen[i];
    }
    free(lint->seen);
    lint->seen = grown;
    lint->seen_capacity = capacity;
    return true;
}

/* The issuer narrows a text, so it is part of what the text says; 0: none. */
static uint32_t hash_text(const struct key_lint *lint, const char *text, const char *issuer)
{
    uint64_t hash = siphash_128(&lint->siphash_key, text, strlen(text)).low;
    if (issuer != NULL)
        hash += siphash_128(&lint->siphash_key, issuer, strlen(issuer)).high;
    return (uint32_t)hash;
}

static bool is_same_issuer(const char *a, const char *b)
{
    return a == b || (a != NULL && b != NULL && strcmp(a, b) == 0);
}

/* The entry that bears a text for this issuer, or NULL. */
static const struct list_entry *find_text(const struct key_lint *lint, const char *text, const char *issuer)
{
    uint32_t hash = hash_text(lint, text, issuer);
    for (size_t i = hash & (lint->seen_capacity - 1); lint->seen[i].name != 0;
         i = (i + 1) & (lint->seen_capacity - 1)) {
        if (lint->seen[i].hash != hash || !lint->seen[i].is_text)
            continue;
        const struct list_entry *entry = &lint->list->entries[lint->seen[i].name - 1];
        if (strcmp(list_text(lint->list->text, entry->id), text) == 0 &&
            is_same_issuer(list_text(lint->list->text, entry->issuer), issuer))
            return entry;
    }
    return NULL;
}

static const struct list_entry *find_thumbprint(const struct key_lint *lint, uint32_t hash,
                                                const struct key_thumbprint *thumbprint)
{
    for (size_t i = hash & (lint->seen_capacity - 1); lint->seen[i].name != 0;
         i = (i + 1) & (lint->seen_capacity - 1)) {
        if (lint->seen[i].hash != hash || lint->seen[i].is_text)
            continue;
        const struct list_thumbprint *other = &lint->list->thumbprints[lint->seen[i].name - 1];
        if (other->thumbprint.length == thumbprint->length &&
            memcmp(other->thumbprint.bytes, thumbprint->bytes, thumbprint->length) == 0)
            return &lint->list->entries[other->entry];
    }
    return NULL;
}

static void add_seen(struct key_lint *lint, uint32_t hash, size_t name, bool is_text)
{
    size_t i = hash & (lint->seen_capacity - 1);
    while (lint->seen[i].name != 0)
        i = (i + 1) & (lint->seen_capacity - 1);
    lint->seen[i] = (struct seen_name){hash, (uint32_t)(name + 1) & INT32_MAX, is_text};
    lint->seen_count++;
}

/* By which name the two are the same key; of the thumbprint that the later one has. */
static const char *thumbprint_word(const struct key_thumbprint *thumbprint)
{
    if (thumbprint->length == KEY_SHA1_BYTES)
        return "the same SHA-1 thumbprint (x5t)";
    if ((thumbprint->origins & (KEY_FROM_X5T_S256 | KEY_FROM_CERTIFICATE)) != 0)
        return "the same SHA-256 thumbprint (x5t#S256)";
    if ((thumbprint->origins & (KEY_FROM_NUMBERS | KEY_FROM_CERTIFICATE_KEY)) != 0)
        return "the same public key (RFC 7638 thumbprint)";
    return "the same SHA-256 thumbprint";
}

static void tell_twice(struct key_lint *lint, const struct source *source, struct place place,
                       const struct list_entry *entry, const struct list_entry *other, const char *by)
{
    char id[KEY_SHOWN_MAX], other_id[KEY_SHOWN_MAX];
    const char *text = list_text(lint->list->text, entry->id), *other_text = list_text(lint->list->text, other->id);
    key_show(text, strlen(text), id);
    if (strcmp(text, other_text) == 0)
        key_lint_warn(lint, source, place, "key id %s is there already: %s:%u", id,
                      list_text(lint->list->text, other->source), other->line);
    else
        key_lint_warn(lint, source, place, "key id %s names a key that is there already: %s of %s:%u has %s", id,
                      key_show(other_text, strlen(other_text), other_id), list_text(lint->list->text, other->source),
                      other->line, by);
}

int key_lint_entry(struct key_lint *lint, const struct source *source, struct place place)
{
    struct key_list *list = lint->list;
    size_t number = list->entries_count - 1, begin = list->thumbprints_count;
    const struct list_entry *entry = &list->entries[number], *other = NULL;
    while (begin > 0 && list->thumbprints[begin - 1].entry == number)
        begin--;
    if (!seen_grow(lint, KEY_LISTED_NAMES_MAX))
        return error_set(source->error, ENOMEM, "out of memory after %zu revoked keys", number);

    const char *id = list_text(lint->list->text, entry->id), *issuer = list_text(lint->list->text, entry->issuer),
               *by = "";
    if (entry->id_is_name) {
        other = find_text(lint, id, issuer);
        if (other == NULL)
            add_seen(lint, hash_text(lint, id, issuer), number, true);
        if (other == NULL && issuer != NULL)
            other = find_text(lint, id, NULL); /* which is revoked whoever the issuer is */
    }
    for (size_t i = begin; i < list->thumbprints_count; i++) {
        const struct key_thumbprint *thumbprint = &list->thumbprints[i].thumbprint;
        uint32_t hash = (uint32_t)siphash_128(&lint->siphash_key, thumbprint->bytes, thumbprint->length).low;
        const struct list_entry *found = find_thumbprint(lint, hash, thumbprint);
        if (found == NULL)
            add_seen(lint, hash, i, false);
        else if (other == NULL) {
            other = found;
            by = thumbprint_word(thumbprint);
        }
    }
    if (other != NULL)
        tell_twice(lint, source, place, entry, other, by);
    return 0;
}

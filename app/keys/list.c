/* SPDX-License-Identifier: BSD-3-Clause */
/* The list in memory. */
#include "list.h"
#include "json.h"
#include "lint.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <bearertap/utf8.h>

int key_list_create(struct key_list **list)
{
    *list = calloc(1, sizeof(**list));
    return *list != NULL ? 0 : -ENOMEM;
}

void key_list_destroy(struct key_list *list)
{
    if (list == NULL)
        return;
    free(list->text);
    free(list->entries);
    free(list->thumbprints);
    free(list);
}

size_t key_list_entries(const struct key_list *list)
{
    return list->entries_count;
}

size_t key_list_names(const struct key_list *list)
{
    return list->text_names + list->thumbprints_count;
}

void key_draft_add_thumbprint(struct key_draft *draft, const uint8_t *bytes, size_t length, enum key_origin origin)
{
    for (unsigned i = 0; i < draft->thumbprints_count; i++)
        if (draft->thumbprints[i].length == length && memcmp(draft->thumbprints[i].bytes, bytes, length) == 0) {
            draft->thumbprints[i].origins |= (uint8_t)origin;
            return;
        }
    if (draft->thumbprints_count == KEY_DRAFT_THUMBPRINTS_MAX)
        return; /* no format has more of them to add */
    struct key_thumbprint *thumbprint = &draft->thumbprints[draft->thumbprints_count++];
    thumbprint->length = (uint8_t)length;
    thumbprint->origins = (uint8_t)origin;
    memcpy(thumbprint->bytes, bytes, length);
}

void key_draft_name_by_id(struct key_draft *draft, const char *id)
{
    uint8_t thumbprint[KEY_SHA256_BYTES];
    draft->id = id;
    draft->id_is_name = true;
    size_t length = key_text_to_thumbprint((const uint8_t *)id, strlen(id), thumbprint);
    if (length > 0)
        key_draft_add_thumbprint(draft, thumbprint, length, KEY_FROM_KID);
}

/* Makes room for `more` elements of `size` bytes behind `count`. */
static int reserve(void **array, size_t *capacity, size_t count, size_t more, size_t size)
{
    if (*capacity - count >= more)
        return 0;
    size_t wanted = *capacity + *capacity / 2 + more + 1024;
    void *grown = realloc(*array, wanted * size);
    if (grown == NULL)
        return -ENOMEM;
    *array = grown;
    *capacity = wanted;
    return 0;
}

/* Keeps a string, room for which was made. */
static uint32_t keep_text(struct key_list *list, const char *text)
{
    if (text == NULL)
        return 0;
    if (list->text_length == 0)
        list->text[list->text_length++] = '\0'; /* so that no string has offset 0 */
    uint32_t offset = (uint32_t)list->text_length;
    size_t bytes = strlen(text) + 1;
    memcpy(list->text + offset, text, bytes);
    list->text_length += bytes;
    return offset;
}

/*
 * The same, for strings that other entries are likely to have too. A slot may outlive its string (where a file was
 * refused): what stands at its offset then is some string or the end of one, and if it is equal it serves as well.
 */
static uint32_t keep_frequent_text(struct key_list *list, const char *text, uint32_t previous)
{
    if (text == NULL)
        return 0;
    if (previous != 0 && strcmp(list->text + previous, text) == 0)
        return previous;
    uint32_t hash = 2166136261; /* FNV-1a: whoever aims at it makes strings that are kept twice, and no more */
    for (const char *at = text; *at != '\0'; at++)
        hash = (hash ^ (uint8_t)*at) * 16777619;
    uint32_t *slot = &list->recent[(hash ^ hash >> 16) % KEY_RECENT_TEXTS];
    if (*slot == 0 || *slot >= list->text_length || strcmp(list->text + *slot, text) != 0)
        *slot = keep_text(list, text);
    return *slot;
}

static size_t text_bytes(const char *text)
{
    return text != NULL ? strlen(text) + 1 : 0;
}

static int reserve_text(struct key_list *list, size_t bytes)
{
    if (bytes >= UINT32_MAX - list->text_length) /* offsets are of 32 bits */
        return -E2BIG;
    return reserve((void **)&list->text, &list->text_capacity, list->text_length, bytes + 1, 1);
}

int key_list_add_draft(struct key_list *list, const struct key_draft *draft, struct error *error)
{
    size_t bytes = text_bytes(draft->id) + text_bytes(draft->issuer) + text_bytes(draft->reason) +
                   text_bytes(draft->severity) + text_bytes(draft->revoked_at);
    int result = reserve_text(list, bytes);
    if (result == 0)
        result =
            reserve((void **)&list->entries, &list->entries_capacity, list->entries_count, 1, sizeof(*list->entries));
    if (result == 0)
        result = reserve((void **)&list->thumbprints, &list->thumbprints_capacity, list->thumbprints_count,
                         draft->thumbprints_count, sizeof(*list->thumbprints));
    if (result == -E2BIG)
        return error_set(error, E2BIG, "the key lists together hold more than 4 GiB of text, which is not allowed");
    if (result != 0)
        return error_set(error, ENOMEM, "out of memory after %zu revoked keys", list->entries_count);

    static const struct list_entry none;
    const struct list_entry *previous = list->entries_count > 0 ? &list->entries[list->entries_count - 1] : &none;
    struct list_entry *entry = &list->entries[list->entries_count];
    *entry = (struct list_entry){
        .id = keep_text(list, draft->id),
        .issuer = keep_frequent_text(list, draft->issuer, previous->issuer),
        .reason = keep_frequent_text(list, draft->reason, previous->reason),
        .severity = keep_frequent_text(list, draft->severity, previous->severity),
        .revoked_at = keep_frequent_text(list, draft->revoked_at, previous->revoked_at),
        .source = list->source,
        .line = draft->place.line & INT32_MAX,
        .id_is_name = draft->id_is_name,
    };
    for (unsigned i = 0; i < draft->thumbprints_count; i++)
        list->thumbprints[list->thumbprints_count++] =
            (struct list_thumbprint){(uint32_t)list->entries_count, draft->thumbprints[i]};
    list->text_names += draft->id_is_name;
    list->entries_count++;
    return 0;
}

int key_list_add(struct key_list *list, const struct key_draft *draft, struct source *source)
{
    int result = key_list_add_draft(list, draft, source->error);
    if (result == 0 && source->lint != NULL)
        result = key_lint_entry(source->lint, source, draft->place);
    return result;
}

struct key_entry list_entry_view(const struct list_entry *entry, const char *block)
{
    return (struct key_entry){
        .id = list_text(block, entry->id),
        .issuer = list_text(block, entry->issuer),
        .reason = list_text(block, entry->reason),
        .severity = list_text(block, entry->severity),
        .revoked_at = list_text(block, entry->revoked_at),
        .source = list_text(block, entry->source),
        .line = entry->line,
    };
}

bool key_list_next(const struct key_list *list, struct key_list_cursor *cursor, struct key_listed *listed)
{
    if (cursor->entry >= list->entries_count)
        return false;
    const struct list_entry *entry = &list->entries[cursor->entry];
    listed->entry = list_entry_view(entry, list->text);
    listed->names_count = 0;
    if (entry->id_is_name)
        listed->names[listed->names_count++] = (struct key_listed_name){
            KEY_NAME_TEXT, (const uint8_t *)listed->entry.id, strlen(listed->entry.id), KEY_FROM_KID};
    for (; cursor->thumbprint < list->thumbprints_count; cursor->thumbprint++) {
        const struct list_thumbprint *thumbprint = &list->thumbprints[cursor->thumbprint];
        if (thumbprint->entry != cursor->entry)
            break;
        const struct key_thumbprint *name = &thumbprint->thumbprint;
        listed->names[listed->names_count++] = (struct key_listed_name){
            name->length == KEY_SHA1_BYTES ? KEY_NAME_SHA1 : KEY_NAME_SHA256, name->bytes, name->length, name->origins};
    }
    cursor->entry++;
    return true;
}

_Static_assert(KEY_LISTED_NAMES_MAX == KEY_DRAFT_THUMBPRINTS_MAX + 1, "its thumbprints and its text");

int key_list_set_source(struct key_list *list, const char *source, struct error *error)
{
    if (reserve_text(list, strlen(source) + 1) != 0)
        return error_set(error, ENOMEM, "out of memory after %zu revoked keys", list->entries_count);
    list->source = keep_text(list, source);
    return 0;
}

int key_list_add_file(struct key_list *list, const char *path, struct error *error)
{
    struct source source;
    int result = source_open(&source, path, error);
    if (result != 0)
        return result;
    const size_t text_length = list->text_length, entries_count = list->entries_count,
                 thumbprints_count = list->thumbprints_count, text_names = list->text_names;
    result = key_list_read(list, &source);
    if (result != 0) { /* memory that was grown stays; what was put there is forgotten */
        list->text_length = text_length;
        list->entries_count = entries_count;
        list->thumbprints_count = thumbprints_count;
        list->text_names = text_names;
    }
    source_close(&source);
    return result;
}

/* Ten million values have one source. (That of a file that was refused is behind the text's end.) */
static int set_value_source(struct key_list *list, const char *source, struct error *error)
{
    if (list->source != 0 && list->source < list->text_length && strcmp(list->text + list->source, source) == 0)
        return 0;
    return key_list_set_source(list, source, error);
}

int key_value_check(const char *value, struct error *error)
{
    size_t at;
    const char *fault = key_id_fault(value, strlen(value), &at);
    if (fault == NULL)
        return 0;
    return error_set(error, EINVAL,
                     "id: %s; allowed is a key id of 1 to %d bytes (one with a space can stand in a JWK Set)", fault,
                     KEY_TEXT_MAX);
}

int key_list_add_value(struct key_list *list, const char *value, struct error *error)
{
    return key_list_add_value_from(list, value, "-k", error);
}

int key_list_add_value_from(struct key_list *list, const char *value, const char *source, struct error *error)
{
    int result = key_value_check(value, error);
    if (result == 0)
        result = set_value_source(list, source, error);
    if (result != 0)
        return result;
    struct key_draft draft = {.place = {.line = 1}};
    key_draft_name_by_id(&draft, value);
    return key_list_add_draft(list, &draft, error);
}

const char *key_id_fault(const char *text, size_t length, size_t *at)
{
    uint8_t thumbprint[KEY_SHA256_BYTES];
    bool may_have_spaces =
        memchr(text, ' ', length) != NULL && key_text_to_thumbprint((const uint8_t *)text, length, thumbprint) != 0;
    *at = 0;
    if (length == 0)
        return "the key id is empty";
    if (length > KEY_TEXT_MAX)
        return "the key id is too long";
    if (text[0] == ' ' || text[length - 1] == ' ')
        return "the key id begins or ends with a space";
    for (; *at < length; ++*at) {
        uint8_t byte = (uint8_t)text[*at];
        if ((byte == ' ' && !may_have_spaces) || byte == '\t')
            return "white space inside a key id";
        if (byte < 0x20 || byte == 0x7f)
            return "the key id holds a control byte";
    }
    *at = 0;
    if (key_is_like_a_token(text, length))
        return "the key id looks like a whole token, where the kid from its header is wanted";
    int bytes = 1;
    for (size_t i = 0; i < length && bytes > 0; i += (size_t)bytes)
        bytes = (uint8_t)text[i] < 0x80 ? 1 : utf8_character_length((const uint8_t *)text + i, length - i);
    return bytes > 0 ? NULL : "the key id is not UTF-8";
}

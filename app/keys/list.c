/* SPDX-License-Identifier: BSD-3-Clause */
/* The list in memory, and which format a file is in. */
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

static int add_draft(struct key_list *list, const struct key_draft *draft, struct error *error)
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
    int result = add_draft(list, draft, source->error);
    if (result == 0 && source->lint != NULL)
        result = key_lint_entry(source->lint, source, draft->place);
    return result;
}

static const char *text_at(const struct key_list *list, uint32_t offset)
{
    return offset != 0 ? list->text + offset : NULL;
}

bool key_list_next(const struct key_list *list, struct key_list_cursor *cursor, struct key_listed *listed)
{
    if (cursor->entry >= list->entries_count)
        return false;
    const struct list_entry *entry = &list->entries[cursor->entry];
    listed->entry = (struct key_entry){
        .id = text_at(list, entry->id),
        .issuer = text_at(list, entry->issuer),
        .reason = text_at(list, entry->reason),
        .severity = text_at(list, entry->severity),
        .revoked_at = text_at(list, entry->revoked_at),
        .source = text_at(list, entry->source),
        .line = entry->line,
    };
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

/* Remembers where the following keys come from. */
static int set_source(struct key_list *list, const char *source, struct error *error)
{
    if (reserve_text(list, strlen(source) + 1) != 0)
        return error_set(error, ENOMEM, "out of memory after %zu revoked keys", list->entries_count);
    list->source = keep_text(list, source);
    return 0;
}

static bool is_json(const char *text, size_t length)
{
    size_t at = strspn(text, " \t\r\n");
    return at < length && (text[at] == '{' || text[at] == '[');
}

static bool is_pem(const char *text, size_t length)
{
    static const char begin[] = "-----BEGIN ";
    const char *found = memmem(text, length, begin, sizeof(begin) - 1);
    while (found != NULL && found != text && found[-1] != '\n' && found[-1] != '\r')
        found = memmem(found + 1, (size_t)(text + length - found - 1), begin, sizeof(begin) - 1);
    return found != NULL;
}

static bool is_text(const char *text, size_t length)
{
    (void)text, (void)length;
    return true;
}

/* What a list may be, in the order in which it is tried; `text` is the file's beginning, NUL-terminated. */
static const struct format {
    bool (*is)(const char *text, size_t length);
    int (*read)(struct key_list *list, struct source *source);
} formats[] = {
    {is_json, key_list_read_jwks},
    {is_pem, key_list_read_pem},
    {is_text, key_list_read_text},
};

/* What people give by mistake, by the first bytes. Longest first where one begins another. */
static const struct mistake {
    const char *bytes;
    size_t length;
    const char *found;
} mistakes[] = {
    {"\xff\xfe", 2, "UTF-16 text; allowed is UTF-8, so convert it: iconv -f UTF-16 -t UTF-8"},
    {"\xfe\xff", 2, "UTF-16 text; allowed is UTF-8, so convert it: iconv -f UTF-16 -t UTF-8"},
    {"{\0", 2, "UTF-16 text; allowed is UTF-8, so convert it: iconv -f UTF-16LE -t UTF-8"},
    {"\0{", 2, "UTF-16 text; allowed is UTF-8, so convert it: iconv -f UTF-16BE -t UTF-8"},
    {"\x1f\x8b", 2, "compressed; allowed is plain text, so unpack it with gunzip"},
    {"\x28\xb5\x2f\xfd", 4, "compressed; allowed is plain text, so unpack it with unzstd"},
    {"\x30\x82", 2, "DER; allowed is PEM, so convert it: openssl x509 -inform DER, or openssl pkey -pubin -inform DER"},
};

/* How much of a file tells its kind: openssl x509 -text writes a few KiB before the PEM block. */
#define TELLING_BYTES (64 * 1024)

static int read_source(struct key_list *list, struct source *source)
{
    int filled = 1;
    while (filled > 0 && source->end < TELLING_BYTES)
        filled = source_fill(source);
    if (filled < 0)
        return filled;
    if (source->end == 0)
        return error_set(source->error, EINVAL, "key list %s is empty; allowed is one key at least", source->path);
    for (size_t i = 0; i < sizeof(mistakes) / sizeof(mistakes[0]); i++)
        if (source->end >= mistakes[i].length && memcmp(source->buffer, mistakes[i].bytes, mistakes[i].length) == 0)
            return error_set(source->error, EINVAL, "key list %s is %s", source->path, mistakes[i].found);
    if (source->end >= 3 && memcmp(source->buffer, "\xef\xbb\xbf", 3) == 0)
        source->mark = source->at = 3;

    char telling[TELLING_BYTES + 1];
    size_t length = source->end - source->at < TELLING_BYTES ? source->end - source->at : TELLING_BYTES;
    memcpy(telling, source->buffer + source->at, length);
    telling[length] = '\0';
    const struct format *format = formats;
    while (!format->is(telling, length))
        format++;
    return format->read(list, source);
}

int key_list_read(struct key_list *list, struct source *source)
{
    size_t before = list->entries_count;
    int result = set_source(list, source->path, source->error);
    if (result == 0)
        result = read_source(list, source);
    if (result == 0 && list->entries_count == before && (source->lint == NULL || !key_lint_has_faults(source->lint)))
        result = error_set(source->error, EINVAL, "key list %s holds no key; allowed is one at least", source->path);
    return result;
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

int key_list_add_value(struct key_list *list, const char *value, struct error *error)
{
    size_t length = strlen(value);
    const char *fault = key_id_fault(value, length);
    if (fault != NULL)
        return error_set(error, EINVAL, "-k id: %s; allowed is a key id of 1 to %d bytes", fault, KEY_TEXT_MAX);
    int result = set_source(list, "-k", error);
    if (result != 0)
        return result;
    struct key_draft draft = {.place = {.line = 1}};
    key_draft_name_by_id(&draft, value);
    return add_draft(list, &draft, error);
}

bool key_is_like_a_token(const char *text, size_t length)
{
    const char *dot = length > 2 && memcmp(text, "ey", 2) == 0 ? memchr(text, '.', length) : NULL;
    return dot != NULL && memchr(dot + 1, '.', length - (size_t)(dot + 1 - text)) != NULL;
}

const char *key_id_fault(const char *text, size_t length)
{
    if (length == 0)
        return "the key id is empty";
    if (length > KEY_TEXT_MAX)
        return "the key id is too long";
    for (size_t i = 0; i < length; i++) {
        uint8_t byte = (uint8_t)text[i];
        if (byte < 0x20 || byte == 0x7f)
            return "the key id holds a control byte";
    }
    if (text[0] == ' ' || text[length - 1] == ' ')
        return "the key id begins or ends with a space";
    if (key_is_like_a_token(text, length))
        return "the key id looks like a whole token, where the kid from its header is wanted";
    int bytes = 1;
    for (size_t at = 0; at < length && bytes > 0; at += (size_t)bytes)
        bytes = (uint8_t)text[at] < 0x80 ? 1 : utf8_character_length((const uint8_t *)text + at, length - at);
    return bytes > 0 ? NULL : "the key id is not UTF-8";
}

const char *key_show(const char *text, size_t length, char out[KEY_SHOWN_MAX])
{
    size_t shown = length < 64 ? length : 64;
    char *at = out;
    *at++ = '"';
    for (size_t i = 0; i < shown; i++) {
        uint8_t byte = (uint8_t)text[i];
        if (byte >= 0x20 && byte < 0x7f)
            *at++ = (char)byte;
        else
            at += snprintf(at, 5, "\\x%02x", byte);
    }
    at += snprintf(at, 5, shown < length ? "...\"" : "\"");
    return out;
}

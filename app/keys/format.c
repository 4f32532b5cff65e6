/* SPDX-License-Identifier: BSD-3-Clause */
/* Which format a list is in, told from its content, and what people give by mistake. */
#include "der.h"
#include "lint.h"
#include "list.h"

#include <errno.h>
#include <string.h>

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
    const char *name; /* of what no line can be appended to */
} formats[] = {
    {is_json, key_list_read_jwks, "a JWK Set"},
    {is_pem, key_list_read_pem, "PEM"},
    {is_text, key_list_read_text, NULL},
};

/* ---- mistakes ---- */

static const char capture[] = "a capture; allowed is a list of keys, and captures are what `bearertap read` is given";

/* By the first bytes. */
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
    {"\xd4\xc3\xb2\xa1", 4, capture},
    {"\xa1\xb2\xc3\xd4", 4, capture},
    {"\x4d\x3c\xb2\xa1", 4, capture}, /* with nanoseconds */
    {"\xa1\xb2\x3c\x4d", 4, capture},
    {"\x0a\x0d\x0d\x0a", 4, capture}, /* pcapng */
};

static const char *find_mistake(const char *text, size_t length)
{
    switch (der_look_at((const uint8_t *)text, length)) {
    case DER_PRIVATE_KEY:
        return "a private key in DER; allowed is the public half, in PEM: openssl pkey -inform DER -pubout (and think "
               "of who has seen this file)";
    case DER_OTHER:
        return "DER; allowed is PEM, so convert it: openssl x509 -inform DER, or openssl pkey -pubin -inform DER";
    case DER_NONE:
        break;
    }
    for (size_t i = 0; i < sizeof(mistakes) / sizeof(mistakes[0]); i++)
        if (length >= mistakes[i].length && memcmp(text, mistakes[i].bytes, mistakes[i].length) == 0)
            return mistakes[i].found;
    return NULL;
}

/* Text may hold a control byte by accident, which has a line to be told with; binary has one in 32 bytes and more. */
#define CONTROLS_MIN       4
#define BYTES_TO_A_CONTROL 32

/* What can only be text, and is none: a NUL to each character is of UTF-16. */
static const char *find_binary(const uint8_t *text, size_t length)
{
    size_t controls = 0, nuls[2] = {0, 0};
    for (size_t i = 0; i < length; i++) {
        controls += text[i] < 0x20 && memchr("\t\n\r\f", text[i], 4) == NULL;
        if (text[i] == 0)
            nuls[i % 2]++;
    }
    size_t pairs = length / 2;
    if (pairs > 1 && nuls[0] == 0 && nuls[1] > pairs / 2)
        return "UTF-16 text; allowed is UTF-8, so convert it: iconv -f UTF-16LE -t UTF-8";
    if (pairs > 1 && nuls[1] == 0 && nuls[0] > pairs / 2)
        return "UTF-16 text; allowed is UTF-8, so convert it: iconv -f UTF-16BE -t UTF-8";
    if (controls >= CONTROLS_MIN && controls > length / BYTES_TO_A_CONTROL)
        return "binary, not text; allowed is a JWK Set, PEM, or UTF-8 text with one key id a line";
    return NULL;
}

/* ---- reading ---- */

/* How much of a file tells its kind: openssl x509 -text writes a few KiB before the PEM block. */
#define TELLING_BYTES (64 * 1024)

/* What stands at a file's beginning, NUL-terminated, and read past a mark of UTF-8. */
struct beginning {
    size_t length;
    char text[TELLING_BYTES + 1];
};

/* 0, or a negative errno. *mistake: what the file is that is no list, or NULL. */
static int read_beginning(struct source *source, struct beginning *beginning, const char **mistake)
{
    int filled = 1;
    while (filled > 0 && source->end < TELLING_BYTES)
        filled = source_fill(source);
    if (filled < 0)
        return filled;
    *mistake = find_mistake(source->buffer, source->end);
    if (source->end >= 3 && memcmp(source->buffer, "\xef\xbb\xbf", 3) == 0)
        source->mark = source->at = 3;
    size_t length = source->end - source->at;
    beginning->length = length < TELLING_BYTES ? length : TELLING_BYTES;
    memcpy(beginning->text, source->buffer + source->at, beginning->length);
    beginning->text[beginning->length] = '\0';
    return 0;
}

static const struct format *find_format(const struct beginning *beginning, const char **mistake)
{
    const struct format *format = formats;
    while (!format->is(beginning->text, beginning->length))
        format++;
    if (*mistake == NULL && format->is == is_text)
        *mistake = find_binary((const uint8_t *)beginning->text, beginning->length);
    return format;
}

static int read_source(struct key_list *list, struct source *source)
{
    struct beginning beginning;
    const char *mistake;
    int result = read_beginning(source, &beginning, &mistake);
    if (result < 0)
        return result;
    if (source->end == 0)
        return error_set(source->error, EINVAL, "key list %s is empty; allowed is one key at least", source->path);
    const struct format *format = find_format(&beginning, &mistake);
    if (mistake != NULL)
        return error_set(source->error, EINVAL, "key list %s is %s", source->path, mistake);
    return format->read(list, source);
}

int key_list_tell_kind(struct source *source, const char **kind, bool *is_blank)
{
    struct beginning beginning;
    int result = read_beginning(source, &beginning, kind);
    if (result < 0)
        return result;
    const struct format *format = find_format(&beginning, kind);
    if (*kind == NULL)
        *kind = format->name;
    *is_blank = strspn(beginning.text, " \t\r\n") == beginning.length;
    return 0;
}

int key_list_read(struct key_list *list, struct source *source)
{
    size_t before = list->entries_count;
    int result = key_list_set_source(list, source->path, source->error);
    if (result == 0)
        result = read_source(list, source);
    if (result == 0 && list->entries_count == before && (source->lint == NULL || !key_lint_has_faults(source->lint)))
        result = error_set(source->error, EINVAL, "key list %s holds no key; allowed is one at least", source->path);
    return result;
}

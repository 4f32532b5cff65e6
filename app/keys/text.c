/* SPDX-License-Identifier: BSD-3-Clause */
/* One key id a line; '#' starts a comment at the line's start or after white space. */
#include "lint.h"
#include "list.h"

#include <errno.h>
#include <string.h>

static bool is_blank(char byte)
{
    return byte == ' ' || byte == '\t';
}

/* Where the key id of a line ends: at its comment, and at the white space before that. */
static size_t end_of_id(const char *line, size_t length)
{
    size_t end = 0;
    while (end < length && !(line[end] == '#' && (end == 0 || is_blank(line[end - 1]))))
        end++;
    while (end > 0 && (is_blank(line[end - 1]) || line[end - 1] == '\r'))
        end--;
    return end;
}

size_t key_find_id(const char **line, size_t length)
{
    size_t indent = 0;
    while (indent < length && is_blank((*line)[indent]))
        indent++;
    *line += indent;
    return end_of_id(*line, length - indent);
}

/* The length of what openssl x509 -fingerprint writes before a thumbprint; 0: this isn't that. */
static size_t label_length(const char *line, size_t length)
{
    static const struct {
        const char *label;
        size_t bytes;
    } labels[] = {{"SHA1 Fingerprint=", KEY_SHA1_BYTES}, {"SHA256 Fingerprint=", KEY_SHA256_BYTES}};
    uint8_t thumbprint[KEY_SHA256_BYTES];
    for (size_t i = 0; i < sizeof(labels) / sizeof(labels[0]); i++) {
        size_t label = strlen(labels[i].label);
        if (length > label && strncasecmp(line, labels[i].label, label) == 0 &&
            key_text_to_thumbprint((const uint8_t *)line + label, length - label, thumbprint) == labels[i].bytes)
            return label;
    }
    return 0;
}

static int read_line(struct key_list *list, struct source *source, size_t begin, size_t length)
{
    const char *line = source->buffer + begin;
    length = key_find_id(&line, length);
    if (length == 0)
        return 0;
    begin = (size_t)(line - source->buffer);

    size_t label = label_length(line, length), wrong;
    line += label;
    length -= label;
    const char *fault =
        key_id_fault(line, length, &wrong); /* the line isn't shown: it may be an Authorization header */
    if (fault != NULL)
        return source_fault(
            source, source_place(source, begin + label + wrong),
            "%s; allowed is a JWK Set, PEM, or UTF-8 text with one key id of 1 to %d bytes a line and # "
            "before a comment (a key id with a space can stand in a JWK Set)",
            fault, KEY_TEXT_MAX);

    char id[KEY_TEXT_MAX + 1];
    memcpy(id, line, length);
    id[length] = '\0';
    struct place place = source_place(source, begin + label);
    struct key_draft draft = {.place = place};
    key_draft_name_by_id(&draft, id);
    if (source->lint != NULL)
        key_lint_line(source->lint, source, place, id);
    return key_list_add(list, &draft, source);
}

int key_list_read_text(struct key_list *list, struct source *source)
{
    source->piece = "a line";
    for (;;) {
        int more = source_read_line(source);
        if (more < 0)
            return more;
        int result = read_line(list, source, source->mark, source->at - source->mark);
        if (result != 0 || more == 0)
            return result;
        source_end_line(source);
    }
}

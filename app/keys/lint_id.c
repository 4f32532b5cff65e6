/* SPDX-License-Identifier: BSD-3-Clause */
/* Key ids that were taken as plain text, and most likely were meant as something else. */
#include "lint.h"
#include "list.h"

#include <string.h>

#include <bearertap/hex.h>
#include <bearertap/utf8.h>

/* What a key id consists of. */
struct makeup {
    size_t digits, colons, separators, others; /* hexadecimal digits; space, '-' and '.'; anything else */
};

static struct makeup look_at(const char *id, size_t length)
{
    struct makeup makeup = {0};
    for (size_t i = 0; i < length; i++) {
        if (hex_digit((uint8_t)id[i]) >= 0)
            makeup.digits++;
        else if (id[i] == ':')
            makeup.colons++;
        else if (id[i] == ' ' || id[i] == '-' || id[i] == '.')
            makeup.separators++;
        else
            makeup.others++;
    }
    return makeup;
}

static bool spells_thumbprint(const char *text, size_t length)
{
    uint8_t thumbprint[KEY_SHA256_BYTES];
    return key_text_to_thumbprint((const uint8_t *)text, length, thumbprint) != 0;
}

/* The length of what stands before a thumbprint, such as openssl's "SHA1 Fingerprint="; 0: nothing of the kind. */
static size_t label_length(const char *id, size_t length)
{
    static const char *const labels[] = {
        "0x",
        "sha1:",
        "sha-1:",
        "sha256:",
        "sha-256:",
        "sha1=",
        "sha256=",
        "SHA1 Fingerprint=",
        "SHA256 Fingerprint=",
        "thumbprint:",
        "x5t:",
        "kid:",
        "kid=",
        "urn:ietf:params:oauth:jwk-thumbprint:sha-256:",
    };
    for (size_t i = 0; i < sizeof(labels) / sizeof(labels[0]); i++) {
        size_t label = strlen(labels[i]);
        if (length > label && strncasecmp(id, labels[i], label) == 0 && spells_thumbprint(id + label, length - label))
            return label;
    }
    return 0;
}

/* Base64 of the hexadecimal text of a thumbprint, as some issuers write x5t. */
static bool is_hex_in_base64(const char *id, size_t length)
{
    uint8_t decoded[128];
    if (length > 100)
        return false;
    ptrdiff_t bytes = key_decode_base64(id, length, false, decoded);
    if (bytes != 2 * KEY_SHA1_BYTES && bytes != 2 * KEY_SHA256_BYTES)
        return false;
    return look_at((const char *)decoded, (size_t)bytes).digits == (size_t)bytes;
}

/* Padded base64 of nearly a thumbprint's length, that decodes to no thumbprint. */
static bool is_near_base64(const char *id, size_t length)
{
    size_t bare = length;
    while (bare > 0 && id[bare - 1] == '=')
        bare--;
    if (bare == length || (bare != 26 && bare != 27 && bare != 28 && bare != 42 && bare != 43 && bare != 44))
        return false;
    uint8_t decoded[64];
    return key_decode_base64(id, bare, false, decoded) > 0;
}

static bool is_quoted(const char *id, size_t length)
{
    return length > 1 &&
           (id[0] == '"' || id[0] == '\'' || id[length - 1] == '"' || id[length - 1] == '\'' || id[length - 1] == ',');
}

static bool has_invisible(const char *id, size_t length)
{
    size_t taken;
    for (size_t at = 0; at < length; at += taken)
        if (utf8_is_unseen(utf8_code_point((const uint8_t *)id + at, length - at, &taken)))
            return true;
    return false;
}

/* Is a count of digits near one of a thumbprint's, and of which? */
static size_t near_count(size_t digits)
{
    static const size_t wanted[] = {2 * KEY_SHA1_BYTES, 2 * KEY_SHA256_BYTES};
    for (size_t i = 0; i < sizeof(wanted) / sizeof(wanted[0]); i++)
        if (digits + 2 >= wanted[i] && digits <= wanted[i] + 2)
            return wanted[i];
    return 0;
}

static void warn_of_near_thumbprint(struct key_lint *lint, const struct source *source, struct place place,
                                    const char *id, size_t length)
{
    struct makeup makeup = look_at(id, length);
    size_t near = near_count(makeup.digits), label = label_length(id, length);
    const char *hash = near == 2 * KEY_SHA1_BYTES ? "SHA-1" : "SHA-256";
    char room[KEY_SHOWN_MAX];
    const char *shown = key_show(id, length, room);
    if (label > 0)
        key_lint_warn(lint, source, place,
                      "key id %s is compared as it stands; for the thumbprint in it, leave out what is before that",
                      shown);
    else if (makeup.others == 0 && near != 0 && makeup.colons == 0 && makeup.separators == 0)
        key_lint_warn(lint, source, place,
                      "key id %s is nearly a %s thumbprint: %zu hexadecimal digits, where that has "
                      "%zu; it matches only a kid that is the same text",
                      shown, hash, makeup.digits, near);
    else if (makeup.others == 0 && near != 0 && makeup.colons + makeup.separators >= near / 4)
        key_lint_warn(
            lint, source, place,
            "key id %s is nearly a %s thumbprint: %zu hexadecimal digits, where %zu are allowed, in pairs with "
            "nothing or the same colon, space or dash between them; it matches only a kid that is the same text",
            shown, hash, makeup.digits, near);
    else if (is_hex_in_base64(id, length))
        key_lint_warn(lint, source, place,
                      "key id %s is a thumbprint in hexadecimal and that in base64; it matches only a kid that is the "
                      "same text, so give the hexadecimal digits too",
                      shown);
    else if (is_near_base64(id, length))
        key_lint_warn(lint, source, place,
                      "key id %s is nearly a thumbprint in base64, of which allowed are 27 characters and one = for "
                      "SHA-1, 43 and one = for SHA-256; it matches only a kid that is the same text",
                      shown);
}

/* What is odd in any key id. Returns whether it was told. */
static bool warn_of_oddity(struct key_lint *lint, const struct source *source, struct place place, const char *id,
                           size_t length)
{
    char shown[KEY_SHOWN_MAX];
    key_show(id, length, shown);
    if (has_invisible(id, length))
        key_lint_warn(lint, source, place,
                      "key id %s holds a character that nobody sees; it matches only a kid that "
                      "holds it too",
                      shown);
    else if (is_quoted(id, length))
        key_lint_warn(lint, source, place,
                      "key id %s has a quote or comma at its end, which is taken as part of it; it matches only a kid "
                      "that has it too",
                      shown);
    else
        return false;
    return true;
}

void key_lint_line(struct key_lint *lint, const struct source *source, struct place place, const char *id)
{
    size_t length = strlen(id), before = strcspn(id, ",;");
    char shown[KEY_SHOWN_MAX];
    if (spells_thumbprint(id, length) || warn_of_oddity(lint, source, place, id, length))
        return;
    if (before < length)
        key_lint_warn(
            lint, source, place,
            "key id %s has a %s in it, which is taken as part of it, and so is what is behind that; is this a "
            "table? Then leave one key id a line, with white space and # before anything else",
            key_show(id, length, shown), id[before] == ',' ? "comma" : "semicolon");
    else
        warn_of_near_thumbprint(lint, source, place, id, length);
}

void key_lint_kid(struct key_lint *lint, const struct source *source, struct place place, const char *kid)
{
    size_t length = strlen(kid), controls = 0;
    char shown[KEY_SHOWN_MAX];
    if (spells_thumbprint(kid, length))
        return;
    for (size_t i = 0; i < length; i++)
        controls += (uint8_t)kid[i] < 0x20 || kid[i] == 0x7f;
    key_show(kid, length, shown);
    if (strchr(" \t\r\n", kid[0]) != NULL || strchr(" \t\r\n", kid[length - 1]) != NULL)
        key_lint_warn(lint, source, place,
                      "kid %s begins or ends with white space; it matches only a kid that does so too", shown);
    else if (controls > 0)
        key_lint_warn(lint, source, place, "kid %s holds a control character; it matches only a kid that holds it too",
                      shown);
    else if (!warn_of_oddity(lint, source, place, kid, length))
        warn_of_near_thumbprint(lint, source, place, kid, length);
}

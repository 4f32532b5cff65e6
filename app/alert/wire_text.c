/* SPDX-License-Identifier: BSD-3-Clause */
#include "wire_text.h"

#include <stdbool.h>
#include <string.h>

#include <bearertap/token.h>
#include <bearertap/utf8.h>

#define OWN_LENGTH_MIN 8   /* shorter opaque credentials are words that stand anywhere */
#define OWN_PREFIX     16  /* as much of the own token shows that it begins here */
#define ATTEMPTS_MAX   4   /* headers decoded in one run; a run that invites more is hidden without */
#define HEADER_MAX     768 /* base64url text of a header that is looked at: what a field holds at most */

/* What a token in compact form consists of when it stands in a URL or a header, percent-coded dots too. */
static bool is_token_byte(uint8_t byte)
{
    return (byte >= 'a' && byte <= 'z') || (byte >= 'A' && byte <= 'Z') || (byte >= '0' && byte <= '9') ||
           byte == '-' || byte == '_' || byte == '.' || byte == '~' || byte == '+' || byte == '%' || byte == '=';
}

static size_t run_length(const uint8_t *bytes, size_t length)
{
    size_t run = 0;
    while (run < length && is_token_byte(bytes[run]))
        run++;
    return run;
}

/* Where a run's first part ends: at a dot, or at "%2E" in either case. */
static size_t first_part_length(const uint8_t *run, size_t length)
{
    for (size_t at = 0; at < length; at++)
        if (run[at] == '.' || (run[at] == '%' && length - at > 2 && run[at + 1] == '2' && (run[at + 2] | 0x20) == 'e'))
            return at;
    return length;
}

static bool has_jose_header(const uint8_t *text, size_t length)
{
    uint8_t header[HEADER_MAX];
    struct jose_summary summary;
    if (length > HEADER_MAX)
        return false;
    ptrdiff_t decoded = base64url_decode(text, length, header, sizeof(header), NULL);
    return decoded > 0 && jose_summarize(header, (size_t)decoded, &summary);
}

/* '{' and what may follow it, base64url-coded: "ey" before a quotation mark, "ew" or "eyA" before white space. */
static bool may_begin_header(const uint8_t *text, size_t length)
{
    return length >= 4 && text[0] == 'e' && (text[1] == 'y' || text[1] == 'w');
}

/* Where in a run of token characters a token begins; `length` when nowhere. Inside a run a token may follow other
 * characters of the alphabet ("reset-eyJ..."), so every '{' is tried, up to a bound. */
static size_t token_in_run(const uint8_t *run, size_t length)
{
    unsigned attempts = 0;
    size_t dot = first_part_length(run, length);
    for (size_t at = 0; at < length && dot < length; at++) {
        if (at > dot)
            dot = at + first_part_length(run + at, length - at);
        if (at > 0 && !may_begin_header(run + at, length - at))
            continue;
        if (dot < length && has_jose_header(run + at, dot - at))
            return at;
        if (at > 0 && ++attempts >= ATTEMPTS_MAX)
            return at;
    }
    return length;
}

/* How many bytes agree with the sighting's own token; 0 when it does not begin here. It goes on past its run where the
 * token has bytes that no run has ('/', or junk inside the base64). */
static size_t own_token_length(const uint8_t *bytes, size_t length, const struct token_bytes *own)
{
    size_t prefix = own->length < OWN_PREFIX ? own->length : OWN_PREFIX;
    if (own->length < OWN_LENGTH_MIN || length < prefix || bytes[0] != own->bytes[0] ||
        memcmp(bytes, own->bytes, prefix) != 0)
        return 0;
    size_t agreed = prefix;
    while (agreed < length && agreed < own->length && bytes[agreed] == own->bytes[agreed])
        agreed++;
    return agreed;
}

struct cleaner {
    char *out;
    size_t used, capacity;
};

/* All of it or nothing; after something did not fit, nothing more does. */
static void put(struct cleaner *cleaner, const void *bytes, size_t length)
{
    if (length > cleaner->capacity - cleaner->used) {
        cleaner->capacity = cleaner->used;
        return;
    }
    memcpy(cleaner->out + cleaner->used, bytes, length);
    cleaner->used += length;
}

size_t wire_text_clean(const uint8_t *bytes, size_t length, const struct token_bytes *own, char *out, size_t capacity)
{
    struct cleaner cleaner = {.out = out, .capacity = capacity};
    size_t token_at = 0; /* where the next token of a run begins; looked for at each run's start */
    bool in_run = false;
    for (size_t at = 0; at < length;) {
        size_t run = 0;
        if (!in_run && is_token_byte(bytes[at])) {
            run = run_length(bytes + at, length - at);
            token_at = at + token_in_run(bytes + at, run);
        }
        in_run = is_token_byte(bytes[at]);

        size_t hidden = own_token_length(bytes + at, length - at, own);
        if (hidden > 0 || (in_run && at == token_at)) {
            hidden += run_length(bytes + at + hidden, length - at - hidden);
            put(&cleaner, "[token]", 7);
            at += hidden;
            in_run = false;
            continue;
        }
        int character = utf8_character_length(bytes + at, length - at);
        if (character > 0)
            put(&cleaner, bytes + at, (size_t)character);
        else
            put(&cleaner, UTF8_REPLACEMENT, UTF8_REPLACEMENT_LENGTH);
        at += (size_t)(character > 0 ? character : -character);
    }
    return cleaner.used;
}

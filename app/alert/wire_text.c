/* SPDX-License-Identifier: BSD-3-Clause */
#include "wire_text.h"

#include <stdbool.h>
#include <string.h>

#include <bearertap/hex.h>
#include <bearertap/token.h>
#include <bearertap/utf8.h>

#define OWN_LENGTH_MIN 8   /* shorter opaque credentials are words that stand anywhere */
#define OWN_PREFIX     16  /* as much of the own token shows that it begins here */
#define ATTEMPTS_MAX   4   /* texts decoded in one run; a run that invites more is hidden without */
#define RUN_MAX        768 /* bytes of a run that are looked at: what a field of the request holds at most */

/* What a token in compact form consists of when it stands in a URL or a header, percent-coded too. */
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

/* The byte that stands here, percent-coding undone; `used` receives how many bytes it takes. */
static uint8_t decoded_byte(const uint8_t *bytes, size_t length, size_t *used)
{
    int high = length > 2 && bytes[0] == '%' ? hex_digit(bytes[1]) : -1;
    int low = high >= 0 ? hex_digit(bytes[2]) : -1;
    *used = low >= 0 ? 3 : 1;
    if (low < 0)
        return bytes[0];
    return (uint8_t)(high << 4 | low);
}

/* A run of token characters as it stands or with its percent-coding undone, and where each of its bytes stood. */
struct run {
    size_t length;
    uint8_t bytes[RUN_MAX];
    uint16_t at[RUN_MAX];
};

static void read_run(const uint8_t *bytes, size_t length, bool undo, struct run *run)
{
    run->length = 0;
    for (size_t at = 0, used = 1; at < length && run->length < RUN_MAX; at += used) {
        run->at[run->length] = (uint16_t)at;
        run->bytes[run->length++] = undo ? decoded_byte(bytes + at, length - at, &used) : bytes[at];
    }
}

/* Is the run from byte `at` on, up to a dot or to its end, base64url of a JSON object or of the beginning of one? With
 * a dot on either side that is a header or claims; alone it may be anything, unless it says what headers say. */
static bool begins_token_part(const struct run *run, size_t at)
{
    uint8_t json[RUN_MAX];
    struct jose_summary summary;
    const uint8_t *text = run->bytes + at, *dot = memchr(text, '.', run->length - at);
    size_t length = dot != NULL ? (size_t)(dot - text) : run->length - at;
    ptrdiff_t decoded = base64url_decode(text, length, json, sizeof(json), NULL);
    if (decoded <= 0 || !jose_summarize(json, (size_t)decoded, &summary))
        return false;
    return dot != NULL || (at > 0 && text[-1] == '.') || summary.names_a_key ||
           summary.algorithm != TOKEN_ALGORITHM_MISSING;
}

/* '{' and what may follow it, base64url-coded: "ey" before a quotation mark, "ew" or "eyA" before white space. */
static bool may_begin_part(const uint8_t *text, size_t length)
{
    return length >= 4 && text[0] == 'e' && (text[1] == 'y' || text[1] == 'w');
}

/* Where in a run a token, or a part of one, begins; `none` when nowhere. Inside a run it may follow other characters of
 * the alphabet ("reset-eyJ..."), so every '{' is tried, up to a bound. */
static size_t token_in_reading(const struct run *run, size_t none)
{
    unsigned attempts = 0;
    for (size_t i = 0; i < run->length; i++) {
        if (i > 0 && !may_begin_part(run->bytes + i, run->length - i))
            continue;
        if (begins_token_part(run, i) || (i > 0 && ++attempts >= ATTEMPTS_MAX))
            return run->at[i];
    }
    return none;
}

/* The same in either reading: in "%aeyJ..." the escape that is none for a person takes a token's first letter away. */
static size_t token_in_run(const uint8_t *bytes, size_t length)
{
    struct run run;
    read_run(bytes, length, false, &run);
    size_t at = token_in_reading(&run, length);
    if (memchr(bytes, '%', length) == NULL)
        return at;
    read_run(bytes, length, true, &run);
    size_t decoded_at = token_in_reading(&run, length);
    return decoded_at < at ? decoded_at : at;
}

/* How many bytes agree with the sighting's own token, percent-coded or not; 0 when it does not begin here. It goes on
 * past its run where the token has bytes that no run has ('/', or junk inside the base64). */
static size_t own_token_length(const uint8_t *bytes, size_t length, const struct token_bytes *own)
{
    size_t prefix = own->length < OWN_PREFIX ? own->length : OWN_PREFIX;
    size_t at = 0, agreed = 0;
    if (own->length < OWN_LENGTH_MIN)
        return 0;
    for (size_t used; at < length && agreed < own->length; at += used, agreed++)
        if (decoded_byte(bytes + at, length - at, &used) != own->bytes[agreed]) {
            if (bytes[at] != own->bytes[agreed])
                break;
            used = 1; /* the token has a '%' of its own */
        }
    return agreed >= prefix ? at : 0;
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

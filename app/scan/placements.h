/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef BEARERTAP_APP_SCAN_PLACEMENTS_H
#define BEARERTAP_APP_SCAN_PLACEMENTS_H

#include <bearertap/scan.h>

/* The tables that say where tokens stand: see placements.c. */

/* How the bytes behind an announcement are read. */
enum syntax {
    SYNTAX_CREDENTIALS, /* white space, a scheme (Bearer, DPoP), white space, the token: RFC 9110 section 11.4 */
    SYNTAX_PARAMETER,   /* the token at once, percent-encoded: application/x-www-form-urlencoded */
    SYNTAX_JSON,        /* white space, a colon, white space, a JSON string */
    SYNTAX_BARE,        /* nothing announced it: the token's own alphabet bounds it */
    SYNTAXES
};

struct pattern_row {
    const char *expression; /* a Hyperscan pattern that ends on a fixed byte */
    bool caseless;
    bool from_client, from_server; /* in which direction's database it stands */
    enum syntax syntax;
    enum placement placement; /* where the request says nothing else */
    bool placed;              /* the match alone tells the placement: the request is not looked at */
    unsigned prefix_length;   /* bytes of the match that belong to the token */
};

extern const struct pattern_row pattern_rows[];
extern const unsigned pattern_rows_count;

/* Does a byte end a token? A bit a syntax; filled by placements_prepare. */
extern uint8_t ends_token[256];

/* In ends_token too: a byte that stands in no compact token, so that another one may begin behind it. */
#define NOT_OF_A_TOKEN (1u << SYNTAXES)

/* Once, before any scanning. */
void placements_prepare(void);

/* Authentication schemes whose credentials are a token, lower case. */
extern const char *const token_schemes[];
extern const unsigned token_schemes_count;

#define SCHEME_MAX 8

/* Bytes of the longest prefix: all of them but one may be the last of a run. */
#define PREFIX_MAX 3

#endif

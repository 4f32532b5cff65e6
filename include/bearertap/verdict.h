/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef BEARERTAP_VERDICT_H
#define BEARERTAP_VERDICT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <bearertap/keys.h>
#include <bearertap/scan.h>
#include <bearertap/token.h>

/*
 * Policy: what is thought of a token.
 *
 * It comes in two halves. The worker's half (struct verdict_memory, one a worker, no lock) sees the JOSE header's text
 * only, remembers headers it has seen, and says whether some key reference in it is in the table: cheap, and decides
 * whether the token goes on. The alert side's half (verdict_conclude) sees the whole token, and settles what a header
 * cannot: a plain-text kid that the list narrows to an issuer, and how entry and token match.
 */

enum finding { FINDING_NONE, FINDING_REVOKED_KEY, FINDINGS };

/* One row a finding: rule.id, event.action, rule.name. */
struct finding_row {
    const char *id;     /* "revoked-key" */
    const char *action; /* "revoked-key-used" */
    const char *name;   /* "Token that names a revoked key" */
};

extern const struct finding_row finding_rows[FINDINGS]; /* the row of FINDING_NONE holds NULLs */

/*
 * A worker's memory of headers: fixed in size (under 128 KiB), emptied whenever key_table_generation changes. That must
 * change after the table did, not before.
 */
struct verdict_memory;

/* The table must outlive the memory; NULL when no keys are given: then nothing is a possible finding. Returns NULL when
 * there is no memory or no random source. */
struct verdict_memory *verdict_memory_create(const struct key_table *table);
void verdict_memory_destroy(struct verdict_memory *memory);

struct verdict {
    bool is_token;         /* the text decodes to a JOSE header (jose_summary_is_header) */
    bool too_long;         /* longer than JOSE_HEADER_MAX when decoded: not read */
    bool junk;             /* bytes outside base64url were skipped */
    bool left_out;         /* more members name keys than are read (JOSE_REFERENCES_MAX): not all were looked up */
    bool possible_finding; /* some key reference stands in the table */
    enum token_algorithm algorithm;
    enum token_format format; /* TOKEN_OPAQUE when it is no token */
};

/* `text`: the token's first part in base64url, as received; longer than JOSE_HEADER_TEXT_MAX it is too long. Worker
 * thread, a registered reader of the table. */
struct verdict verdict_judge(struct verdict_memory *memory, const uint8_t *text, size_t length);

#define CONCLUSION_ENTRIES_MAX 4

enum issuer_relation { ISSUER_UNKNOWN, ISSUER_SAME, ISSUER_OTHER };

extern const char *const issuer_relation_names[3]; /* "unknown", "same", "other" */

/* event.severity, by the words that a key list may use. */
enum severity {
    SEVERITY_NONE = 0,
    SEVERITY_LOW = 30,
    SEVERITY_MEDIUM = 50,
    SEVERITY_HIGH = 70, /* and where an entry says nothing: a key is revoked for a reason */
    SEVERITY_CRITICAL = 90
};

struct conclusion {
    enum finding finding;
    enum severity severity; /* the highest of all entries that match, those too that have no room below */
    unsigned entries_count;
    struct {
        struct key_entry entry; /* its strings are the table's */
        unsigned matched_by;    /* bits: 1u << enum key_reference_kind, all by which it matched */
        enum issuer_relation issuer;
    } entries[CONCLUSION_ENTRIES_MAX];
};

/*
 * The alert side's half: the token in compact form (TOKEN_MAX at most, truncated or not) and its fields as
 * token_read_fields gave them. `scratch` has TOKEN_MAX bytes, of which the first JOSE_HEADER_MAX + `length` are written
 * at most; the caller wipes them. A plain-text match narrowed to an issuer counts when the token's issuer is that one
 * or could not be read (truncated, a JWE, no such claim); of duplicate iss claims one that is the entry's is enough,
 * since nobody knows which of them the application reads. Entries are distinct, in the order in which the header names
 * them; their strings are the table's, valid until its reader's next quiescent state. `table` may be NULL: nothing is
 * found. Thread: a registered reader of the table; takes 20 KiB of stack.
 */
void verdict_conclude(const struct key_table *table, const uint8_t *token, size_t length,
                      const struct token_fields *fields, uint8_t *scratch, struct conclusion *conclusion);

#endif

/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The alert side's half: the whole token is at hand, so what the header alone left open is settled here.
 *
 * A kid as plain text is unique only within an issuer; an entry that names its issuer is meant for that issuer's tokens
 * alone. A thumbprint is the key itself, whoever the token claims to be from.
 */
#include <bearertap/verdict.h>

#include "names.h"

#include <string.h>

const struct finding_row finding_rows[FINDINGS] = {
    [FINDING_NONE] = {NULL, NULL, NULL},
    [FINDING_REVOKED_KEY] = {"revoked-key", "revoked-key-used", "Token that names a revoked key"},
};

const char *const issuer_relation_names[3] = {
    [ISSUER_UNKNOWN] = "unknown",
    [ISSUER_SAME] = "same",
    [ISSUER_OTHER] = "other",
};

enum {
    /* iss members of one token that are looked at. More than one is a forger's doing already. */
    ISSUERS_MAX = 8
};

/* Header and claims decode into the one scratch, each into its own part of it. */
_Static_assert(TOKEN_MAX - JOSE_HEADER_MAX >= TOKEN_MAX / 4 * 3, "the claims fit behind the header");

/* The token's iss members, raw, as they stand in the decoded claims. */
struct claimed_issuers {
    struct json_member members[ISSUERS_MAX];
    unsigned count;
    bool too_many; /* there are more: nothing can be said */
};

static void read_claimed_issuers(const uint8_t *claims, size_t length, struct claimed_issuers *issuers)
{
    struct json_scanner scanner;
    struct json_member member;
    json_scan_begin(&scanner, claims, length);
    while (json_scan_next(&scanner, &member)) {
        if (!json_name_is(&member, "iss") || (member.kind != JSON_KIND_STRING && member.kind != JSON_KIND_NUMBER))
            continue;
        issuers->too_many = issuers->count == ISSUERS_MAX;
        if (issuers->too_many)
            return;
        issuers->members[issuers->count++] = member;
    }
}

/*
 * The claim in full, not as token_read_fields cut and mended it for show. Of duplicates any may be the one that the
 * application reads, so one that is the entry's is enough.
 */
static enum issuer_relation relate_issuers(const struct claimed_issuers *issuers, const struct key_entry *entry)
{
    if (entry->issuer == NULL || issuers->count == 0)
        return ISSUER_UNKNOWN;
    size_t length = strlen(entry->issuer);
    for (unsigned i = 0; i < issuers->count; i++)
        if (json_text_is(issuers->members[i].value, issuers->members[i].value_length, entry->issuer, length))
            return ISSUER_SAME;
    return issuers->too_many ? ISSUER_UNKNOWN : ISSUER_OTHER;
}

static enum severity severity_of(const struct key_entry *entry)
{
    static const struct {
        const char *word;
        enum severity severity;
    } words[] = {
        {"low", SEVERITY_LOW}, {"medium", SEVERITY_MEDIUM}, {"high", SEVERITY_HIGH}, {"critical", SEVERITY_CRITICAL}};
    for (size_t i = 0; entry->severity != NULL && i < sizeof(words) / sizeof(words[0]); i++)
        if (strcmp(entry->severity, words[i].word) == 0)
            return words[i].severity;
    return SEVERITY_HIGH;
}

/* Adds the entry, or the way it matched to the entry that is there; beyond CONCLUSION_ENTRIES_MAX its severity alone
 * counts. */
static void add_entry(struct conclusion *conclusion, const struct key_entry *entry, enum key_reference_kind matched_by,
                      enum issuer_relation issuer)
{
    unsigned i = 0;
    if (severity_of(entry) > conclusion->severity)
        conclusion->severity = severity_of(entry);
    while (i < conclusion->entries_count && conclusion->entries[i].entry.id != entry->id)
        i++;
    if (i == CONCLUSION_ENTRIES_MAX)
        return;
    if (i == conclusion->entries_count) {
        conclusion->entries[i].entry = *entry;
        conclusion->entries[i].matched_by = 0;
        conclusion->entries[i].issuer = issuer;
        conclusion->entries_count++;
    }
    conclusion->entries[i].matched_by |= 1u << matched_by;
}

static void conclude_reference(const struct key_table *table, const struct key_reference *reference,
                               const struct claimed_issuers *issuers, struct conclusion *conclusion)
{
    uint8_t thumbprint[32];
    struct key_name names[KEY_NAMES_MAX];
    unsigned names_count = key_reference_to_names(reference, thumbprint, names);
    for (unsigned i = 0; i < names_count; i++) {
        struct key_matches matches;
        struct key_entry entry;
        bool narrowed;
        key_table_find(table, names[i].kind, names[i].bytes, names[i].length, &matches);
        while (key_matches_next(&matches, &entry, &narrowed)) {
            enum issuer_relation issuer = relate_issuers(issuers, &entry);
            if (!narrowed || issuer != ISSUER_OTHER)
                add_entry(conclusion, &entry, reference->kind, issuer);
        }
    }
}

void verdict_conclude(const struct key_table *table, const uint8_t *token, size_t length,
                      const struct token_fields *fields, uint8_t *scratch, struct conclusion *conclusion)
{
    conclusion->finding = FINDING_NONE;
    conclusion->severity = SEVERITY_NONE;
    conclusion->entries_count = 0;
    if (table == NULL || key_table_is_empty(table) || fields->format == TOKEN_OPAQUE)
        return;
    ptrdiff_t header_length = token_decode_part(token, length, 0, scratch, JOSE_HEADER_MAX);
    if (header_length < 0)
        return;

    struct claimed_issuers issuers = {.count = 0};
    uint8_t *claims = scratch + JOSE_HEADER_MAX;
    if (fields->format == TOKEN_JWS) { /* the claims of a JWE are encrypted */
        ptrdiff_t claims_length = token_decode_part(token, length, 1, claims, TOKEN_MAX - JOSE_HEADER_MAX);
        if (claims_length > 0)
            read_claimed_issuers(claims, (size_t)claims_length, &issuers);
    }

    struct jose_references references;
    struct key_reference reference;
    jose_references_begin(&references, scratch, (size_t)header_length);
    while (jose_references_next(&references, &reference))
        conclude_reference(table, &reference, &issuers, conclusion);
    if (conclusion->entries_count > 0)
        conclusion->finding = FINDING_REVOKED_KEY;
}

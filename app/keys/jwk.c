/* SPDX-License-Identifier: BSD-3-Clause */
/* One JWK (RFC 7517 section 4) with this program's extra members: revoked_at, reason, severity, issuer. */
#include "jwk.h"

#include <errno.h>
#include <string.h>

#include "lint.h"
#include "timestamp.h"

const char *const known_member_names[KNOWN_MEMBERS] = {
    [MEMBER_KID] = "kid",
    [MEMBER_X5T] = "x5t",
    [MEMBER_X5T_S256] = "x5t#S256",
    [MEMBER_X5C] = "x5c",
    [MEMBER_KTY] = "kty",
    [MEMBER_CRV] = "crv",
    [MEMBER_E] = "e",
    [MEMBER_N] = "n",
    [MEMBER_X] = "x",
    [MEMBER_Y] = "y",
    [MEMBER_K] = "k",
    [MEMBER_D] = "d",
    [MEMBER_P] = "p",
    [MEMBER_Q] = "q",
    [MEMBER_DP] = "dp",
    [MEMBER_DQ] = "dq",
    [MEMBER_QI] = "qi",
    [MEMBER_OTH] = "oth",
    [MEMBER_PRIV] = "priv",
    [MEMBER_USE] = "use",
    [MEMBER_KEY_OPS] = "key_ops",
    [MEMBER_ISSUER] = "issuer",
    [MEMBER_REASON] = "reason",
    [MEMBER_REVOKED_AT] = "revoked_at",
    [MEMBER_SEVERITY] = "severity",
};

static enum known_member find_member(const char *name, size_t length)
{
    unsigned member = 0;
    while (member < KNOWN_MEMBERS &&
           !(length > 0 && known_member_names[member][0] == name[0] &&
             strncmp(known_member_names[member], name, length) == 0 && known_member_names[member][length] == '\0'))
        member++;
    return (enum known_member)member;
}

struct place jwk_place(const struct jwk *jwk, struct object_position position)
{
    struct place place = jwk->place;
    place.column = position.line == 0 ? place.column + position.column : position.column + 1;
    place.line += position.line;
    return place;
}

struct place jwk_member_place(const struct jwk *jwk, enum known_member member)
{
    struct place place = jwk_has(jwk, member) ? jwk_place(jwk, jwk->members[member].position) : jwk->place;
    place.member = known_member_names[member];
    return place;
}

/* What a value is, for an error. */
static const char *show_value(const struct object_member *member, char shown[KEY_SHOWN_MAX])
{
    switch (member->kind) {
    case JSON_KIND_STRING:
        return key_show(member->value, member->length, shown);
    case JSON_KIND_OBJECT:
        return "an object";
    case JSON_KIND_ARRAY:
        return "an array";
    case JSON_KIND_NUMBER:
        return "a number";
    case JSON_KIND_LITERAL:
    default:
        return member->value[0] == 't' ? "true" : member->value[0] == 'f' ? "false" : "null";
    }
}

int jwk_fault(struct jwk *jwk, enum known_member member, const char *found, const char *allowed)
{
    jwk->has_faults = true;
    return source_fault(jwk->source, jwk_member_place(jwk, member), "member \"%s\" is %s; allowed is %s",
                        known_member_names[member], found, allowed);
}

int jwk_fault_value(struct jwk *jwk, enum known_member member, const char *allowed)
{
    char shown[KEY_SHOWN_MAX];
    return jwk_fault(jwk, member, show_value(&jwk->members[member], shown), allowed);
}

int jwk_read_text(struct jwk *jwk, enum known_member member, const char *allowed, const char **text)
{
    const struct object_member *found = &jwk->members[member];
    *text = NULL;
    if (!jwk_has(jwk, member))
        return 0;
    if (found->kind != JSON_KIND_STRING)
        return jwk_fault_value(jwk, member, allowed);
    if (found->length == 0)
        return jwk_fault(jwk, member, "empty", allowed);
    if (found->length > KEY_TEXT_MAX)
        return jwk_fault(jwk, member, "longer than 4,096 bytes", allowed);
    if (key_is_like_a_token(found->value, found->length))
        return jwk_fault(jwk, member, KEY_TOKEN_WORDS, member == MEMBER_KID ? "the kid from its header" : allowed);
    *text = found->value;
    return 0;
}

static int read_kid(struct jwk *jwk)
{
    static const char allowed[] = "a string of 1 to 4,096 bytes";
    const char *kid;
    int result = jwk_read_text(jwk, MEMBER_KID, allowed, &kid);
    if (result != 0 || kid == NULL)
        return result;
    key_draft_name_by_id(jwk->draft, kid);
    if (jwk->source->lint != NULL)
        key_lint_kid(jwk->source->lint, jwk->source, jwk_member_place(jwk, MEMBER_KID), kid);
    return 0;
}

/* x5t and x5t#S256 are thumbprints (RFC 7517 sections 4.8 and 4.9), in any spelling. */
static int read_thumbprints(struct jwk *jwk)
{
    static const struct {
        enum known_member member;
        size_t bytes;
        enum key_origin origin;
        const char *allowed;
    } rows[] = {
        {MEMBER_X5T, KEY_SHA1_BYTES, KEY_FROM_X5T, "the certificate's SHA-1 in base64url, 27 characters"},
        {MEMBER_X5T_S256, KEY_SHA256_BYTES, KEY_FROM_X5T_S256, "the certificate's SHA-256 in base64url, 43 characters"},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        uint8_t thumbprint[KEY_SHA256_BYTES];
        const char *text;
        int result = jwk_read_text(jwk, rows[i].member, rows[i].allowed, &text);
        if (result != 0)
            return result;
        if (text == NULL)
            continue;
        size_t length = jwk->members[rows[i].member].length;
        if (key_text_to_thumbprint((const uint8_t *)text, length, thumbprint) != rows[i].bytes) {
            result = jwk_fault_value(jwk, rows[i].member, rows[i].allowed);
            if (result != 0)
                return result;
            continue;
        }
        key_draft_add_thumbprint(jwk->draft, thumbprint, rows[i].bytes, rows[i].origin);
        if (jwk->draft->id == NULL)
            jwk->draft->id = text;
    }
    return 0;
}

static int read_remarks(struct jwk *jwk)
{
    static const char *const severities[] = {"low", "medium", "high", "critical"};
    static const char severity_allowed[] = "low, medium, high or critical";
    static const char time_allowed[] = "an RFC 3339 time such as 2023-07-11T00:00:00Z";
    struct key_draft *draft = jwk->draft;
    int result = jwk_read_text(jwk, MEMBER_ISSUER, "the issuer's iss, a string of 1 to 4,096 bytes", &draft->issuer);
    if (result == 0)
        result = jwk_read_text(jwk, MEMBER_REASON, "a string of 1 to 4,096 bytes", &draft->reason);
    if (result == 0)
        result = jwk_read_text(jwk, MEMBER_REVOKED_AT, time_allowed, &draft->revoked_at);
    if (result == 0 && draft->revoked_at != NULL && !timestamp_is_rfc3339(draft->revoked_at)) {
        result = jwk_fault_value(jwk, MEMBER_REVOKED_AT, time_allowed);
        draft->revoked_at = NULL;
    }
    if (result == 0)
        result = jwk_read_text(jwk, MEMBER_SEVERITY, severity_allowed, &draft->severity);
    if (result != 0 || draft->severity == NULL)
        return result;
    for (size_t i = 0; i < sizeof(severities) / sizeof(severities[0]); i++)
        if (strcmp(draft->severity, severities[i]) == 0)
            return 0;
    draft->severity = NULL;
    return jwk_fault_value(jwk, MEMBER_SEVERITY, severity_allowed);
}

/* The draft is added unless there is nothing to find it by. */
static int add_draft(struct jwk *jwk, struct key_list *list)
{
    struct key_draft *draft = jwk->draft;
    if (!draft->id_is_name && draft->thumbprints_count == 0) {
        if (jwk->has_faults)
            return 0; /* whatever would have named it is wrong, and that was said */
        return source_fault(jwk->source, jwk->place,
                            "has nothing to find it by; allowed are kid, x5t, x5t#S256, x5c, or kty with its numbers "
                            "(n and e; crv, x and y; k)");
    }
    char id[KEY_SHA256_BYTES / 3 * 4 + 8];
    bool is_ours = draft->id == NULL;
    if (is_ours) {
        base64url_encode(draft->thumbprints[0].bytes, draft->thumbprints[0].length, id);
        draft->id = id;
    }
    int result = key_list_add(list, draft, jwk->source);
    if (is_ours)
        draft->id = NULL;
    return result;
}

/* Takes the object apart. What isn't known is passed over, and told to a lint. */
static int read_members(struct jwk *jwk, char *text, size_t length, bool *is_json)
{
    struct object_reader reader;
    struct object_member member;
    object_begin(&reader, text, length);
    while (object_next(&reader, &member)) {
        enum known_member known = find_member(member.name, member.name_length);
        if (known == KNOWN_MEMBERS) {
            if (jwk->source->lint != NULL)
                key_lint_unknown_member(jwk, &member);
            continue;
        }
        bool is_second = jwk_has(jwk, known);
        jwk->members[known] = member;
        int result = is_second ? jwk_fault(jwk, known, "there twice", "once") : 0;
        if (result != 0)
            return result;
    }
    *is_json = reader.fault == NULL;
    if (*is_json)
        return 0;
    return source_fault(jwk->source, jwk_place(jwk, object_position(&reader)),
                        "not JSON: %s; allowed is an object as RFC 8259 has it", reader.fault);
}

int key_list_read_jwk(struct key_list *list, struct source *source, char *text, size_t length, struct place place)
{
    struct key_draft draft = {.place = place};
    struct jwk jwk = {.source = source, .place = place, .draft = &draft};
    bool is_json;
    int result = read_members(&jwk, text, length, &is_json);
    if (result != 0 || !is_json)
        return result;
    result = read_kid(&jwk);
    if (result == 0)
        result = read_thumbprints(&jwk);
    if (result == 0)
        result = read_remarks(&jwk);
    if (result == 0)
        result = jwk_read_material(&jwk);
    if (result == 0)
        result = jwk_read_certificates(&jwk);
    if (result == 0 && source->lint != NULL)
        key_lint_jwk(&jwk);
    return result == 0 ? add_draft(&jwk, list) : result;
}

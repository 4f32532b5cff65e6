/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef BEARERTAP_APP_KEYS_JWK_H
#define BEARERTAP_APP_KEYS_JWK_H

#include "json.h"
#include "list.h"

/* One JWK while it is read; what jwk.c, material.c and lint_jwk.c share. */

/* The members that mean something here. RFC 7517 section 4, RFC 7518 section 6, and this program's own. */
enum known_member {
    MEMBER_KID,
    MEMBER_X5T,
    MEMBER_X5T_S256,
    MEMBER_X5C,
    MEMBER_KTY,
    MEMBER_CRV,
    MEMBER_E,
    MEMBER_N,
    MEMBER_X,
    MEMBER_Y,
    MEMBER_K,
    MEMBER_D, /* from here to MEMBER_PRIV they are private */
    MEMBER_P,
    MEMBER_Q,
    MEMBER_DP,
    MEMBER_DQ,
    MEMBER_QI,
    MEMBER_OTH,
    MEMBER_PRIV,
    MEMBER_USE,
    MEMBER_KEY_OPS,
    MEMBER_ISSUER,
    MEMBER_REASON,
    MEMBER_REVOKED_AT,
    MEMBER_SEVERITY,
    KNOWN_MEMBERS
};

extern const char *const known_member_names[KNOWN_MEMBERS];

struct jwk {
    struct source *source;
    struct place place; /* of its opening brace */
    struct key_draft *draft;
    struct object_member members[KNOWN_MEMBERS]; /* name NULL: it isn't there */
    bool has_faults;                             /* told, and passed over since the list is linted */
};

static inline bool jwk_has(const struct jwk *jwk, enum known_member member)
{
    return jwk->members[member].name != NULL;
}

/* The value of a string, NULL where it is missing or no string. */
static inline const char *jwk_text(const struct jwk *jwk, enum known_member member)
{
    return jwk_has(jwk, member) && jwk->members[member].kind == JSON_KIND_STRING ? jwk->members[member].value : NULL;
}

/* Where in the file something of the object stands. */
struct place jwk_place(const struct jwk *jwk, struct object_position position);

/* Where a member stands; the object where it is missing. */
struct place jwk_member_place(const struct jwk *jwk, enum known_member member);

/* member "x5t" is `found`; allowed is `allowed`. Returns as source_fault does. */
int jwk_fault(struct jwk *jwk, enum known_member member, const char *found, const char *allowed);

/* The same, of its value as it is. */
int jwk_fault_value(struct jwk *jwk, enum known_member member, const char *allowed);

/* A member that is a string of 1 to 4,096 bytes; NULL where there is none. */
int jwk_read_text(struct jwk *jwk, enum known_member member, const char *allowed, const char **text);

/* What kty and the members that go with it, and x5c, give the draft as names. */
int jwk_read_material(struct jwk *jwk);
int jwk_read_certificates(struct jwk *jwk);

#endif

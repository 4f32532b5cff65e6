/* SPDX-License-Identifier: BSD-3-Clause */
/* What a JWK says that is allowed, and most likely does not do what was meant. */
#include "der.h"
#include "jwk.h"
#include "lint.h"
#include "timestamp.h"

#include <ctype.h>
#include <openssl/err.h>
#include <openssl/x509.h>
#include <stdio.h>
#include <string.h>

#define DAY_S (24 * 60 * 60)

/* A revocation is not older than JSON: 2000-01-01. What is, is mostly 0 seconds since 1970. */
#define OLDEST_S 946684800

/* A kid names RSA keys of 1,024 bits at least; n is shorter where it was cut. */
#define RSA_BYTES_MIN 128

#define WARN(jwk, member, ...)                                                                                         \
    key_lint_warn((jwk)->source->lint, (jwk)->source, jwk_member_place(jwk, member), __VA_ARGS__)

/* ---- members that are passed over ---- */

/* What people write for a member that is known; letters and digits only, small ones. */
static const struct alias {
    const char *written;
    enum known_member meant;
} aliases[] = {
    {"kid", MEMBER_KID},
    {"keyid", MEMBER_KID},
    {"id", MEMBER_KID},
    {"x5t", MEMBER_X5T},
    {"thumbprint", MEMBER_X5T},
    {"sha1", MEMBER_X5T},
    {"x5ts256", MEMBER_X5T_S256},
    {"x5tsha256", MEMBER_X5T_S256},
    {"x5t256", MEMBER_X5T_S256},
    {"x5c", MEMBER_X5C},
    {"certificate", MEMBER_X5C},
    {"kty", MEMBER_KTY},
    {"crv", MEMBER_CRV},
    {"n", MEMBER_N},
    {"e", MEMBER_E},
    {"iss", MEMBER_ISSUER},
    {"issuer", MEMBER_ISSUER},
    {"reason", MEMBER_REASON},
    {"comment", MEMBER_REASON},
    {"severity", MEMBER_SEVERITY},
    {"revokedat", MEMBER_REVOKED_AT},
    {"revoked", MEMBER_REVOKED_AT},
    {"revocationdate", MEMBER_REVOKED_AT},
};

void key_lint_unknown_member(const struct jwk *jwk, const struct object_member *member)
{
    char plain[16], shown[KEY_SHOWN_MAX];
    struct place place = jwk_place(jwk, member->position);
    size_t length = 0;
    for (size_t i = 0; i < member->name_length; i++) {
        if (!isalnum((unsigned char)member->name[i]))
            continue;
        if (length == sizeof(plain) - 1)
            return;
        plain[length++] = (char)tolower((unsigned char)member->name[i]);
    }
    plain[length] = '\0';
    for (size_t i = 0; i < sizeof(aliases) / sizeof(aliases[0]); i++)
        if (strcmp(aliases[i].written, plain) == 0) {
            place.member = member->name;
            key_lint_warn(jwk->source->lint, jwk->source, place,
                          "member %s is not known, and passed over; was \"%s\" meant?",
                          key_show(member->name, member->name_length, shown), known_member_names[aliases[i].meant]);
            return;
        }
}

/* ---- what the key is ---- */

static void warn_of_secrets(const struct jwk *jwk)
{
    const char *kty = jwk_text(jwk, MEMBER_KTY);
    if (kty != NULL && strcmp(kty, "oct") == 0) {
        if (jwk_has(jwk, MEMBER_K))
            WARN(jwk, MEMBER_K,
                 "member \"k\" is a secret, with which tokens are signed: whoever can read this file can too; a kid is "
                 "enough to find it by");
        return;
    }
    bool is_told = jwk_has(jwk, MEMBER_D) && kty != NULL && /* as an error */
                   (strcmp(kty, "RSA") == 0 || strcmp(kty, "EC") == 0 || strcmp(kty, "OKP") == 0);
    for (unsigned member = MEMBER_D; member <= MEMBER_PRIV && !is_told; member++) {
        if (!jwk_has(jwk, (enum known_member)member))
            continue;
        WARN(jwk, (enum known_member)member,
             "member \"%s\" is part of a private key; the public half is enough (and think of who has seen this file)",
             known_member_names[member]);
        return;
    }
}

static void warn_of_kind(const struct jwk *jwk)
{
    static const char *const ktys[] = {"RSA", "EC", "OKP", "oct"};
    const char *kty = jwk_text(jwk, MEMBER_KTY), *crv = jwk_text(jwk, MEMBER_CRV);
    char shown[KEY_SHOWN_MAX];
    for (size_t i = 0; kty != NULL && i < sizeof(ktys) / sizeof(ktys[0]); i++)
        if (strcmp(kty, ktys[i]) != 0 && strcasecmp(kty, ktys[i]) == 0)
            WARN(jwk, MEMBER_KTY,
                 "member \"kty\" is %s, which is not known, so that its numbers are passed over; was "
                 "\"%s\" meant?",
                 key_show(kty, strlen(kty), shown), ktys[i]);
    if (crv != NULL && kty != NULL && (strcmp(kty, "EC") == 0 || strcmp(kty, "OKP") == 0) && key_curve_bytes(crv) == 0)
        WARN(jwk, MEMBER_CRV,
             "member \"crv\" is %s, which is not known; tokens' keys match it only if they write it so",
             key_show(crv, strlen(crv), shown));
    const char *n = jwk_text(jwk, MEMBER_N);
    if (kty == NULL || strcmp(kty, "RSA") != 0 || n == NULL || strlen(n) / 4 * 3 >= RSA_BYTES_MIN)
        return;
    uint8_t number[RSA_BYTES_MIN + 2];
    ptrdiff_t bytes = key_decode_base64(n, strlen(n), false, number);
    if (bytes > 0) /* what isn't base64url is told as an error */
        WARN(jwk, MEMBER_N, "member \"n\" has about %td bits; RSA keys in use have 1,024 at least: is it cut?",
             bytes * 8);
}

static void warn_of_use(const struct jwk *jwk)
{
    const char *use = jwk_text(jwk, MEMBER_USE);
    if (use != NULL && strcmp(use, "enc") == 0)
        WARN(jwk, MEMBER_USE,
             "member \"use\" is \"enc\": the key signs no token; only encrypted ones (JWE) can name it");
}

/* ---- what it is known by ---- */

/* Is there a name from the one member, one from the other, and none from both? */
static bool contradict(const struct key_draft *draft, enum key_origin one, enum key_origin other, size_t length)
{
    unsigned seen = 0;
    for (unsigned i = 0; i < draft->thumbprints_count; i++) {
        const struct key_thumbprint *thumbprint = &draft->thumbprints[i];
        unsigned of_both = thumbprint->origins & (one | other);
        if (thumbprint->length != length || of_both == 0)
            continue;
        if (of_both == (one | other))
            return false;
        seen |= of_both;
    }
    return seen == (one | other);
}

static void warn_of_contradictions(const struct jwk *jwk)
{
    const struct key_draft *draft = jwk->draft;
    if (contradict(draft, KEY_FROM_X5T, KEY_FROM_CERTIFICATE, KEY_SHA1_BYTES))
        WARN(jwk, MEMBER_X5T,
             "member \"x5t\" is not the thumbprint of x5c's certificate; tokens that name either match");
    if (contradict(draft, KEY_FROM_X5T_S256, KEY_FROM_CERTIFICATE, KEY_SHA256_BYTES))
        WARN(jwk, MEMBER_X5T_S256,
             "member \"x5t#S256\" is not the thumbprint of x5c's certificate; tokens that name either match");
    if (contradict(draft, KEY_FROM_NUMBERS, KEY_FROM_CERTIFICATE_KEY, KEY_SHA256_BYTES))
        WARN(jwk, MEMBER_X5C,
             "the certificate in member \"x5c\" is not of the key that the numbers are; tokens that name either match");
}

static void warn_of_issuer(const struct jwk *jwk)
{
    if (jwk->draft->issuer != NULL && !jwk->draft->id_is_name && jwk->draft->thumbprints_count > 0)
        WARN(jwk, MEMBER_ISSUER,
             "member \"issuer\" narrows nothing here: only a kid is looked for within an issuer, and this key has "
             "thumbprints alone, which match whoever the token claims to be from");
}

static void warn_of_time(const struct jwk *jwk)
{
    int64_t revoked_at_s;
    const char *revoked_at = jwk->draft->revoked_at;
    if (revoked_at == NULL || !timestamp_read(revoked_at, &revoked_at_s))
        return;
    if (revoked_at_s > key_lint_now_s(jwk->source->lint) + DAY_S)
        WARN(jwk, MEMBER_REVOKED_AT,
             "member \"revoked_at\" is \"%s\", which is to come; the key matches from now on "
             "all the same",
             revoked_at);
    else if (revoked_at_s < OLDEST_S)
        WARN(jwk, MEMBER_REVOKED_AT, "member \"revoked_at\" is \"%s\", which is before there were tokens", revoked_at);
}

void key_lint_jwk(const struct jwk *jwk)
{
    warn_of_secrets(jwk);
    warn_of_kind(jwk);
    warn_of_use(jwk);
    warn_of_contradictions(jwk);
    warn_of_issuer(jwk);
    warn_of_time(jwk);
}

/* ---- certificates ---- */

/* UTCTime (two digits of the year, RFC 5280 section 4.1.2.5.1) or GeneralizedTime, both to the second and in UTC. */
static bool read_der_time(struct der time, int64_t *seconds)
{
    size_t length = (size_t)(time.end - time.at);
    char digits[16] = "20", text[32];
    if (length == 13)
        memcpy(digits, time.at[0] >= '5' ? "19" : "20", 2);
    else if (length != 15)
        return false;
    memcpy(digits + (15 - length), time.at, length);
    snprintf(text, sizeof(text),
             "%.4s-%.2s-%.2s"
             "T%.2s:%.2s:%.2sZ",
             digits, digits + 4, digits + 6, digits + 8, digits + 10, digits + 12);
    return digits[14] == 'Z' && timestamp_read(text, seconds);
}

void key_lint_certificate(struct key_lint *lint, const struct source *source, struct place place,
                          const char *revoked_at, const uint8_t *der, size_t length)
{
    const uint8_t *at = der;
    X509 *read = d2i_X509(NULL, &at, (long)length);
    if (read == NULL)
        key_lint_warn(lint, source, place, "the certificate can't be read by OpenSSL: is it damaged?");
    X509_free(read);
    ERR_clear_error();

    struct certificate certificate;
    int64_t revoked_at_s, not_before_s;
    if (revoked_at != NULL && timestamp_read(revoked_at, &revoked_at_s) &&
        der_read_certificate(der, length, &certificate) && read_der_time(certificate.not_before, &not_before_s) &&
        revoked_at_s < not_before_s)
        key_lint_warn(lint, source, place, "the certificate is valid from a time after \"revoked_at\", \"%s\"",
                      revoked_at);
}

/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef BEARERTAP_APP_KEYS_DER_H
#define BEARERTAP_APP_KEYS_DER_H

#include "list.h"

/*
 * As much of a certificate (RFC 5280 section 4.1) as tells what it is known by.
 *
 * OpenSSL reads a certificate with its public key in 270 us, most of it in finding a decoder; these few fields take
 * one. They are read strictly, as DER has it; what this does not know (compressed points, curves by their parameters)
 * is left to OpenSSL.
 */

struct der {
    const uint8_t *at, *end;
};

struct certificate {
    struct der public_key;            /* SubjectPublicKeyInfo with its tag */
    struct der not_before, not_after; /* UTCTime or GeneralizedTime, the digits and the Z */
};

/* What a file in DER begins like. A private key (PKCS #8, PKCS #1, SEC 1, PKCS #12) begins with a version of one byte,
 * an encrypted one with an algorithm of PKCS #5; a certificate and a public key with neither. */
enum der_look { DER_NONE, DER_PRIVATE_KEY, DER_OTHER };
enum der_look der_look_at(const uint8_t *bytes, size_t length);

/* False where it is no certificate, or something stands behind it. */
bool der_read_certificate(const uint8_t *der, size_t length, struct certificate *certificate);

/* The numbers of a public key, written as RFC 7518 section 6 and RFC 8037 have them. */
struct key_numbers {
    struct key_material material; /* points into the texts */
    char texts[2][KEY_NUMBER_MAX];
};

/* False where the key is of another kind, or broken. */
bool der_read_numbers(struct der public_key, struct key_numbers *numbers);

#endif

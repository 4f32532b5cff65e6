/* SPDX-License-Identifier: BSD-3-Clause */
#include "der.h"

#include <string.h>

enum {
    TAG_INTEGER = 0x02,
    TAG_BIT_STRING = 0x03,
    TAG_OBJECT_IDENTIFIER = 0x06,
    TAG_UTC_TIME = 0x17,
    TAG_GENERALIZED_TIME = 0x18,
    TAG_SEQUENCE = 0x30,
    TAG_VERSION = 0xa0,
};

/* Takes a value with this tag off the front. Lengths are definite and as short as can be (X.690 section 10.1). */
static bool take(struct der *from, uint8_t tag, struct der *content)
{
    const uint8_t *at = from->at;
    if (from->end - at < 2 || at[0] != tag)
        return false;
    size_t length = at[1];
    at += 2;
    if (length >= 0x80) {
        size_t bytes = length & 0x7f;
        if (bytes == 0 || bytes > 4 || (size_t)(from->end - at) < bytes || *at == 0)
            return false;
        length = 0;
        for (; bytes > 0; bytes--)
            length = length << 8 | *at++;
        if (length < 0x80)
            return false;
    }
    if ((size_t)(from->end - at) < length)
        return false;
    *content = (struct der){at, at + length};
    from->at = at + length;
    return true;
}

static bool skip(struct der *from, uint8_t tag)
{
    struct der content;
    return take(from, tag, &content);
}

static bool is_at_end(const struct der *der)
{
    return der->at == der->end;
}

/* The octets of a BIT STRING whose bits are whole octets. */
static bool take_octets(struct der *from, struct der *octets)
{
    if (!take(from, TAG_BIT_STRING, octets) || is_at_end(octets) || *octets->at != 0)
        return false;
    octets->at++;
    return true;
}

static bool take_time(struct der *from, struct der *time)
{
    return take(from, TAG_UTC_TIME, time) || take(from, TAG_GENERALIZED_TIME, time);
}

enum der_look der_look_at(const uint8_t *bytes, size_t length)
{
    static const uint8_t pkcs5[] = {TAG_OBJECT_IDENTIFIER, 9, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 5};
    /* No text begins as a SEQUENCE with a length of two bytes does; of a shorter one what is in it must tell. */
    enum der_look otherwise = length >= 2 && bytes[0] == TAG_SEQUENCE && bytes[1] == 0x82 ? DER_OTHER : DER_NONE;
    size_t at = 0;
    for (unsigned depth = 0; depth < 2 && length - at >= 2 && bytes[at] == TAG_SEQUENCE; depth++) {
        size_t more = bytes[at + 1] < 0x80 ? 0 : bytes[at + 1] & 0x7f; /* bytes of the length, which isn't read */
        if (length - at < 2 + more + 2)
            return otherwise;
        at += 2 + more;
        if (depth == 0 && bytes[at] == TAG_INTEGER && bytes[at + 1] == 1)
            return DER_PRIVATE_KEY;
    }
    if (at == 0)
        return DER_NONE;
    if (length - at >= sizeof(pkcs5) && memcmp(bytes + at, pkcs5, sizeof(pkcs5)) == 0)
        return DER_PRIVATE_KEY;
    bool is_known = bytes[at] == TAG_OBJECT_IDENTIFIER || bytes[at] == TAG_INTEGER || bytes[at] == TAG_VERSION;
    return is_known ? DER_OTHER : otherwise;
}

bool der_read_certificate(const uint8_t *bytes, size_t length, struct certificate *certificate)
{
    struct der file = {bytes, bytes + length}, outer, signed_part, signature, validity, public_key;
    if (!take(&file, TAG_SEQUENCE, &outer) || !is_at_end(&file) || !take(&outer, TAG_SEQUENCE, &signed_part) ||
        !skip(&outer, TAG_SEQUENCE) || !take_octets(&outer, &signature) || !is_at_end(&outer))
        return false;
    if (signed_part.at < signed_part.end && *signed_part.at == TAG_VERSION && !skip(&signed_part, TAG_VERSION))
        return false;
    /* serial number, algorithm, issuer, validity, subject */
    if (!skip(&signed_part, TAG_INTEGER) || !skip(&signed_part, TAG_SEQUENCE) || !skip(&signed_part, TAG_SEQUENCE) ||
        !take(&signed_part, TAG_SEQUENCE, &validity) || !skip(&signed_part, TAG_SEQUENCE))
        return false;
    const uint8_t *begin = signed_part.at;
    if (!take(&signed_part, TAG_SEQUENCE, &public_key))
        return false;
    certificate->public_key = (struct der){begin, signed_part.at};
    return take_time(&validity, &certificate->not_before) && take_time(&validity, &certificate->not_after) &&
           is_at_end(&validity);
}

/* A positive INTEGER without leading zeros, in base64url. */
static bool take_number(struct der *from, char text[KEY_NUMBER_MAX])
{
    struct der number;
    if (!take(from, TAG_INTEGER, &number) || is_at_end(&number) || (*number.at & 0x80) != 0)
        return false;
    if (*number.at == 0)
        number.at++;
    size_t length = (size_t)(number.end - number.at);
    if (length == 0 || *number.at == 0 || length > KEY_NUMBER_MAX / 4 * 3 - 3)
        return false;
    base64url_encode(number.at, length, text);
    return true;
}

static bool read_rsa(struct der key, const char *crv, struct key_numbers *numbers)
{
    struct der pair;
    (void)crv;
    numbers->material = (struct key_material){.kty = "RSA", .numbers = {numbers->texts[0], numbers->texts[1]}};
    return take(&key, TAG_SEQUENCE, &pair) && is_at_end(&key) && take_number(&pair, numbers->texts[1]) &&
           take_number(&pair, numbers->texts[0]) && is_at_end(&pair);
}

/* Of a point that is not compressed: 4, x, y. */
static bool read_ec(struct der key, const char *crv, struct key_numbers *numbers)
{
    size_t bytes = key_curve_bytes(crv);
    if ((size_t)(key.end - key.at) != 1 + 2 * bytes || *key.at != 4)
        return false;
    base64url_encode(key.at + 1, bytes, numbers->texts[0]);
    base64url_encode(key.at + 1 + bytes, bytes, numbers->texts[1]);
    numbers->material =
        (struct key_material){.kty = "EC", .crv = crv, .numbers = {numbers->texts[0], numbers->texts[1]}};
    return true;
}

static bool read_okp(struct der key, const char *crv, struct key_numbers *numbers)
{
    size_t bytes = key_curve_bytes(crv);
    if ((size_t)(key.end - key.at) != bytes)
        return false;
    base64url_encode(key.at, bytes, numbers->texts[0]);
    numbers->material = (struct key_material){.kty = "OKP", .crv = crv, .numbers = {numbers->texts[0]}};
    return true;
}

/* The content of an OBJECT IDENTIFIER: of the algorithm, and for EC of the curve that is its parameter. */
static const struct algorithm {
    const char *algorithm, *curve;
    bool (*read)(struct der key, const char *crv, struct key_numbers *numbers);
    const char *crv;
} algorithms[] = {
    {"\x2a\x86\x48\x86\xf7\x0d\x01\x01\x01", NULL, read_rsa, NULL},                         /* rsaEncryption */
    {"\x2a\x86\x48\x86\xf7\x0d\x01\x01\x0a", NULL, read_rsa, NULL},                         /* RSASSA-PSS */
    {"\x2a\x86\x48\xce\x3d\x02\x01", "\x2a\x86\x48\xce\x3d\x03\x01\x07", read_ec, "P-256"}, /* prime256v1 */
    {"\x2a\x86\x48\xce\x3d\x02\x01",
     "\x2b\x81\x04"
     "\x22",
     read_ec, "P-384"},
    {"\x2a\x86\x48\xce\x3d\x02\x01",
     "\x2b\x81\x04"
     "\x23",
     read_ec, "P-521"},
    {"\x2a\x86\x48\xce\x3d\x02\x01",
     "\x2b\x81\x04"
     "\x0a",
     read_ec, "secp256k1"},
    {"\x2b\x65\x6e", NULL, read_okp, "X25519"},
    {"\x2b\x65\x6f", NULL, read_okp, "X448"},
    {"\x2b\x65\x70", NULL, read_okp, "Ed25519"},
    {"\x2b\x65\x71", NULL, read_okp, "Ed448"},
};

static bool is_identifier(struct der found, const char *identifier)
{
    size_t length = strlen(identifier);
    return (size_t)(found.end - found.at) == length && memcmp(found.at, identifier, length) == 0;
}

bool der_read_numbers(struct der public_key, struct key_numbers *numbers)
{
    struct der outer, named, algorithm, curve = {NULL, NULL}, key;
    if (!take(&public_key, TAG_SEQUENCE, &outer) || !is_at_end(&public_key) || !take(&outer, TAG_SEQUENCE, &named) ||
        !take_octets(&outer, &key) || !is_at_end(&outer) || !take(&named, TAG_OBJECT_IDENTIFIER, &algorithm))
        return false;
    bool has_curve = take(&named, TAG_OBJECT_IDENTIFIER, &curve);
    for (size_t i = 0; i < sizeof(algorithms) / sizeof(algorithms[0]); i++)
        if (is_identifier(algorithm, algorithms[i].algorithm) &&
            (algorithms[i].curve == NULL || (has_curve && is_identifier(curve, algorithms[i].curve))))
            return algorithms[i].read(key, algorithms[i].crv, numbers);
    return false;
}

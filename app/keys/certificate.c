/* SPDX-License-Identifier: BSD-3-Clause */
/* What certificates and public keys in DER are known by. */
#include "der.h"
#include "list.h"

#include <errno.h>
#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/x509.h>
#include <stdlib.h>
#include <string.h>

/* The longest number taken from a key, in bytes: so that its base64url is KEY_NUMBER_MAX at most. */
#define NUMBER_BYTES_MAX (KEY_NUMBER_MAX / 4 * 3 - 3)

/* A number of the key in base64url; `bytes` is its fixed width, or 0 for as many as it takes. */
static bool key_number(const EVP_PKEY *key, const char *parameter, size_t bytes, char out[KEY_NUMBER_MAX])
{
    uint8_t buffer[NUMBER_BYTES_MAX];
    BIGNUM *number = NULL;
    bool known = EVP_PKEY_get_bn_param(key, parameter, &number) == 1;
    if (known) {
        size_t width = bytes != 0 ? bytes : (size_t)BN_num_bytes(number);
        known = width <= sizeof(buffer) && BN_bn2binpad(number, buffer, (int)width) >= 0;
        if (known)
            base64url_encode(buffer, width, out);
    }
    BN_free(number);
    return known;
}

static bool rsa_thumbprint(const EVP_PKEY *key, uint8_t thumbprint[KEY_SHA256_BYTES])
{
    char e[KEY_NUMBER_MAX], n[KEY_NUMBER_MAX];
    struct key_material material = {.kty = "RSA", .numbers = {e, n}};
    return key_number(key, OSSL_PKEY_PARAM_RSA_E, 0, e) && key_number(key, OSSL_PKEY_PARAM_RSA_N, 0, n) &&
           key_material_thumbprint(&material, thumbprint);
}

static bool ec_thumbprint(const EVP_PKEY *key, uint8_t thumbprint[KEY_SHA256_BYTES])
{
    static const struct {
        const char *group, *crv;
    } curves[] = {{"prime256v1", "P-256"}, {"secp384r1", "P-384"}, {"secp521r1", "P-521"}, {"secp256k1", "secp256k1"}};
    char group[64];
    if (EVP_PKEY_get_utf8_string_param(key, OSSL_PKEY_PARAM_GROUP_NAME, group, sizeof(group), NULL) != 1)
        return false;
    struct key_material material = {.kty = "EC"};
    for (size_t i = 0; i < sizeof(curves) / sizeof(curves[0]); i++)
        if (strcmp(curves[i].group, group) == 0)
            material.crv = curves[i].crv;
    if (material.crv == NULL)
        return false;
    char x[KEY_NUMBER_MAX], y[KEY_NUMBER_MAX];
    size_t bytes = key_curve_bytes(material.crv);
    material.numbers[0] = x;
    material.numbers[1] = y;
    return key_number(key, OSSL_PKEY_PARAM_EC_PUB_X, bytes, x) && key_number(key, OSSL_PKEY_PARAM_EC_PUB_Y, bytes, y) &&
           key_material_thumbprint(&material, thumbprint);
}

static bool octets_thumbprint(const EVP_PKEY *key, const char *crv, uint8_t thumbprint[KEY_SHA256_BYTES])
{
    uint8_t bytes[64];
    size_t length = sizeof(bytes);
    char x[sizeof(bytes) / 3 * 4 + 8];
    if (EVP_PKEY_get_raw_public_key(key, bytes, &length) != 1)
        return false;
    base64url_encode(bytes, length, x);
    struct key_material material = {.kty = "OKP", .crv = crv, .numbers = {x}};
    return key_material_thumbprint(&material, thumbprint);
}

static bool key_thumbprint(const EVP_PKEY *key, uint8_t thumbprint[KEY_SHA256_BYTES])
{
    switch (EVP_PKEY_get_base_id(key)) {
    case EVP_PKEY_RSA:
    case EVP_PKEY_RSA_PSS:
        return rsa_thumbprint(key, thumbprint);
    case EVP_PKEY_EC:
        return ec_thumbprint(key, thumbprint);
    case EVP_PKEY_ED25519:
        return octets_thumbprint(key, "Ed25519", thumbprint);
    case EVP_PKEY_ED448:
        return octets_thumbprint(key, "Ed448", thumbprint);
    case EVP_PKEY_X25519:
        return octets_thumbprint(key, "X25519", thumbprint);
    case EVP_PKEY_X448:
        return octets_thumbprint(key, "X448", thumbprint);
    default:
        return false;
    }
}

/* OpenSSL's reading of a public key: 200 us, for the few kinds that der.h does not read. */
static bool unusual_thumbprint(struct der public_key, uint8_t thumbprint[KEY_SHA256_BYTES])
{
    const uint8_t *at = public_key.at;
    EVP_PKEY *key = d2i_PUBKEY(NULL, &at, public_key.end - public_key.at);
    bool is_known = key != NULL && key_thumbprint(key, thumbprint);
    EVP_PKEY_free(key);
    ERR_clear_error();
    return is_known;
}

int key_draft_add_certificate(struct key_draft *draft, const uint8_t *der, size_t length)
{
    struct certificate certificate;
    if (!der_read_certificate(der, length, &certificate))
        return -EINVAL;
    uint8_t sha1[KEY_SHA1_BYTES], digest[KEY_SHA256_BYTES];
    certificate_digests(der, length, sha1, digest);
    key_draft_add_thumbprint(draft, sha1, sizeof(sha1), KEY_FROM_CERTIFICATE);
    key_draft_add_thumbprint(draft, digest, sizeof(digest), KEY_FROM_CERTIFICATE);
    struct key_numbers numbers;
    bool is_known = der_read_numbers(certificate.public_key, &numbers)
                        ? key_material_thumbprint(&numbers.material, digest)
                        : unusual_thumbprint(certificate.public_key, digest);
    if (is_known)
        key_draft_add_thumbprint(draft, digest, sizeof(digest), KEY_FROM_CERTIFICATE_KEY);
    return 0;
}

int key_draft_add_public_key(struct key_draft *draft, const uint8_t *der, size_t length, bool is_pkcs1)
{
    const uint8_t *at = der;
    EVP_PKEY *key =
        is_pkcs1 ? d2i_PublicKey(EVP_PKEY_RSA, NULL, &at, (long)length) : d2i_PUBKEY(NULL, &at, (long)length);
    uint8_t thumbprint[KEY_SHA256_BYTES];
    bool is_known = key != NULL && at == der + length && key_thumbprint(key, thumbprint);
    if (is_known)
        key_draft_add_thumbprint(draft, thumbprint, sizeof(thumbprint), KEY_FROM_NUMBERS);
    EVP_PKEY_free(key);
    ERR_clear_error();
    return is_known ? 0 : -EINVAL;
}

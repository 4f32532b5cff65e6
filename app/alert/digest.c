/* SPDX-License-Identifier: BSD-3-Clause */
#include "digest.h"

#include <stdlib.h>
#include <string.h>

#include <openssl/evp.h>

struct digest {
    EVP_MD *sha256;
    EVP_MD_CTX *context;
};

struct digest *digest_create(void)
{
    struct digest *digest = calloc(1, sizeof(*digest));
    if (digest == NULL)
        return NULL;
    digest->sha256 = EVP_MD_fetch(NULL, "SHA256", NULL);
    digest->context = EVP_MD_CTX_new();
    if (digest->sha256 == NULL || digest->context == NULL) {
        digest_destroy(digest);
        return NULL;
    }
    return digest;
}

void digest_destroy(struct digest *digest)
{
    if (digest == NULL)
        return;
    EVP_MD_CTX_free(digest->context);
    EVP_MD_free(digest->sha256);
    free(digest);
}

bool digest_sha256(struct digest *digest, const void *bytes, size_t length, uint8_t out[32])
{
    if (EVP_DigestInit_ex2(digest->context, digest->sha256, NULL) == 1 &&
        EVP_DigestUpdate(digest->context, bytes, length) == 1 && EVP_DigestFinal_ex(digest->context, out, NULL) == 1)
        return true;
    memset(out, 0, 32);
    return false;
}

bool digest_chain(struct digest *digest, const struct chunk *chain, size_t length, uint8_t out[32])
{
    bool good = EVP_DigestInit_ex2(digest->context, digest->sha256, NULL) == 1;
    for (; good && chain != NULL && length > 0; chain = chain->next) {
        size_t here = chain->length < CHUNK_DATA_MAX ? chain->length : CHUNK_DATA_MAX;
        here = here < length ? here : length;
        good = EVP_DigestUpdate(digest->context, chain->data, here) == 1;
        length -= here;
    }
    if (good && EVP_DigestFinal_ex(digest->context, out, NULL) == 1)
        return true;
    memset(out, 0, 32);
    return false;
}

/* What is hashed for an id, in a form that does not depend on the machine or on how our enums are numbered. */
struct material {
    uint8_t bytes[160];
    size_t length;
};

static void add_bytes(struct material *material, const void *bytes, size_t length)
{
    memcpy(material->bytes + material->length, bytes, length);
    material->length += length;
}

static void add_number(struct material *material, uint64_t number, int bytes)
{
    for (int shift = (bytes - 1) * 8; shift >= 0; shift -= 8)
        material->bytes[material->length++] = (uint8_t)(number >> shift);
}

/* With its NUL, so that two words in a row are told apart; names of rows are short. */
static void add_word(struct material *material, const char *word)
{
    add_bytes(material, word, strnlen(word, 31));
    add_number(material, 0, 1);
}

void digest_identify(struct digest *digest, const struct alert *alert, uint8_t id[16])
{
    const struct record_flow *flow = &alert->flow;
    size_t address_length = flow->ip_version == 4 ? 4 : 16;
    struct material material = {.length = 0};
    add_number(&material, flow->ip_version, 1);
    add_bytes(&material, flow->client_address, address_length);
    add_bytes(&material, flow->server_address, address_length);
    add_number(&material, flow->client_port, 2);
    add_number(&material, flow->server_port, 2);
    add_number(&material, flow->has_vlan, 1);
    add_number(&material, flow->has_vlan ? flow->vlan_id : 0, 2);
    add_number(&material, flow->first_time_ns, 8);
    add_number(&material, alert->position, 8);
    add_number(&material, alert->from_server, 1);
    add_word(&material, placement_names[alert->placement]);
    add_word(&material, alert->finding == FINDING_NONE ? "" : finding_rows[alert->finding].id);

    uint8_t sha256[32];
    digest_sha256(digest, material.bytes, material.length, sha256);
    memcpy(id, sha256, 16);
}

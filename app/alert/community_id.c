/* SPDX-License-Identifier: BSD-3-Clause */
#include <bearertap/alert.h>

#include <netinet/in.h>
#include <string.h>

#include <openssl/evp.h>
#include <openssl/sha.h>

static void put_end(uint8_t *material, size_t *length, const uint8_t *address, size_t address_length)
{
    memcpy(material + *length, address, address_length);
    *length += address_length;
}

static void put_port(uint8_t *material, size_t *length, uint16_t port)
{
    material[(*length)++] = (uint8_t)(port >> 8);
    material[(*length)++] = (uint8_t)port;
}

/*
 * Community ID v1: "1:" and base64 of SHA-1 over seed (16 bits), the two addresses, protocol, a zero byte and the two
 * ports, in network order, where the end with the smaller address (or, the addresses being equal, the smaller port)
 * comes first.
 */
void community_id(const struct record_flow *flow, char out[COMMUNITY_ID_MAX])
{
    size_t address_length = flow->ip_version == 4 ? 4 : 16;
    int order = memcmp(flow->client_address, flow->server_address, address_length);
    bool client_first = order < 0 || (order == 0 && flow->client_port <= flow->server_port);

    uint8_t material[2 + 16 + 16 + 2 + 4] = {0, 0};
    size_t length = 2;
    put_end(material, &length, client_first ? flow->client_address : flow->server_address, address_length);
    put_end(material, &length, client_first ? flow->server_address : flow->client_address, address_length);
    material[length++] = IPPROTO_TCP;
    material[length++] = 0;
    put_port(material, &length, client_first ? flow->client_port : flow->server_port);
    put_port(material, &length, client_first ? flow->server_port : flow->client_port);

    uint8_t sha1[SHA_DIGEST_LENGTH];
    if (SHA1(material, length, sha1) == NULL) { /* a provider may refuse SHA-1: then there is no such id */
        out[0] = '\0';
        return;
    }
    out[0] = '1';
    out[1] = ':';
    EVP_EncodeBlock((unsigned char *)out + 2, sha1, SHA_DIGEST_LENGTH);
}

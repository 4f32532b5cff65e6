/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Certificates and public keys in PEM (RFC 7468). Text around the blocks is explanation, as the RFC says, but who puts
 * a key id there means it to be read: so what can be one is refused, since a key that is lost is worse than a list that
 * is not taken.
 */
#include "lint.h"
#include "list.h"

#include <errno.h>
#include <string.h>

static int read_certificate(struct key_draft *draft, const uint8_t *der, size_t length)
{
    return key_draft_add_certificate(draft, der, length);
}

static int read_public_key(struct key_draft *draft, const uint8_t *der, size_t length)
{
    return key_draft_add_public_key(draft, der, length, false);
}

static int read_rsa_public_key(struct key_draft *draft, const uint8_t *der, size_t length)
{
    return key_draft_add_public_key(draft, der, length, true);
}

/* The blocks that name a key. */
static const struct block {
    const char *label;
    int (*read)(struct key_draft *draft, const uint8_t *der, size_t length);
    const char *wanted;
} blocks[] = {
    {"CERTIFICATE", read_certificate, "an X.509 certificate in DER"},
    {"PUBLIC KEY", read_public_key, "an RSA, EC (P-256, P-384, P-521, secp256k1), Ed25519, Ed448 or X25519 key in DER"},
    {"RSA PUBLIC KEY", read_rsa_public_key, "an RSA public key of PKCS #1 in DER"},
};

static const char begin[] = "-----BEGIN ";
static const char end[] = "-----END ";
static const char dashes[] = "-----";
static const char private_key[] = "PRIVATE KEY";

static bool begins_with(const char *text, size_t length, const char *word)
{
    size_t wanted = strlen(word);
    return length >= wanted && memcmp(text, word, wanted) == 0;
}

/* The label in "-----BEGIN LABEL-----"; NULL where the line is no such. */
static const char *label_of(const char *line, size_t length, const char *before, size_t *label_length)
{
    if (!begins_with(line, length, before))
        return NULL;
    const char *label = line + strlen(before);
    const char *after = memmem(label, (size_t)(line + length - label), dashes, sizeof(dashes) - 1);
    if (after == NULL)
        return NULL;
    *label_length = (size_t)(after - label);
    return label;
}

static const struct block *find_block(const char *label, size_t length)
{
    for (size_t i = 0; i < sizeof(blocks) / sizeof(blocks[0]); i++)
        if (strlen(blocks[i].label) == length && memcmp(blocks[i].label, label, length) == 0)
            return &blocks[i];
    return NULL;
}

/* The block's kind by its first line. NULL where it is none to read, with a fault said; *result is what that made. */
static const struct block *begin_block(struct source *source, const char *label, size_t length, struct place place,
                                       int *result)
{
    const struct block *block = find_block(label, length);
    char shown[KEY_SHOWN_MAX];
    *result = 0;
    if (block == NULL && memmem(label, length, private_key, sizeof(private_key) - 1) != NULL)
        *result = source_fault(source, place,
                               "a private key; give the public half only, such as from openssl pkey -pubout (and think "
                               "of who has seen this file)");
    else if (block == NULL)
        *result = source_fault(source, place, "a PEM block %s; allowed are CERTIFICATE, PUBLIC KEY and RSA PUBLIC KEY",
                               key_show(label, length, shown));
    return block;
}

/* `text` is what stands between the two lines; it is decoded in place. */
static int add_block(struct key_list *list, struct source *source, const struct block *block, char *text, size_t length,
                     struct place place)
{
    ptrdiff_t der_length = key_decode_base64(text, length, true, (uint8_t *)text);
    if (der_length <= 0)
        return source_fault(source, place, "the %s block holds something that is not base64", block->label);

    struct key_draft draft = {.place = place};
    if (block->read(&draft, (const uint8_t *)text, (size_t)der_length) != 0)
        return source_fault(source, place, "the %s block does not hold what is allowed there: %s", block->label,
                            block->wanted);
    char id[KEY_SHA256_BYTES / 3 * 4 + 8];
    base64url_encode(draft.thumbprints[0].bytes, draft.thumbprints[0].length, id);
    draft.id = id;
    if (source->lint != NULL && block->read == read_certificate)
        key_lint_certificate(source->lint, source, place, NULL, (const uint8_t *)text, (size_t)der_length);
    return key_list_add(list, &draft, source);
}

/* ---- text outside the blocks ---- */

/* Lines that are told, of those that are passed over; a file may hold a million of them. */
#define OUTSIDE_TOLD_MAX 20

struct outside {
    bool is_printout; /* the last line that is not set in is openssl's: those below that are set in are too */
    unsigned told;
};

/* How what openssl prints before a block begins: x509 -text, -subject and such, pkcs12, pkey -text, s_client. */
static bool is_printed_by_openssl(const char *line, size_t length)
{
    static const char *const beginnings[] = {
        "Certificate:",
        "Bag Attributes",
        "Key Attributes",
        "subject=",
        "issuer=",
        "subject:",
        "issuer:",
        "serial=",
        "notBefore=",
        "notAfter=",
        "Public-Key:",
        "RSA Public-Key:",
        "ED25519 Public-Key:",
        "ED448 Public-Key:",
        "X25519 Public-Key:",
        "X448 Public-Key:",
        "Modulus:",
        "Exponent:",
        "pub:",
        "ASN1 OID:",
        "NIST CURVE:",
        "CONNECTED(",
        "depth=",
        "verify return:",
        "Certificate chain",
        "Server certificate",
    };
    for (size_t i = 0; i < sizeof(beginnings) / sizeof(beginnings[0]); i++) {
        size_t wanted = strlen(beginnings[i]);
        bool ends_word = length == wanted || line[wanted - 1] != ':' || line[wanted] == ' ';
        if (begins_with(line, length, beginnings[i]) && ends_word)
            return true;
    }
    return false;
}

static bool is_ruler(const char *line, size_t length)
{
    for (size_t i = 0; i < length; i++)
        if (strchr("-=*_~", line[i]) == NULL)
            return false;
    return true;
}

/* A line that belongs to no block, without its line feed. */
static int pass_over(struct source *source, struct outside *outside, const char *line, size_t length)
{
    const char *id = line;
    size_t id_length = key_find_id(&id, length), wrong;
    if (id_length == 0 || is_ruler(id, id_length))
        return 0;
    bool is_set_in = id != line;
    if (!is_set_in)
        outside->is_printout = is_printed_by_openssl(id, id_length);
    if (outside->is_printout)
        return 0;
    struct place place = source_place(source, (size_t)(id - source->buffer));
    if (key_id_fault(id, id_length, &wrong) == NULL)
        return source_fault(source, place,
                            "text outside PEM blocks that could be a key id, and would be lost; put key ids into a "
                            "file of their own, and # before what is none");
    if (source->lint != NULL && outside->told++ < OUTSIDE_TOLD_MAX)
        key_lint_warn(source->lint, source, place, "the line is passed over, as text outside PEM blocks is%s",
                      outside->told == OUTSIDE_TOLD_MAX ? "; more of such lines are not told" : "");
    return 0;
}

/* The block being read, if any; its text begins at the source's mark. */
struct open_block {
    const struct block *block;
    struct place place; /* of its first line; line 0: no block is open */
};

/* A line -----BEGIN LABEL-----. A block of a kind that isn't read is passed over when the list is linted. */
static int open_block(struct source *source, struct open_block *open, const char *label, size_t length,
                      struct place place)
{
    int result = 0;
    if (open->place.line != 0)
        result = source_fault(source, place, "a PEM block begins inside the one of line %u; allowed is %s%s%s first",
                              open->place.line, end, open->block != NULL ? open->block->label : "...", dashes);
    if (result != 0)
        return result;
    open->place = place;
    open->block = begin_block(source, label, length, place, &result);
    return result;
}

/* A line -----END LABEL-----, `length` bytes behind the mark. */
static int close_block(struct key_list *list, struct source *source, struct open_block *open, const char *label,
                       size_t label_length, size_t length, struct place place)
{
    const struct block *block = open->block;
    struct place began = open->place;
    *open = (struct open_block){0};
    if (block == NULL)
        return 0;
    if (find_block(label, label_length) != block)
        return source_fault(source, place, "the PEM block of line %u ends as another; allowed is %s%s%s", began.line,
                            end, block->label, dashes);
    return add_block(list, source, block, source->buffer + source->mark, length, began);
}

int key_list_read_pem(struct key_list *list, struct source *source)
{
    struct open_block open = {0};
    struct outside outside = {0};
    source->piece = "a line or a PEM block";
    for (;;) {
        size_t line_start = source->at - source->mark; /* from the mark, since a fill moves both */
        int found = source_read_line(source);
        if (found < 0)
            return found;
        char *line = source->buffer + source->mark + line_start;
        size_t length = (size_t)(source->buffer + source->at - line), label_length = 0;
        struct place place = source_place(source, (size_t)(line - source->buffer));

        int result = 0;
        const char *label = label_of(line, length, begin, &label_length);
        bool is_begin = label != NULL;
        if (is_begin)
            result = open_block(source, &open, label, label_length, place);
        else if (open.place.line != 0 && (label = label_of(line, length, end, &label_length)) != NULL)
            result = close_block(list, source, &open, label, label_length, line_start, place);
        else if (open.place.line == 0)
            result = pass_over(source, &outside, line, length);
        if (result != 0)
            return result;
        if (found == 0)
            break;
        source_take(source);
        if (is_begin || open.block == NULL)
            source->mark = source->at;
        if (is_begin)
            outside.is_printout = false;
    }
    if (open.block != NULL)
        return source_fault(source, open.place, "the PEM block has no end; allowed is a line %s%s%s after it", end,
                            open.block->label, dashes);
    return 0;
}

/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The worker's half: which headers have been seen, and what was thought of them.
 *
 * A service sees a handful of distinct JOSE headers, millions of times. So the text is compared with a recent one
 * first, then its 128-bit SipHash under a random key is looked for, and only a header never seen is decoded and its
 * keys looked up. What is remembered is the header's part of the verdict only, and only until the key table changes.
 *
 * A set is one cache line of four places. A new header takes the last place, and each hit moves it one place forward:
 * a stream of headers that never come again, hostile or not, pushes out nothing but itself.
 */
#include <bearertap/siphash.h>
#include <bearertap/stage.h>
#include <bearertap/verdict.h>

#include "names.h"

#include <stdlib.h>
#include <string.h>

#define CACHE_LINE 64

enum {
    PLACES = 4,
    /* 4,096 headers in 64 KiB: an issuer has a few keys and a few header layouts, so that is some hundred issuers'
     * worth, and small enough that traffic of never-seen headers writes into the second-level cache, not into memory.
     */
    SETS = 1024
};

enum remembered_flag {
    REMEMBERED_USED = 1,
    REMEMBERED_JUNK = 2,
    REMEMBERED_POSSIBLE_FINDING = 4,
    REMEMBERED_LEFT_OUT = 8
};

/* 96 bits of the digest; 10 of the other 32 are the set's number. Only headers of tokens are remembered. */
struct remembered {
    uint64_t digest_high;
    uint32_t digest_low;
    uint8_t flags; /* 0: the place is free */
    uint8_t algorithm, format;
    uint8_t reserved;
};

struct remembered_set {
    _Alignas(CACHE_LINE) struct remembered places[PLACES];
};

_Static_assert(sizeof(struct remembered_set) == CACHE_LINE, "a set is a cache line");

/* The last few texts themselves, found by their ends and middles, where those of one issuer differ in the key's name. A
 * sender who aims at a place only sends others on to the sets. */
enum { RECENT = 16, RECENT_TEXT_MAX = 240 };

struct recent {
    uint16_t length;   /* 0: none */
    uint16_t advances; /* times that it still goes the long way, to get to the front of its set */
    struct verdict verdict;
    uint8_t text[RECENT_TEXT_MAX];
};

struct verdict_memory {
    struct remembered_set sets[SETS];
    struct recent recent[RECENT];
    const struct key_table *table; /* may be NULL: no keys given */
    uint64_t generation;           /* of the table, when everything here was learnt */
    struct siphash_key key;
    uint8_t header[JOSE_HEADER_MAX];
    struct jose_references references;
};

struct verdict_memory *verdict_memory_create(const struct key_table *table)
{
    struct siphash_key key;
    if (siphash_key_random(&key) < 0)
        return NULL;
    struct verdict_memory *memory = aligned_alloc(CACHE_LINE, sizeof(*memory));
    if (memory == NULL)
        return NULL;
    memset(memory, 0, sizeof(*memory)); /* touches it all, so that no page fault waits in the hot path */
    memory->table = table;
    memory->generation = table == NULL ? 0 : key_table_generation(table);
    memory->key = key;
    return memory;
}

void verdict_memory_destroy(struct verdict_memory *memory)
{
    if (memory == NULL)
        return;
    explicit_bzero(memory, sizeof(*memory)); /* headers name keys: nothing of them stays behind */
    free(memory);
}

/*
 * The generation is read before the table and must change after it: then whatever is learnt from a table that is being
 * changed is forgotten at the next call.
 */
static inline void forget_when_table_changed(struct verdict_memory *memory)
{
    if (memory->table == NULL)
        return;
    uint64_t generation = key_table_generation(memory->table);
    if (generation == memory->generation)
        return;
    memset(memory->sets, 0, sizeof(memory->sets));
    memset(memory->recent, 0, sizeof(memory->recent));
    memory->generation = generation;
}

static inline bool recall(struct remembered_set *set, struct siphash_digest digest, struct verdict *verdict)
{
    for (unsigned i = 0; i < PLACES; i++) {
        struct remembered found = set->places[i];
        if (found.digest_high != digest.high || found.digest_low != (uint32_t)(digest.low >> 32) || found.flags == 0)
            continue;
        *verdict = (struct verdict){.is_token = true,
                                    .junk = (found.flags & REMEMBERED_JUNK) != 0,
                                    .left_out = (found.flags & REMEMBERED_LEFT_OUT) != 0,
                                    .possible_finding = (found.flags & REMEMBERED_POSSIBLE_FINDING) != 0,
                                    .algorithm = (enum token_algorithm)found.algorithm,
                                    .format = (enum token_format)found.format};
        if (i > 0) {
            set->places[i] = set->places[i - 1];
            set->places[i - 1] = found;
        }
        return true;
    }
    return false;
}

static inline void remember(struct remembered_set *set, struct siphash_digest digest, const struct verdict *verdict)
{
    unsigned place = 0;
    while (place < PLACES - 1 && set->places[place].flags != 0)
        place++;
    set->places[place] = (struct remembered){
        .digest_high = digest.high,
        .digest_low = (uint32_t)(digest.low >> 32),
        .flags = (uint8_t)(REMEMBERED_USED | (verdict->junk ? REMEMBERED_JUNK : 0) |
                           (verdict->left_out ? REMEMBERED_LEFT_OUT : 0) |
                           (verdict->possible_finding ? REMEMBERED_POSSIBLE_FINDING : 0)),
        .algorithm = (uint8_t)verdict->algorithm,
        .format = (uint8_t)verdict->format,
    };
}

static bool some_key_is_in_table(struct verdict_memory *memory, size_t header_length)
{
    struct key_reference reference;
    jose_references_begin(&memory->references, memory->header, header_length);
    while (jose_references_next(&memory->references, &reference)) {
        uint8_t thumbprint[32];
        struct key_name names[KEY_NAMES_MAX];
        unsigned count = key_reference_to_names(&reference, thumbprint, names);
        for (unsigned i = 0; i < count; i++) {
            struct key_matches matches;
            struct key_entry entry;
            bool narrowed;
            key_table_find(memory->table, names[i].kind, names[i].bytes, names[i].length, &matches);
            if (key_matches_next(&matches, &entry, &narrowed))
                return true;
        }
    }
    return false;
}

/* A header that is not remembered: decoded, read, its keys looked up. */
static struct verdict read_header(struct verdict_memory *memory, const uint8_t *text, size_t length)
{
    struct verdict verdict = {.format = TOKEN_OPAQUE};
    struct jose_summary summary;
    size_t junk;
    ptrdiff_t header_length = base64url_decode(text, length, memory->header, sizeof(memory->header), &junk);
    verdict.too_long = header_length < 0;
    verdict.junk = junk > 0;
    if (verdict.too_long || !jose_summarize(memory->header, (size_t)header_length, &summary) ||
        !jose_summary_is_header(&summary))
        return verdict;
    verdict.is_token = true;
    verdict.algorithm = summary.algorithm;
    verdict.format = summary.format;
    if (summary.names_a_key && memory->table != NULL && !key_table_is_empty(memory->table)) {
        stage_enter(STAGE_KEY);
        verdict.possible_finding = some_key_is_in_table(memory, (size_t)header_length);
        stage_enter(STAGE_TOKEN);
        verdict.left_out = memory->references.left_out;
    }
    return verdict;
}

/* Where a text would be among the recent ones; NULL where it is none for them. */
static inline struct recent *recent_of(struct verdict_memory *memory, const uint8_t *text, size_t length)
{
    uint64_t last, middle;
    if (length < sizeof(last) || length > RECENT_TEXT_MAX)
        return NULL;
    memcpy(&last, text + length - sizeof(last), sizeof(last));
    memcpy(&middle, text + (length - sizeof(middle)) / 2, sizeof(middle));
    return &memory->recent[((last ^ middle << 7) * 0x9e3779b97f4a7c15u) >> 60];
}

struct verdict verdict_judge(struct verdict_memory *memory, const uint8_t *text, size_t length)
{
    if (length == 0 || length > JOSE_HEADER_TEXT_MAX)
        return (struct verdict){.too_long = length > 0, .format = TOKEN_OPAQUE};

    forget_when_table_changed(memory);
    struct recent *recent = recent_of(memory, text, length);
    bool is_recent = recent != NULL && recent->length == length && memcmp(text, recent->text, length) == 0;
    if (is_recent && recent->advances == 0)
        return recent->verdict;

    struct siphash_digest digest = siphash_128(&memory->key, text, length);
    struct remembered_set *set = &memory->sets[digest.low % SETS];
    struct verdict verdict;
    if (!recall(set, digest, &verdict)) {
        verdict = read_header(memory, text, length);
        /* Opaque strings are as many as there are users, and cheaper to look at again than to keep. */
        if (verdict.is_token)
            remember(set, digest, &verdict);
    }
    if (is_recent) {
        recent->advances--;
    } else if (recent != NULL) {
        recent->length = (uint16_t)length;
        recent->advances = PLACES - 1;
        recent->verdict = verdict;
        memcpy(recent->text, text, length);
    }
    return verdict;
}

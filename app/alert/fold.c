/* SPDX-License-Identifier: BSD-3-Clause */
#include "fold.h"

#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>

#include <bearertap/siphash.h>

#include "windows.h"

#define WORKERS_MAX 256 /* a record names its worker in a byte */

struct fold {
    struct window window; /* first, so that one is the other; in its worker's heap while something is counted */
    LIST_ENTRY(fold) same_bucket;
    TAILQ_ENTRY(fold) same_flow_bucket;
    TAILQ_ENTRY(fold) by_age;
    struct fold_key key;
    uint64_t counted; /* sightings that no line has told yet; the next three are theirs */
    uint64_t first_ns, last_ns;
    uint64_t position;
    uint64_t generation; /* of the key table, when its first line was written */
    uint64_t request;    /* a hash of the first line's */
    bool request_varies; /* of those counted, one stood in another */
    struct alert alert;  /* last: a copy of a line touches only what it uses */
};

LIST_HEAD(bucket, fold);
TAILQ_HEAD(fold_list, fold);

struct folds {
    fold_emit emit;
    void *context;
    struct siphash_key hash_key;
    uint64_t buckets_mask;
    struct bucket *buckets;         /* by fold_key */
    struct fold_list *flow_buckets; /* by worker and flow: a flow's folds in the order in which they came */
    struct window *open[WORKERS_MAX];
    struct fold_list by_age; /* the least recently sighted first */
    struct fold *slots;
    struct fold *free; /* a stack linked through window.next, so that few slots are ever touched */
    unsigned used, maximum;
};

struct folds *folds_create(unsigned maximum, fold_emit emit, void *context)
{
    struct folds *folds = calloc(1, sizeof(*folds));
    if (folds == NULL)
        return NULL;
    folds->emit = emit;
    folds->context = context;
    folds->maximum = maximum > 0 ? maximum : 1;
    uint64_t buckets = 16;
    while (buckets < 2 * (uint64_t)folds->maximum)
        buckets *= 2;
    folds->buckets_mask = buckets - 1;
    folds->buckets = calloc(buckets, sizeof(*folds->buckets));
    folds->flow_buckets = calloc(buckets, sizeof(*folds->flow_buckets));
    folds->slots = calloc(folds->maximum, sizeof(*folds->slots));
    if (folds->buckets == NULL || folds->flow_buckets == NULL || folds->slots == NULL ||
        siphash_key_random(&folds->hash_key) != 0) {
        folds_destroy(folds);
        return NULL;
    }
    for (uint64_t i = 0; i < buckets; i++)
        TAILQ_INIT(&folds->flow_buckets[i]);
    TAILQ_INIT(&folds->by_age);
    return folds;
}

void folds_destroy(struct folds *folds)
{
    if (folds == NULL)
        return;
    free(folds->slots);
    free(folds->flow_buckets);
    free(folds->buckets);
    free(folds);
}

static struct bucket *bucket_of(struct folds *folds, const struct fold_key *key)
{
    return &folds->buckets[siphash_64(&folds->hash_key, key, sizeof(*key)) & folds->buckets_mask];
}

static struct fold_list *flow_bucket_of(struct folds *folds, uint8_t worker, uint64_t flow_id)
{
    uint64_t key[2] = {worker, flow_id};
    return &folds->flow_buckets[siphash_64(&folds->hash_key, key, sizeof(key)) & folds->buckets_mask];
}

static uint64_t hash_bytes(const struct folds *folds, const uint8_t *bytes, size_t length, size_t maximum)
{
    return siphash_64(&folds->hash_key, bytes, length < maximum ? length : maximum);
}

static uint64_t hash_request(const struct folds *folds, const struct record_request *request)
{
    uint64_t hashes[] = {
        hash_bytes(folds, request->method, request->method_length, sizeof(request->method)),
        hash_bytes(folds, request->domain, request->domain_length, sizeof(request->domain)),
        hash_bytes(folds, request->path, request->path_length, sizeof(request->path)),
        hash_bytes(folds, request->user_agent, request->user_agent_length, sizeof(request->user_agent)),
    };
    return siphash_64(&folds->hash_key, hashes, sizeof(hashes));
}

static bool window_is_over(const struct fold *fold, uint64_t time_ns, uint64_t length_ns)
{
    return time_ns >= fold->window.start_ns && time_ns - fold->window.start_ns >= length_ns;
}

static void count(struct folds *folds, struct fold *fold, const struct record *record)
{
    uint64_t time_ns = record->time_ns;
    if (fold->counted == 0) {
        fold->first_ns = fold->last_ns = time_ns;
        fold->position = record->position;
        fold->request_varies = false;
        window_insert(&folds->open[fold->key.worker], &fold->window);
    }
    if (time_ns < fold->first_ns)
        fold->first_ns = time_ns;
    if (time_ns > fold->last_ns)
        fold->last_ns = time_ns;
    fold->request_varies |= hash_request(folds, &record->request) != fold->request;
    fold->alert.midstream |= record->midstream;
    fold->alert.gap |= record->gap;
    fold->alert.conflict |= record->conflict;
    fold->counted++;
}

/* What was counted leaves as an update. */
static void leave(struct folds *folds, struct fold *fold)
{
    window_remove(&folds->open[fold->key.worker], &fold->window);
    struct alert *alert = &fold->alert;
    alert->is_update = true;
    alert->start_ns = fold->first_ns;
    alert->end_ns = fold->last_ns;
    alert->position = fold->position;
    alert->sightings = fold->counted;
    fold->counted = 0;
    struct alert_request first = alert->request;
    if (fold->request_varies)
        alert->request = (struct alert_request){.method.length = 0};
    folds->emit(folds->context, alert);
    alert->request = first;
}

/* The window is over: what it counted leaves, and the next begins. */
static void close_window(struct folds *folds, struct fold *fold)
{
    leave(folds, fold);
    fold->window.start_ns += FOLD_WINDOW_NS;
}

static void fold_release(struct folds *folds, struct fold *fold)
{
    if (fold->counted > 0)
        leave(folds, fold);
    LIST_REMOVE(fold, same_bucket);
    TAILQ_REMOVE(flow_bucket_of(folds, fold->key.worker, fold->key.flow_id), fold, same_flow_bucket);
    TAILQ_REMOVE(&folds->by_age, fold, by_age);
    fold->window.next = (struct window *)folds->free;
    folds->free = fold;
}

static struct fold *fold_find(struct folds *folds, const struct fold_key *key)
{
    struct fold *fold = LIST_FIRST(bucket_of(folds, key));
    while (fold != NULL && memcmp(&fold->key, key, sizeof(*key)) != 0)
        fold = LIST_NEXT(fold, same_bucket);
    return fold;
}

bool folds_repeat(struct folds *folds, const struct fold_key *key, const struct record *record)
{
    uint64_t time_ns = record->time_ns;
    struct fold *fold = fold_find(folds, key);
    if (fold == NULL)
        return false;

    TAILQ_REMOVE(&folds->by_age, fold, by_age);
    TAILQ_INSERT_TAIL(&folds->by_age, fold, by_age);
    if (fold->counted > 0 && window_is_over(fold, time_ns, FOLD_WINDOW_NS))
        close_window(folds, fold);
    bool was_silent = window_is_over(fold, time_ns, FOLD_WINDOW_NS);
    if (was_silent)
        fold->window.start_ns = time_ns;
    count(folds, fold, record);
    if (was_silent)
        leave(folds, fold);
    return true;
}

bool folds_know(struct folds *folds, const struct fold_key *key, uint64_t generation)
{
    const struct fold *fold = fold_find(folds, key);
    return fold != NULL && fold->generation == generation;
}

bool folds_add(struct folds *folds, const struct fold_key *key, const struct record *record, const struct alert *alert,
               uint64_t generation)
{
    bool told_early = false;
    if (folds->free == NULL && folds->used == folds->maximum) {
        struct fold *oldest = TAILQ_FIRST(&folds->by_age);
        told_early = oldest->counted > 0;
        fold_release(folds, oldest);
    }
    struct fold *fold = folds->free;
    if (fold != NULL)
        folds->free = (struct fold *)fold->window.next;
    else
        fold = &folds->slots[folds->used++];

    fold->key = *key;
    fold->counted = 0;
    fold->generation = generation;
    fold->window.start_ns = alert->end_ns;
    fold->request = hash_request(folds, &record->request);
    memcpy(&fold->alert, alert, alert_bytes(alert));
    LIST_INSERT_HEAD(bucket_of(folds, key), fold, same_bucket);
    TAILQ_INSERT_TAIL(flow_bucket_of(folds, key->worker, key->flow_id), fold, same_flow_bucket);
    TAILQ_INSERT_TAIL(&folds->by_age, fold, by_age);
    return told_early;
}

void folds_end_flow(struct folds *folds, uint8_t worker, uint64_t flow_id)
{
    struct fold *next;
    for (struct fold *fold = TAILQ_FIRST(flow_bucket_of(folds, worker, flow_id)); fold != NULL; fold = next) {
        next = TAILQ_NEXT(fold, same_flow_bucket);
        if (fold->key.flow_id == flow_id && fold->key.worker == worker)
            fold_release(folds, fold);
    }
}

void folds_pass_time(struct folds *folds, uint8_t worker, uint64_t time_ns)
{
    struct fold *earliest;
    while ((earliest = (struct fold *)folds->open[worker]) != NULL &&
           window_is_over(earliest, time_ns, FOLD_WINDOW_NS + FOLD_GRACE_NS))
        close_window(folds, earliest);
}

void folds_end(struct folds *folds)
{
    struct fold *fold;
    while ((fold = TAILQ_FIRST(&folds->by_age)) != NULL)
        fold_release(folds, fold);
}

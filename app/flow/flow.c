/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Records lie in one array and are handed out last in, first out, so that the memory touched follows the connections
 * alive and not the table's size. An index over them is a table of buckets of eight slots, one cache line each: a
 * connection may stand in either of two buckets, chosen by two halves of its keyed hash, and is inserted into the
 * emptier one. At the load of one half that the sizes give, both being full at once does not happen by chance, and the
 * key is unknown to senders.
 *
 * Lists are not reordered when a packet comes (that would touch two neighbours' lines): a flow found recently used at
 * the old end of its list goes to the new end instead, a second chance as in page replacement.
 */
#include <bearertap/flow.h>

#include <stddef.h>
#include <string.h>

#include <rte_malloc.h>
#include <rte_prefetch.h>

#include <bearertap/memory.h>

#include "flow_table.h"

#ifdef __AVX2__
#include <immintrin.h>
#endif

/* So many slots of the first bucket are used before the second is thought of. At the load of one half, at most, five in
 * six connections then stand in their first, and both being full is still no matter of chance. */
#define FIRST_BUCKET_MOST 5

/* A sweep over the established flows goes round twice in an idle timeout, at most this many flows a call. */
#define SWEEP_MAX 8

/* How many flows at the old end of a list are looked at for one to evict. */
#define EVICTION_LOOKS 16

static uint32_t milliseconds(uint64_t time_ns)
{
    return (uint32_t)(time_ns / 1000000);
}

static uint32_t bucket_count(uint32_t flows_max)
{
    uint32_t count = 16;
    while (count < flows_max / 4)
        count *= 2;
    return count;
}

size_t flow_table_bytes(const struct flow_table_options *options)
{
    return sizeof(struct flow_table) + (size_t)options->flows_max * (sizeof(struct flow) + sizeof(uint64_t)) +
           (size_t)bucket_count(options->flows_max) * sizeof(struct bucket) +
           (size_t)options->extras_max * sizeof(struct flow_extra) + (64 << 10);
}

struct flow_table *flow_table_create(const struct flow_table_options *options)
{
    struct flow_table *table = rte_zmalloc("flow_table", sizeof(*table), 64);
    if (table == NULL)
        return NULL;
    table->options = *options;
    uint32_t buckets = bucket_count(options->flows_max);
    table->bucket_mask = buckets - 1;
    table->flows = memory_take((size_t)options->flows_max * sizeof(struct flow));
    table->hashes = memory_take((size_t)options->flows_max * sizeof(uint64_t));
    table->buckets = memory_take((size_t)buckets * sizeof(struct bucket));
    table->extras = memory_take((size_t)options->extras_max * sizeof(struct flow_extra));
    table->timeouts_ms[FLOW_UNPROVEN] = options->unproven_timeout_ms;
    table->timeouts_ms[FLOW_ESTABLISHED] = options->idle_timeout_ms;
    table->timeouts_ms[FLOW_CLOSED] = options->closed_timeout_ms;
    if (table->flows == NULL || table->hashes == NULL || table->buckets == NULL || table->extras == NULL) {
        flow_table_destroy(table);
        return NULL;
    }
    for (unsigned i = 0; i < FLOW_LISTS; i++)
        table->lists[i] = list_of(&table->flows[0].link, sizeof(struct flow));
    /* Connections touch buckets at random: their memory is had now, and not one page fault at a time later. */
    memset(table->buckets, 0, (size_t)buckets * sizeof(struct bucket));
    return table;
}

void flow_table_destroy(struct flow_table *table)
{
    if (table == NULL)
        return;
    const struct flow_table_options *options = &table->options;
    memory_give_back(table->extras, (size_t)options->extras_max * sizeof(struct flow_extra));
    memory_give_back(table->buckets, (table->bucket_mask + 1ull) * sizeof(struct bucket));
    memory_give_back(table->hashes, (size_t)options->flows_max * sizeof(uint64_t));
    memory_give_back(table->flows, (size_t)options->flows_max * sizeof(struct flow));
    rte_free(table);
}

uint32_t flow_table_count(const struct flow_table *table)
{
    return table->lists[FLOW_UNPROVEN].count + table->lists[FLOW_ESTABLISHED].count + table->lists[FLOW_CLOSED].count;
}

uint32_t flow_index(const struct flow_table *table, const struct flow *flow)
{
    return (uint32_t)(flow - table->flows);
}

struct flow *flow_at(const struct flow_table *table, uint32_t index)
{
    return &table->flows[index];
}

/* Lists. */

static void leave_list(struct flow_table *table, struct flow *flow)
{
    list_remove(&table->lists[flow->list], flow_index(table, flow) + 1);
}

static void enter_list(struct flow_table *table, struct flow *flow, enum flow_list to)
{
    flow->list = (uint8_t)to & 0x3;
    list_append(&table->lists[to], flow_index(table, flow) + 1);
}

void flow_set_list(struct flow_table *table, struct flow *flow, enum flow_list list)
{
    if (flow->list == (uint8_t)list)
        return;
    leave_list(table, flow);
    enter_list(table, flow, list);
}

/* The index. */

static uint32_t hash_tag(uint64_t hash)
{
    return (uint32_t)(hash >> 32);
}

static struct bucket *first_bucket(const struct flow_table *table, uint64_t hash)
{
    return &table->buckets[(uint32_t)hash & table->bucket_mask];
}

/* The tag's multiple by an odd constant: independent enough of the low half, and recomputable. */
static struct bucket *second_bucket(const struct flow_table *table, uint64_t hash)
{
    return &table->buckets[((uint32_t)hash ^ (hash_tag(hash) * 0x9e3779b1u | 1)) & table->bucket_mask];
}

/* Do these two lie as the record's addresses do; do they, the other way round: a bit each. */
static inline unsigned addresses_equal(const struct flow *flow, const struct endpoints *endpoints)
{
#ifdef __AVX2__
    __m256i key = _mm256_load_si256((const __m256i *)(const void *)flow->addresses);
    __m256i given = _mm256_loadu_si256((const __m256i *)(const void *)endpoints);
    __m256i turned = _mm256_permute4x64_epi64(given, 0x4e);
    unsigned straight = _mm256_movemask_epi8(_mm256_cmpeq_epi64(key, given)) == -1;
    unsigned swapped = _mm256_movemask_epi8(_mm256_cmpeq_epi64(key, turned)) == -1;
#else
    unsigned straight = memcmp(flow->addresses[0], endpoints->source, 16) == 0 &&
                        memcmp(flow->addresses[1], endpoints->destination, 16) == 0;
    unsigned swapped = memcmp(flow->addresses[1], endpoints->source, 16) == 0 &&
                       memcmp(flow->addresses[0], endpoints->destination, 16) == 0;
#endif
    return straight | swapped << 1;
}

#define KEY_REST(type, member)                                                                                         \
    (offsetof(type, ip_version) - offsetof(type, member) == 4 &&                                                       \
     offsetof(type, has_vlan) - offsetof(type, member) == 5 && offsetof(type, vlan_id) - offsetof(type, member) == 6)
_Static_assert(KEY_REST(struct flow, ports) && KEY_REST(struct endpoints, source_port) &&
                   offsetof(struct endpoints, destination_port) - offsetof(struct endpoints, source_port) == 2 &&
                   offsetof(struct endpoints, destination) == 16,
               "the key lies as endpoints do");

/* 0 or 1 when endpoint 0 or 1 of the flow sent the segment, -1 when it is of another connection. Which one it was is a
 * coin's toss: nothing branches on it. */
static inline int key_direction(const struct flow *flow, const struct endpoints *endpoints)
{
    uint64_t rest, given;
    memcpy(&rest, (const uint8_t *)flow + offsetof(struct flow, ports), sizeof(rest));
    memcpy(&given, (const uint8_t *)endpoints + offsetof(struct endpoints, source_port), sizeof(given));
    uint32_t ports = (uint32_t)given;
    uint64_t turned = (given & ~UINT64_C(0xffffffff)) | (ports << 16 | ports >> 16);
    unsigned equal = addresses_equal(flow, endpoints);
    unsigned straight = equal & (rest == given), swapped = equal >> 1 & (rest == turned);
    return (int)(swapped & ~straight) - (int)((straight | swapped) ^ 1);
}

/* Which slots of a bucket may hold it: a bit each. */
static inline unsigned slots_with_tag(const struct bucket *bucket, uint32_t tag)
{
#ifdef __AVX2__
    __m256i tags = _mm256_load_si256((const __m256i *)(const void *)bucket->tags);
    __m256i same = _mm256_cmpeq_epi32(tags, _mm256_set1_epi32((int)tag));
    return (unsigned)_mm256_movemask_ps(_mm256_castsi256_ps(same));
#else
    unsigned slots = 0;
    for (unsigned i = 0; i < BUCKET_SLOTS; i++)
        slots |= (unsigned)(bucket->tags[i] == tag) << i;
    return slots;
#endif
}

static struct flow *find_in_bucket(const struct flow_table *table, const struct bucket *bucket, uint64_t hash,
                                   const struct endpoints *endpoints, int *direction)
{
    for (unsigned slots = slots_with_tag(bucket, hash_tag(hash)); slots != 0; slots &= slots - 1) {
        unsigned i = (unsigned)__builtin_ctz(slots);
        if (bucket->flows[i] == 0)
            continue;
        struct flow *flow = &table->flows[bucket->flows[i] - 1];
        *direction = key_direction(flow, endpoints);
        if (*direction >= 0)
            return flow;
    }
    return NULL;
}

static struct flow *find(const struct flow_table *table, uint64_t hash, const struct endpoints *endpoints,
                         int *direction)
{
    struct flow *flow = find_in_bucket(table, first_bucket(table, hash), hash, endpoints, direction);
    return flow != NULL ? flow : find_in_bucket(table, second_bucket(table, hash), hash, endpoints, direction);
}

static unsigned bucket_free_slot(const struct bucket *bucket, unsigned *used)
{
    unsigned slot = BUCKET_SLOTS;
    *used = 0;
    for (unsigned i = 0; i < BUCKET_SLOTS; i++) {
        if (bucket->flows[i] != 0)
            (*used)++;
        else if (slot == BUCKET_SLOTS)
            slot = i;
    }
    return slot;
}

static bool index_insert(struct flow_table *table, uint64_t hash, uint32_t flow_link)
{
    struct bucket *bucket = first_bucket(table, hash), *other = second_bucket(table, hash);
    unsigned used, other_used;
    unsigned slot = bucket_free_slot(bucket, &used);
    unsigned other_slot = bucket_free_slot(other, &other_used);
    /* The first is the one that is looked into first: it is left for the other only when it fills. */
    if (used > FIRST_BUCKET_MOST && other_used < used) {
        bucket = other;
        slot = other_slot;
    }
    if (slot == BUCKET_SLOTS)
        return false;
    bucket->tags[slot] = hash_tag(hash);
    bucket->flows[slot] = flow_link;
    return true;
}

static void index_remove(struct flow_table *table, uint64_t hash, uint32_t flow_link)
{
    struct bucket *buckets[2] = {first_bucket(table, hash), second_bucket(table, hash)};
    for (unsigned b = 0; b < 2; b++)
        for (unsigned i = 0; i < BUCKET_SLOTS; i++)
            if (buckets[b]->flows[i] == flow_link) {
                buckets[b]->flows[i] = 0;
                return;
            }
}

/* Ends. */

static void flow_remove(struct flow_table *table, struct flow *flow)
{
    table->options.on_end(table->options.context, flow);
    for (unsigned d = 0; d < 2; d++)
        flow_extra_release(table, &flow->directions[d]);
    table->removals++;
    uint32_t link = flow_index(table, flow) + 1;
    index_remove(table, table->hashes[link - 1], link);
    leave_list(table, flow);
    flow->link.newer = table->free_flow;
    table->free_flow = link;
}

static uint32_t silent_ms(const struct flow *flow, uint32_t now_ms)
{
    int32_t silent = (int32_t)(now_ms - flow->last_seen_ms);
    return silent > 0 ? (uint32_t)silent : 0; /* packets may be out of order by time */
}

static bool used_by_burst(const struct flow_table *table, const struct flow *flow)
{
    for (unsigned i = 0; i < table->burst_done; i++)
        if (table->burst->flows[i] == flow)
            return true;
    return false;
}

/* The quietest of the flows at the list's old end that this burst doesn't use, silent for at least `least_ms`. */
static struct flow *choose_victim(struct flow_table *table, enum flow_list from, uint32_t least_ms, uint32_t now_ms)
{
    struct list *list = &table->lists[from];
    struct flow *victim = NULL;
    for (unsigned looks = 0; looks < EVICTION_LOOKS && looks < list->count; looks++) {
        struct flow *flow = &table->flows[list->oldest - 1];
        if (!used_by_burst(table, flow) && silent_ms(flow, now_ms) >= least_ms &&
            (victim == NULL || silent_ms(flow, now_ms) > silent_ms(victim, now_ms)))
            victim = flow;
        if (victim == flow && from != FLOW_ESTABLISHED)
            break; /* these lists are in order of time */
        leave_list(table, flow);
        enter_list(table, flow, from);
    }
    return victim;
}

static bool make_room(struct flow_table *table, uint32_t now_ms)
{
    static const struct {
        enum flow_list list;
        enum event event;
    } order[] = {{FLOW_CLOSED, EVENT_FLOW_EVICTED_CLOSED},
                 {FLOW_UNPROVEN, EVENT_FLOW_EVICTED_UNPROVEN},
                 {FLOW_ESTABLISHED, EVENT_FLOW_EVICTED_IDLE}};
    for (unsigned i = 0; i < RTE_DIM(order); i++) {
        /* A tenth of the idle timeout without a packet is what makes an established connection idle. */
        uint32_t least_ms = order[i].list == FLOW_ESTABLISHED ? table->options.idle_timeout_ms / 10 : 0;
        struct flow *victim = choose_victim(table, order[i].list, least_ms, now_ms);
        if (victim != NULL) {
            flow_remove(table, victim);
            table->options.events[order[i].event]++;
            return true;
        }
    }
    return false;
}

static void flow_clear(struct flow *flow, uint64_t time_ns, uint16_t capture_port)
{
    memset(flow->directions, 0, sizeof(flow->directions));
    for (unsigned d = 0; d < 2; d++)
        flow->directions[d].window_shift = WINDOW_SHIFT_UNKNOWN;
    flow->first_time_ns = time_ns;
    flow->last_seen_ms = milliseconds(time_ns);
    flow->flags = FLOW_FRESH;
    flow->opened = 0;
    flow->capture_port = capture_port;
}

static struct flow *insert(struct flow_table *table, uint64_t hash, const struct endpoints *endpoints, uint64_t time_ns,
                           uint16_t capture_port, int *direction)
{
    if (table->free_flow == 0 && table->flows_used == table->options.flows_max &&
        !make_room(table, milliseconds(time_ns)))
        return NULL;
    uint32_t link = table->free_flow != 0 ? table->free_flow : table->flows_used + 1;
    if (!index_insert(table, hash, link))
        return NULL;
    struct flow *flow = &table->flows[link - 1];
    if (table->free_flow != 0)
        table->free_flow = flow->link.newer;
    else
        table->flows_used++;
    table->hashes[link - 1] = hash;

    int order = memcmp(endpoints->source, endpoints->destination, 16);
    if (order == 0)
        order = (int)endpoints->source_port - (int)endpoints->destination_port;
    *direction = order > 0;
    memcpy(flow->addresses[*direction], endpoints->source, 16);
    memcpy(flow->addresses[1 - *direction], endpoints->destination, 16);
    flow->ports[*direction] = endpoints->source_port;
    flow->ports[1 - *direction] = endpoints->destination_port;
    flow->vlan_id = endpoints->vlan_id;
    flow->has_vlan = endpoints->has_vlan;
    flow->ip_version = endpoints->ip_version;
    flow_clear(flow, time_ns, capture_port);
    enter_list(table, flow, FLOW_UNPROVEN);
    return flow;
}

/*
 * How many packets ahead a bucket, and then a record, is asked for. A core has some twenty misses under way at once,
 * and what is asked for beyond that is not asked for: all of a burst at once was a third slower on cold tables.
 */
#define BUCKET_AHEAD 12
#define RECORD_AHEAD 6

static inline void ask_for_bucket(const struct flow_table *table, const struct burst *burst, unsigned i)
{
    if (i < burst->count && burst->outcomes[i] == OUTCOME_PENDING)
        rte_prefetch0(first_bucket(table, burst->hashes[i]));
}

/* The record that the tag speaks for, asked for: a wrong guess costs a prefetch. NULL where there is none. */
static inline struct flow *guess_record(const struct flow_table *table, const struct burst *burst, unsigned i)
{
    if (i >= burst->count || burst->outcomes[i] != OUTCOME_PENDING)
        return NULL;
    const struct bucket *bucket = first_bucket(table, burst->hashes[i]);
    unsigned slots = slots_with_tag(bucket, hash_tag(burst->hashes[i]));
    if (slots == 0) {
        rte_prefetch0(second_bucket(table, burst->hashes[i]));
        return NULL;
    }
    uint32_t link = bucket->flows[__builtin_ctz(slots)];
    if (link == 0)
        return NULL;
    rte_prefetch0(&table->flows[link - 1]);
    return &table->flows[link - 1];
}

void flow_look_up(struct flow_table *table, struct burst *burst)
{
    struct flow *guesses[BURST_MAX + RECORD_AHEAD];
    uint64_t removals = table->removals;
    table->burst = burst;
    for (unsigned i = 0; i < BUCKET_AHEAD; i++)
        ask_for_bucket(table, burst, i);
    for (unsigned i = 0; i < RECORD_AHEAD; i++)
        guesses[i] = guess_record(table, burst, i);
    for (unsigned i = 0; i < burst->count; i++) {
        ask_for_bucket(table, burst, i + BUCKET_AHEAD);
        guesses[i + RECORD_AHEAD] = guess_record(table, burst, i + RECORD_AHEAD);
        burst->flows[i] = NULL;
        if (burst->outcomes[i] != OUTCOME_PENDING)
            continue;
        table->burst_done = i;
        const struct endpoints *endpoints = &burst->segments[i].endpoints;
        /* Once a record was let go for another, a guess may be of what is gone. */
        struct flow *flow = table->removals == removals ? guesses[i] : NULL;
        int direction = flow != NULL ? key_direction(flow, endpoints) : -1;
        if (direction < 0)
            flow = find(table, burst->hashes[i], endpoints, &direction);
        if (flow == NULL)
            flow = insert(table, burst->hashes[i], endpoints, burst->time_ns[i], burst->mbufs[i]->port, &direction);
        if (flow == NULL)
            burst->outcomes[i] = OUTCOME_FLOW_TABLE_FULL;
        burst->flows[i] = flow;
        burst->directions[i] = (uint8_t)direction;
    }
    table->burst_done = 0;
}

static void begin_anew(struct flow_table *table, struct flow *flow, uint64_t time_ns, uint16_t capture_port)
{
    table->options.on_end(table->options.context, flow);
    for (unsigned d = 0; d < 2; d++)
        flow_extra_release(table, &flow->directions[d]);
    flow_clear(flow, time_ns, capture_port);
    flow_set_list(table, flow, FLOW_UNPROVEN);
}

/*
 * Is this SYN with a new number to be believed? Where both ends were seen and haven't finished, the server drops it
 * (RFC 9293 section 3.10.7.4, RFC 5961 section 4), so that a client could cut its own token in two with one; where it
 * is a new connection after all (the server forgot the old one), the server's SYN is soon to follow, and that is
 * believed.
 */
static bool new_syn_is_believed(const struct flow *flow, unsigned direction, const struct segment *segment)
{
    const struct flow_direction *sender = &flow->directions[direction], *peer = &flow->directions[1 - direction];
    if ((peer->flags & DIRECTION_STARTED) == 0 || (sender->flags & peer->flags & DIRECTION_FINISHED) != 0)
        return true;
    bool from_client =
        (flow->flags & FLOW_CLIENT_KNOWN) != 0 && ((flow->flags & FLOW_CLIENT_IS_ONE) != 0) == (direction == 1);
    return (segment->flags & TCP_ACK) != 0 && !from_client;
}

void flow_begin_segment(struct flow_table *table, struct flow *flow, unsigned direction, const struct segment *segment,
                        uint64_t time_ns, uint16_t capture_port)
{
    uint32_t now_ms = milliseconds(time_ns);
    if ((flow->flags & FLOW_FRESH) == 0) {
        struct flow_direction *peer = &flow->directions[1 - direction];
        if (silent_ms(flow, now_ms) > table->timeouts_ms[flow->list]) {
            begin_anew(table, flow, time_ns, capture_port);
            table->options.events[EVENT_FLOW_EXPIRED]++;
        } else if (flow_syn_is_new(&flow->directions[direction], segment) &&
                   new_syn_is_believed(flow, direction, segment)) {
            bool was_confirmed = (peer->flags & DIRECTION_STARTED) != 0 && (segment->flags & TCP_ACK) != 0;
            begin_anew(table, flow, time_ns, capture_port);
            table->options.events[EVENT_PORT_REUSED]++;
            if (was_confirmed) { /* the SYN that it answers went by unbelieved; this says where the stream begins */
                peer->flags |= DIRECTION_STARTED;
                peer->next_sequence = segment->acknowledgement;
            }
        }
    }
    if (silent_ms(flow, now_ms) > 0)
        flow->last_seen_ms = now_ms;
}

static void expire_oldest(struct flow_table *table, enum flow_list from, uint32_t now_ms, uint32_t most)
{
    struct list *list = &table->lists[from];
    for (; most > 0 && list->oldest != 0; most--) {
        struct flow *flow = &table->flows[list->oldest - 1];
        if (silent_ms(flow, now_ms) > table->timeouts_ms[from]) {
            flow_remove(table, flow);
            table->options.events[EVENT_FLOW_EXPIRED]++;
        } else if (from != FLOW_UNPROVEN || flow->last_seen_ms != milliseconds(flow->first_time_ns)) {
            /* A SYN sent again and again must not keep those behind it from their end. */
            leave_list(table, flow);
            enter_list(table, flow, from);
        } else {
            return;
        }
    }
}

/* How many flows of a list a sweep may look at now, so that it goes round twice in the list's timeout. */
static uint32_t sweep_share(const struct flow_table *table, enum flow_list list, uint32_t elapsed_ms)
{
    uint64_t share = (uint64_t)table->lists[list].count * elapsed_ms * 2 / table->timeouts_ms[list] + 1;
    return share < SWEEP_MAX ? (uint32_t)share : SWEEP_MAX;
}

void flow_table_keep_house(struct flow_table *table, uint64_t now_ns)
{
    uint32_t now_ms = milliseconds(now_ns);
    if (now_ns / 1000000 <= table->swept_ms) {
        table->swept_ms = now_ns / 1000000; /* another file's time may be an earlier one */
        return;
    }
    uint64_t elapsed = now_ns / 1000000 - table->swept_ms;
    uint32_t elapsed_ms = elapsed < UINT32_MAX ? (uint32_t)elapsed : UINT32_MAX;
    table->swept_ms = now_ns / 1000000;
    for (enum flow_list list = 0; list < FLOW_LISTS; list++)
        expire_oldest(table, list, now_ms, list == FLOW_UNPROVEN ? SWEEP_MAX : sweep_share(table, list, elapsed_ms));
}

void flow_table_end_all(struct flow_table *table)
{
    for (enum flow_list list = 0; list < FLOW_LISTS; list++)
        while (table->lists[list].oldest != 0)
            flow_remove(table, &table->flows[table->lists[list].oldest - 1]);
}

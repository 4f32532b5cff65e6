/* SPDX-License-Identifier: BSD-3-Clause */
#include "player.h"

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

#include <rte_cycles.h>
#include <rte_errno.h>
#include <rte_pause.h>

/* A driver's ring of 1,024 descriptors, and what a thread's cache holds. */
#define MBUFS 2048u
#define CACHE 256u

/* A time of packets to begin with: 2023-11-14T22:13:20Z. */
#define EPOCH_NS 1700000000000000000ull

/* What players of one lap share. */
struct turn {
    struct lap *lap;
    unsigned players;
    atomic_uint arrived, meetings;
    _Atomic uint64_t began, ended; /* of the lap at hand: the first to begin, the last to end */
    uint32_t laps, laps_left;
    uint32_t variation;
    uint64_t time_ns; /* of packets, at the lap's beginning; it never goes back */
    uint64_t ticks;
};

/* What is told of a packet, half a line: as much as a descriptor and the entry beside it. */
struct handout {
    uint8_t *bytes;
    uint64_t time_ns; /* since the lap's beginning */
    uint32_t length, wire;
    uint16_t port;
};

enum phase { PHASE_OPENINGS, PHASE_PACKETS, PHASE_OVER };

struct player {
    struct capture_source source;
    struct turn *turn;
    struct rte_mempool *pool;
    unsigned owners; /* 0: who takes the packets inspects them */
    unsigned share;
    int cpu;
    bool pinned;
    enum phase phase;
    struct handout *of[PHASE_OVER]; /* its share of both */
    uint32_t counts[PHASE_OVER];
    uint32_t next;
    uint64_t packets;
    struct sampler *sampler; /* NULL: nobody watches */
};

/* An owner's ring and the burst in its hands are as much again. */
static unsigned mbufs_of(unsigned owners)
{
    return MBUFS * (owners + 1);
}

size_t player_bytes(unsigned owners)
{
    return mbufs_of(owners) * 384u + (1u << 20);
}

/* Waits until all players have come here. True for one of them, which came last. */
static bool meet(struct turn *turn)
{
    unsigned meetings = atomic_load(&turn->meetings);
    if (atomic_fetch_add(&turn->arrived, 1) + 1 == turn->players) {
        atomic_store(&turn->arrived, 0);
        return true;
    }
    for (unsigned looks = 0; atomic_load(&turn->meetings) == meetings; looks++) {
        rte_pause();
        if (looks % 1024 == 1023)
            sched_yield();
    }
    return false;
}

/* The one for whom meet was true lets the others go. */
static void go_on(struct turn *turn)
{
    atomic_fetch_add(&turn->meetings, 1);
}

static void pin(struct player *player)
{
    if (player->cpu < 0 || player->pinned)
        return;
    cpu_set_t cpus;
    CPU_ZERO(&cpus);
    CPU_SET((unsigned)player->cpu, &cpus);
    pthread_setaffinity_np(pthread_self(), sizeof(cpus), &cpus);
    player->pinned = true;
}

/* As a driver fills it from its descriptor. */
static inline void hand_out(const struct handout *packet, uint64_t time_ns, struct rte_mbuf *mbuf)
{
    mbuf->buf_addr = packet->bytes;
    mbuf->data_off = 0;
    mbuf->port = packet->port;
    mbuf->data_len = (uint16_t)packet->length;
    mbuf->pkt_len = packet->length;
    mbuf->ol_flags = RTE_MBUF_F_RX_IP_CKSUM_GOOD | RTE_MBUF_F_RX_L4_CKSUM_GOOD;
    *capture_time_ns(mbuf) = time_ns + packet->time_ns;
    *capture_wire_length(mbuf) = packet->wire;
}

static void note_beginning(struct player *player)
{
    struct turn *turn = player->turn;
    if (meet(turn)) {
        atomic_store(&turn->began, rte_rdtsc());
        atomic_store(&turn->ended, 0);
        go_on(turn);
    }
}

static void note_end(struct player *player)
{
    struct turn *turn = player->turn;
    uint64_t now = rte_rdtsc(), latest = atomic_load(&turn->ended);
    while (now > latest && !atomic_compare_exchange_weak(&turn->ended, &latest, now))
        ;
    if (meet(turn)) {
        turn->ticks += atomic_load(&turn->ended) - atomic_load(&turn->began);
        go_on(turn);
    }
}

/* Whoever inspects what it takes has freed all of it when it asks for more. */
static bool some_are_out(const struct player *player)
{
    return player->owners > 0 && player->phase < PHASE_OVER && player->next == player->counts[player->phase] &&
           !rte_mempool_full(player->pool);
}

static int receive(struct capture_source *source, struct rte_mbuf **mbufs, unsigned max)
{
    struct player *player = container_of(source, struct player, source);
    if (some_are_out(player))
        return -EAGAIN;
    if (player->phase == PHASE_OPENINGS && player->next == player->counts[PHASE_OPENINGS]) {
        pin(player);
        player->phase = PHASE_PACKETS;
        player->next = 0;
        note_beginning(player);
        if (player->sampler != NULL)
            sampler_start(player->sampler);
    }
    uint32_t left = player->phase < PHASE_OVER ? player->counts[player->phase] - player->next : 0;
    if (left == 0) {
        if (player->sampler != NULL)
            sampler_stop(player->sampler);
        if (player->phase == PHASE_PACKETS)
            note_end(player);
        player->phase = PHASE_OVER;
        return 0;
    }
    /* A driver's burst is of 32 mostly; of one, the first and last would be alone. */
    unsigned count = left < max ? left : max;
    if (rte_mempool_get_bulk(player->pool, (void **)mbufs, count) != 0)
        return -EAGAIN;
    const struct handout *packets = player->of[player->phase] + player->next;
    uint64_t time_ns = player->turn->time_ns;
    for (unsigned i = 0; i < count; i++)
        hand_out(&packets[i], time_ns, mbufs[i]);
    player->next += count;
    if (player->phase == PHASE_PACKETS)
        player->packets += count;
    return (int)count;
}

static bool again(struct capture_source *source)
{
    struct player *player = container_of(source, struct player, source);
    struct turn *turn = player->turn;
    if (meet(turn)) {
        turn->laps++;
        turn->laps_left--;
        turn->time_ns += turn->lap->span_ns;
        if (turn->laps_left > 0)
            lap_vary(turn->lap, ++turn->variation);
        go_on(turn);
    }
    player->phase = PHASE_OPENINGS;
    player->next = 0;
    return turn->laps_left > 0;
}

static struct handout handout_of(const struct lap *lap, const struct lap_packet *packet)
{
    return (struct handout){.bytes = lap->bytes + packet->at,
                            .time_ns = packet->time_ns,
                            .length = packet->length,
                            .wire = packet->wire,
                            .port = packet->port};
}

static int make_share(struct player *player, const struct lap *lap, struct error *error)
{
    const struct lap_packet *all[] = {[PHASE_OPENINGS] = lap->openings, [PHASE_PACKETS] = lap->packets};
    const uint32_t counts[] = {[PHASE_OPENINGS] = lap->openings_count, [PHASE_PACKETS] = lap->count};
    for (unsigned phase = 0; phase < PHASE_OVER; phase++) {
        player->of[phase] = calloc(counts[phase] + 1ull, sizeof(*player->of[phase]));
        if (player->of[phase] == NULL)
            return error_set(error, ENOMEM, "out of memory for packets to play");
        for (uint32_t i = 0; i < counts[phase]; i++)
            if (player->turn->players == 1 || all[phase][i].share == player->share)
                player->of[phase][player->counts[phase]++] = handout_of(lap, &all[phase][i]);
    }
    return 0;
}

static int player_create(struct turn *turn, unsigned share, int cpu, unsigned owners, struct player **result,
                         struct error *error)
{
    static unsigned created;
    char name[RTE_MEMPOOL_NAMESIZE];
    struct player *player = calloc(1, sizeof(*player));
    if (player == NULL)
        return error_set(error, ENOMEM, "out of memory for players");
    *player = (struct player){
        .source = {.receive = receive, .again = again}, .turn = turn, .owners = owners, .share = share, .cpu = cpu};
    *result = player;
    snprintf(name, sizeof(name), "player_%u", created++);
    /* Where one thread takes and others free, caches only pass mbufs on, and nobody could tell whether all are back. */
    player->pool = rte_pktmbuf_pool_create(name, mbufs_of(owners), owners > 0 ? 0 : CACHE, 0, 0, SOCKET_ID_ANY);
    if (player->pool == NULL)
        return error_set(error, rte_errno, "no EAL memory for a player's mbufs: %s", rte_strerror(rte_errno));
    return make_share(player, turn->lap, error);
}

static int create_all(struct lap *lap, unsigned shares, const int *cpus, unsigned owners, struct player **players,
                      struct error *error)
{
    struct turn *turn = shares > 0 ? calloc(1, sizeof(*turn)) : NULL;
    if (turn == NULL)
        return error_set(error, ENOMEM, "out of memory for players");
    *turn = (struct turn){.lap = lap, .players = shares, .time_ns = EPOCH_NS, .variation = lap->variation};
    int status = 0;
    for (unsigned i = 0; i < shares; i++)
        players[i] = NULL;
    for (unsigned i = 0; status == 0 && i < shares; i++)
        status = player_create(turn, i, cpus[i], owners, &players[i], error);
    if (status == 0)
        return 0; // NOLINT(clang-analyzer-unix.Malloc): the players have the turn, and players_destroy frees it
    if (players[0] == NULL)
        free(turn);
    players_destroy(players, shares);
    return status;
}

int players_create(struct lap *lap, unsigned shares, const int *cpus, struct player **players, struct error *error)
{
    return create_all(lap, shares, cpus, 0, players, error);
}

int player_create_with_owners(struct lap *lap, unsigned owners, struct player **player, struct error *error)
{
    static const int floats = -1;
    return create_all(lap, 1, &floats, owners, player, error);
}

void players_destroy(struct player **players, unsigned shares)
{
    if (players[0] != NULL)
        free(players[0]->turn);
    for (unsigned i = 0; i < shares; i++) {
        if (players[i] == NULL)
            continue;
        for (unsigned phase = 0; phase < PHASE_OVER; phase++)
            free(players[i]->of[phase]);
        free(players[i]);
        players[i] = NULL;
    }
}

struct capture_source *player_source(struct player *player)
{
    return &player->source;
}

void players_begin(struct player *const *players, uint32_t laps)
{
    struct turn *turn = players[0]->turn;
    turn->laps_left = laps;
    turn->laps = 0;
    turn->ticks = 0;
    turn->variation = turn->lap->variation + 1;
    lap_vary(turn->lap, turn->variation);
    for (unsigned i = 0; i < turn->players; i++) {
        players[i]->phase = PHASE_OPENINGS;
        players[i]->next = 0;
        players[i]->packets = 0;
    }
}

void players_watch(struct player *const *players, struct sampler *sampler)
{
    players[0]->sampler = sampler;
}

struct played players_end(struct player *const *players)
{
    const struct turn *turn = players[0]->turn;
    struct played played = {.ticks = turn->ticks, .laps = turn->laps};
    for (unsigned i = 0; i < turn->players; i++)
        played.packets += players[i]->packets;
    return played;
}

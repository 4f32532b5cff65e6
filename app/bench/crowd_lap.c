/* SPDX-License-Identifier: BSD-3-Clause */
/* The lap of a crowd: connections of which it holds neither the beginning nor the end. */
#include <errno.h>
#include <stdlib.h>

#include "crowd.h"
#include "make_lap.h"

struct making {
    struct lap *lap;
    uint32_t flows;
    uint8_t *directions; /* by connection: who spoke in the lap (a bit each), or ENDS */
    uint32_t sightings;  /* of the packet that is being made */
};

#define BOTH 3
#define ENDS 4

static void note_sighting(void *context, const struct traffic_sighting *sighting)
{
    struct making *making = context;
    (void)sighting;
    making->sightings++;
}

/* Goes on in the lap's next round: its first and its last packet in it are of the same connection. */
static bool is_kept(const struct making *making, const struct traffic_packet *packet)
{
    return packet->is_connection && packet->connection < making->flows &&
           making->directions[packet->connection] == BOTH;
}

static void look_at(struct making *making, const struct traffic_packet *packet)
{
    if (!packet->is_connection || packet->connection >= making->flows)
        return;
    uint8_t flags = packet->bytes[packet->tcp_offset + 13];
    making->directions[packet->connection] |=
        (uint8_t)((packet->from_client ? 1 : 2) | ((flags & (TCP_SYN | TCP_FIN | TCP_RST)) != 0 ? ENDS : 0));
}

static int add(struct making *making, const struct traffic_packet *packet, uint16_t port, struct error *error)
{
    struct lap *lap = making->lap;
    if (!is_kept(making, packet))
        return 0;
    if (!lap_add(lap, packet->bytes, packet->length, packet->length, packet->time_ns, port))
        return error_set(error, ENOMEM, "a lap has too little room for its packets");
    lap->packets[lap->count - 1].sightings = (uint8_t)making->sightings;
    lap->expected += making->sightings;
    return 0;
}

/* The same traffic twice: the first time only to look at. */
static int pass(struct making *making, size_t frame_bytes, bool first, struct error *error)
{
    const struct traffic_options options = {
        .mix = traffic_mix_find("api"),
        .seed = LAP_SEED,
        .flows = making->flows,
        .keys = 100,
        .payload_bytes = 1448,
        .under_way = true,
    };
    struct traffic *traffic;
    struct traffic_packet packet;
    int status = traffic_create(&options, note_sighting, making, &traffic, error);
    uint16_t port = capture_port_enter(LINK_ETHERNET, NULL, 0);
    size_t bytes = 0;
    bool finishing = false;
    making->sightings = 0;
    while (status == 0 && traffic_next(traffic, &packet)) {
        if (first)
            look_at(making, &packet);
        else
            status = add(making, &packet, port, error);
        making->sightings = 0;
        bytes += packet.length;
        if (bytes >= frame_bytes && !finishing) {
            traffic_finish(traffic);
            finishing = true;
        }
    }
    traffic_destroy(traffic);
    return status;
}

int crowd_make_lap(uint32_t flows, size_t frame_bytes, struct lap **result, struct error *error)
{
    struct making making = {.flows = flows, .directions = calloc(flows, 1)};
    size_t room = frame_bytes + (size_t)flows * 4096;
    int status = 0;
    if (making.directions == NULL)
        status = error_set(error, ENOMEM, "out of memory for packets to play");
    if (status == 0)
        status = lap_create((uint32_t)(room / 256 + 1), room * 2, &making.lap, error);
    if (status == 0)
        status = pass(&making, frame_bytes, true, error);
    if (status == 0)
        status = pass(&making, frame_bytes, false, error);
    if (status == 0)
        status = lap_seal(making.lap, true, 1, error);
    free(making.directions);
    if (status == 0)
        *result = making.lap;
    else
        lap_destroy(making.lap);
    return status;
}

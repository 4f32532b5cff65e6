/* SPDX-License-Identifier: BSD-3-Clause */
#include "make_lap.h"

#include <errno.h>
#include <inttypes.h>
#include <sys/stat.h>

/* The least that a frame takes; see lap_add. */
#define PACKETS_PER_MEGABYTE (1u << 14)

static void note_sighting(void *context, const struct traffic_sighting *sighting)
{
    unsigned *sightings = context;
    (void)sighting;
    ++*sightings;
}

static int fill(struct lap *lap, const struct lap_options *options, struct error *error)
{
    const struct traffic_options traffic_options = {
        .mix = options->mix,
        .seed = LAP_SEED,
        .flows = options->flows,
        .keys = options->keys,
        .payload_bytes = options->payload_bytes,
        .under_way = !options->from_beginning,
    };
    struct traffic *traffic;
    unsigned sightings = 0; /* of the packet at hand */
    int result = traffic_create(&traffic_options, note_sighting, &sightings, &traffic, error);
    if (result != 0)
        return result;
    uint16_t port = capture_port_enter(LINK_ETHERNET, NULL, 0);
    struct traffic_packet packet;
    bool finishing = false;
    while (traffic_next(traffic, &packet)) {
        if (!lap_add(lap, packet.bytes, packet.length, packet.length, packet.time_ns, port)) {
            result = error_set(error, ENOMEM, "a lap has too little room for its packets");
            break;
        }
        lap->packets[lap->count - 1].sightings = (uint8_t)sightings;
        lap->expected += sightings;
        sightings = 0;
        if (!finishing && lap->frame_bytes >= options->frame_bytes) {
            traffic_finish(traffic);
            finishing = true;
        }
    }
    traffic_destroy(traffic);
    return result;
}

/* What comes behind the last of frame_bytes: a request's head for each connection, at the most. */
static size_t room_for(const struct lap_options *options)
{
    return options->frame_bytes + (size_t)options->flows * 16384;
}

int lap_of_traffic(const struct lap_options *options, struct lap **result, struct error *error)
{
    size_t room = room_for(options);
    struct lap *lap;
    int status = lap_create((uint32_t)(room / 1048576 + 1) * PACKETS_PER_MEGABYTE, room * 3, &lap, error);
    if (status != 0)
        return status;
    status = fill(lap, options, error);
    if (status == 0)
        status = lap_seal(lap, true, options->shares, error);
    if (status != 0)
        lap_destroy(lap);
    else
        *result = lap;
    return status;
}

static int add_packets(struct lap *lap, struct capture_files *files, size_t frame_bytes, struct error *error)
{
    static uint8_t linear[256 * 1024]; /* no packet is longer (capture.h) */
    struct rte_mbuf *mbufs[BURST_MAX];
    int count = 0;
    bool full = false;
    while (!full && ((count = capture_files_receive(files, mbufs, BURST_MAX)) > 0 || count == -EINTR)) {
        for (int i = 0; i < count && !full; i++) {
            uint32_t length = rte_pktmbuf_pkt_len(mbufs[i]) < UINT16_MAX ? rte_pktmbuf_pkt_len(mbufs[i]) : UINT16_MAX;
            const uint8_t *bytes = rte_pktmbuf_read(mbufs[i], 0, length, linear);
            full = !lap_add(lap, bytes, length, *capture_wire_length(mbufs[i]), *capture_time_ns(mbufs[i]),
                            mbufs[i]->port) ||
                   (frame_bytes > 0 && lap->frame_bytes >= frame_bytes);
        }
        if (count > 0)
            capture_release(mbufs, (unsigned)count);
    }
    if (lap->count == 0)
        return error_set(error, ENODATA, "there is no packet in it");
    return 0;
}

int lap_of_capture(const char *path, size_t frame_bytes, unsigned shares, struct lap **result, struct error *error)
{
    struct stat status;
    struct capture_files *files;
    struct lap *lap;
    if (stat(path, &status) != 0)
        return error_set(error, errno, "cannot open %s", path);
    size_t bytes =
        frame_bytes > 0 && frame_bytes < (size_t)status.st_size ? frame_bytes + UINT16_MAX : (size_t)status.st_size;
    int code = capture_files_create(&path, 1, 1024, &files, error);
    if (code != 0)
        return code;
    /* A packet takes 16 bytes of header in a file at least, so there is room for all of them. */
    code = lap_create((uint32_t)(bytes / 32 + 1), bytes * 5 + (1 << 20), &lap, error);
    if (code == 0) {
        code = add_packets(lap, files, frame_bytes, error);
        if (code == 0)
            code = lap_seal(lap, false, shares, error);
        if (code == 0)
            *result = lap;
        else
            lap_destroy(lap);
    }
    capture_files_destroy(files);
    return code;
}

int lap_keys(uint32_t borne, uint32_t strangers, struct key_list **list, struct error *error)
{
    char id[TRAFFIC_KEY_ID_MAX];
    int result = key_list_create(list);
    for (uint32_t i = 0; result == 0 && i < borne + strangers; i++) {
        traffic_key_id(i < borne ? LAP_SEED : LAP_SEED + 1, i, id);
        result = key_list_add_value(*list, id, error);
    }
    return result;
}

/* SPDX-License-Identifier: BSD-3-Clause */
#include <bearertap/counters.h>

#include <rte_atomic.h>
#include <rte_pause.h>

const struct counter_row outcome_rows[OUTCOMES] = {
    [OUTCOME_PENDING] = {"pending", "packets whose end was not decided (always 0 when published)"},
    [OUTCOME_INSPECTED] = {"inspected", "TCP segments with payload, put in order and scanned"},
    [OUTCOME_NO_PAYLOAD] = {"no_payload", "TCP segments without payload (SYN, ACK, FIN, RST)"},
    [OUTCOME_NOT_IP] = {"not_ip", "frames that carry neither IPv4 nor IPv6 (ARP, LLDP, ...)"},
    [OUTCOME_NOT_TCP] = {"not_tcp", "IP packets that carry something other than TCP"},
    [OUTCOME_IP_FRAGMENT] = {"ip_fragment", "IP fragments, which are not put together"},
    [OUTCOME_HEADER_CUT] = {"header_cut", "packets captured so short that a header is missing"},
    [OUTCOME_BAD_LINK_HEADER] = {"bad_link_header", "frames too short for their link layer"},
    [OUTCOME_TOO_MANY_TAGS] = {"too_many_tags", "frames with more VLAN tags than are followed"},
    [OUTCOME_BAD_IP_HEADER] = {"bad_ip_header", "IP headers with a wrong version or header length"},
    [OUTCOME_BAD_IP_LENGTH] = {"bad_ip_length", "IP packets whose length does not fit their headers or their frame"},
    [OUTCOME_TOO_MANY_EXTENSIONS] = {"too_many_extensions",
                                     "IPv6 packets with more extension headers than are followed"},
    [OUTCOME_BAD_TCP_HEADER] = {"bad_tcp_header", "TCP headers whose data offset does not fit the packet"},
    [OUTCOME_FLOW_TABLE_FULL] = {"flow_table_full", "segments of connections for which there was no room"},
    [OUTCOME_FILTERED] = {"filtered", "segments of connections that the filter leaves out"},
    [OUTCOME_RING_FULL] = {"ring_full", "segments for which their worker, being behind, had no room (`run`)"},
};

const struct counter_row byte_outcome_rows[BYTE_OUTCOMES] = {
    [BYTES_SCANNED] = {"scanned", "inspected"},
    [BYTES_RETRANSMITTED] = {"retransmitted", "seen before: retransmissions, keep-alives, overlaps"},
    [BYTES_OUT_OF_WINDOW] = {"out_of_window", "outside anything the receiver could have accepted"},
    [BYTES_URGENT] = {"urgent", "out-of-band bytes, which the application does not see in the stream"},
    [BYTES_NO_FLOW] = {"no_flow", "of connections for which there was no room"},
    [BYTES_SKIPPED_BODY] = {"skipped_body", "of responses' bodies, left out by scan.responses"},
    [BYTES_SKIPPED_RESPONSE] = {"skipped_response", "of what servers send, left out by scan.responses \"none\""},
    [BYTES_FILTERED] = {"filtered", "of connections that the filter leaves out"},
    [BYTES_RING_FULL] = {"ring_full", "of segments for which their worker had no room (`run`)"},
};

const struct counter_row event_rows[EVENTS] = {
    [EVENT_CONNECTIONS] = {"connections", "connections seen"},
    [EVENT_MIDSTREAM] = {"midstream", "connections joined after their start"},
    [EVENT_FLOW_EXPIRED] = {"flow_expired", "connections that ended or fell silent and were let go"},
    [EVENT_FLOW_EVICTED_CLOSED] = {"flow_evicted_closed", "closed connections let go early, for want of room"},
    [EVENT_FLOW_EVICTED_UNPROVEN] = {"flow_evicted_unproven",
                                     "connections of a single packet let go, for want of room"},
    [EVENT_FLOW_EVICTED_IDLE] = {"flow_evicted_idle", "quiet connections let go early, for want of room"},
    [EVENT_PORT_REUSED] = {"port_reused", "connections that began anew on the same addresses and ports"},
    [EVENT_RESET] = {"reset", "connections reset"},
    [EVENT_RESET_OUT_OF_WINDOW] = {"reset_out_of_window", "resets that do not name the very next byte, not believed"},
    [EVENT_FIN_OUT_OF_WINDOW] = {"fin_out_of_window", "ends of stream outside the window, not believed"},
    [EVENT_SYN_OUT_OF_WINDOW] = {"syn_out_of_window", "openings amid a living connection, not believed"},
    [EVENT_CUT_PACKETS] = {"cut_packets", "packets captured short of their payload's end (snap length)"},
    [EVENT_CUT_BYTES] = {"cut_bytes", "payload bytes that were on the wire but not captured"},
    [EVENT_OUT_OF_ORDER] = {"out_of_order", "segments that came before one that precedes them"},
    [EVENT_GAPS] = {"gaps", "holes in a stream that were given up"},
    [EVENT_GAP_BYTES] = {"gap_bytes", "bytes missing in such holes, but for cut_bytes of segments in order"},
    [EVENT_GAP_CONNECTIONS] = {"gap_connections", "connections with at least one such hole"},
    [EVENT_HELD_BOUND] = {"held_bound", "holes given up early because a bound on held data was reached"},
    [EVENT_CONFLICTS] = {"conflicts", "overlapping segments that differed: the first copy counted"},
    [EVENT_URGENT] = {"urgent", "segments with urgent data"},
    [EVENT_CAPTURES] = {"captures", "places where a token could begin"},
    [EVENT_CAPTURES_FULL] = {"captures_full", "captures given up because a stream had too many at once"},
    [EVENT_CAPTURE_CUT] = {"capture_cut",
                           "captures that a gap or the stream's end cut before the token's header was whole"},
    [EVENT_NOT_A_TOKEN] = {"not_a_token", "captures that turned out to hold no token"},
    [EVENT_OTHER_SCHEME] = {"other_scheme", "authorization headers of another scheme (Basic, Negotiate, ...)"},
    [EVENT_HEADER_TOO_LONG] = {"header_too_long", "tokens whose JOSE header is longer than 16 KiB: not read"},
    [EVENT_HEADER_CUT] = {"header_cut", "tokens whose JOSE header was never seen whole"},
    [EVENT_REFERENCES_LEFT_OUT] = {"references_left_out", "JOSE headers that name keys more often than is followed"},
    [EVENT_TOKEN_JUNK] = {"token_junk",
                          "JOSE headers with bytes that are not base64url, skipped as lenient decoders do"},
    [EVENT_TOKEN_TOO_LONG] = {"token_too_long", "tokens longer than 64 KiB, reported as truncated"},
    [EVENT_POSSIBLE_FINDINGS] = {"possible_findings", "tokens whose header names a key of the table"},
    [EVENT_CONTEXT_EVICTED] = {"context_evicted", "request contexts let go for want of room"},
    [EVENT_CONTEXT_UNKNOWN] = {"context_unknown", "tokens whose request could not be read"},
    [EVENT_CHUNKS_EXHAUSTED] = {"chunks_exhausted", "tokens cut short or left out because the chunk pool was empty"},
    [EVENT_RECORDS_LOST] = {"records_lost",
                            "tokens with a possible finding that the alert side was too slow for (`run`)"},
    [EVENT_EXTRAS_FULL] = {"extras_full", "times a direction found no room for held data, captures or context"},
};

/* struct counter_values is nothing but uint64_t, so it can be walked as an array. */
#define COUNTER_WORDS (sizeof(struct counter_values) / sizeof(uint64_t))
_Static_assert(sizeof(struct counter_values) % sizeof(uint64_t) == 0, "only uint64_t in it");

/* What is published is read while it is written, and then read again: so word by word, atomically, in any order. */
static void copy_words(struct counter_values *to, const struct counter_values *from)
{
    uint64_t *to_words = (uint64_t *)(void *)to;
    const uint64_t *from_words = (const uint64_t *)(const void *)from;
    for (size_t i = 0; i < COUNTER_WORDS; i++)
        __atomic_store_n(&to_words[i], __atomic_load_n(&from_words[i], __ATOMIC_RELAXED), __ATOMIC_RELAXED);
}

void counters_publish(struct counters *counters)
{
    uint32_t sequence = counters->sequence;
    __atomic_store_n(&counters->sequence, sequence + 1, __ATOMIC_RELAXED);
    __atomic_thread_fence(__ATOMIC_RELEASE);
    copy_words(&counters->published, &counters->live);
    __atomic_store_n(&counters->sequence, sequence + 2, __ATOMIC_RELEASE);
}

void counters_read(const struct counters *counters, struct counter_values *values)
{
    for (;;) {
        uint32_t before = __atomic_load_n(&counters->sequence, __ATOMIC_ACQUIRE);
        copy_words(values, &counters->published);
        __atomic_thread_fence(__ATOMIC_ACQUIRE);
        if ((before & 1) == 0 && before == __atomic_load_n(&counters->sequence, __ATOMIC_RELAXED))
            return;
        rte_pause();
    }
}

void counters_add(struct counter_values *sum, const struct counter_values *more)
{
    uint64_t *to = (uint64_t *)(void *)sum;
    const uint64_t *from = (const uint64_t *)(const void *)more;
    for (size_t i = 0; i < COUNTER_WORDS; i++)
        to[i] += from[i];
}

bool counters_law_holds(const struct counter_values *values)
{
    uint64_t packets = 0, bytes = values->held;
    for (unsigned i = 0; i < OUTCOMES; i++)
        packets += values->outcomes[i];
    for (unsigned i = 0; i < BYTE_OUTCOMES; i++)
        bytes += values->bytes[i];
    return packets == values->received && values->outcomes[OUTCOME_PENDING] == 0 && bytes == values->payload;
}

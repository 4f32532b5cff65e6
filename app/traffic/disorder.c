/* SPDX-License-Identifier: BSD-3-Clause */
#include "disorder.h"

enum { OF = 10000, BEHIND_MOST = 3 };

static bool is_lost(struct disorder *disorder, const struct connection *connection,
                    const struct connection_segment *segment)
{
    bool of_head = connection->message_side == SIDE_CLIENT && segment->offset < connection->message.head_length;
    if (of_head) /* decided when the message began: one at most */
        return segment->offset == connection->lost_offset;
    return random_hits(&disorder->random, connection->style->lost, OF);
}

enum fate disorder_decide(struct disorder *disorder, struct connection *connection,
                          const struct connection_segment *segment)
{
    const struct style *style = connection->style;
    bool is_disorderly = style->reordered > 0 || style->duplicated > 0 || style->lost > 0;
    if (!is_disorderly || segment->length == 0 || !connection->is_settled)
        return FATE_SENT;
    if (is_lost(disorder, connection, segment)) {
        disorder->totals->lost_segments++;
        return FATE_LOST;
    }
    disorder->reorders_due += random_hits(&disorder->random, style->reordered, OF);
    bool is_duplicated = random_hits(&disorder->random, style->duplicated, OF);
    if (connection->held_kind == HELD_REORDERED) {
        if (connection->held_behind > 0)
            connection->held_behind--;
    } else if (disorder->reorders_due > 0 && connection->message_begun) {
        disorder->reorders_due--;
        disorder->totals->reordered_segments++;
        connection->held = *segment;
        connection->held_kind = HELD_REORDERED;
        connection->held_behind = (uint8_t)random_between(&disorder->random, 1, BEHIND_MOST);
        return FATE_HELD;
    } else if (is_duplicated) {
        disorder->totals->duplicated_segments++;
        connection->held = *segment;
        connection->held_kind = HELD_DUPLICATE;
        if (random_hits(&disorder->random, 1, 2)) /* sent again; else the tap saw the same packet twice */
            connection->held.ip_id = connection->ip_id[segment->side]++;
    }
    return FATE_SENT;
}

enum held_kind disorder_release(struct connection *connection, struct connection_segment *segment)
{
    enum held_kind kind = connection->held_kind;
    if (kind == HELD_REORDERED && connection->held_behind > 0 && connection->message_begun)
        return HELD_NOTHING;
    *segment = connection->held;
    connection->held_kind = HELD_NOTHING;
    return kind;
}

/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef BEARERTAP_STAGE_H
#define BEARERTAP_STAGE_H

#include <stdint.h>

/*
 * At which stage a thread is, for whoever interrupts it to ask (bench, by a timer). A stage costs one store where it
 * begins, and nothing is read back: so it stands in the real workers, and what is told is of them.
 */
enum stage {
    STAGE_RECEIVE, /* taking packets from the source, and giving them back */
    STAGE_DECODE,
    STAGE_FLOW,
    STAGE_ORDER,  /* the stream's bytes in order, and what is kept of requests */
    STAGE_SCAN,   /* Hyperscan, and following its events */
    STAGE_TOKEN,  /* a JOSE header: remembered, or read */
    STAGE_KEY,    /* its keys in the table */
    STAGE_RECORD, /* records, and their tokens */
    STAGES
};

extern _Thread_local volatile uint8_t stage_of_thread; /* enum stage */

static inline void stage_enter(enum stage stage)
{
    stage_of_thread = (uint8_t)stage;
}

#endif

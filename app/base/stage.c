/* SPDX-License-Identifier: BSD-3-Clause */
#include <bearertap/stage.h>

_Thread_local volatile uint8_t stage_of_thread;

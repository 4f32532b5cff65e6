/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef BEARERTAP_TESTS_FUZZ_PORTS_H
#define BEARERTAP_TESTS_FUZZ_PORTS_H

/* Forgets all ports: a process reads one capture and keeps them, a fuzzer reads millions and would run out of them. */
void fuzz_forget_ports(void);

#endif

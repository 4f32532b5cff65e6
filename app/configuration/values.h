/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef BEARERTAP_APP_CONFIGURATION_VALUES_H
#define BEARERTAP_APP_CONFIGURATION_VALUES_H

/*
 * What the table's rows call, and the ranges that they allow. The texts in rows.c, the schema and the README say the
 * same numbers.
 */
#include "rows.h"

#define SENSOR_BYTES_MAX      255
#define DEVICE_BYTES_MAX      255
#define DESCRIPTORS_LEAST     64
#define DESCRIPTORS_MAX       32768 /* of what NICs there are */
#define MTU_LEAST             68    /* RFC 791 */
#define MTU_MAX               65535
#define CPU_MAX               1023 /* CPU_SETSIZE - 1 */
#define FLOWS_LEAST           1024
#define FLOWS_MAX             100000000 /* 25 GB */
#define IDLE_TIMEOUT_MAX      86400
#define HELD_BYTES_LEAST      1048576
#define HELD_BYTES_MAX        68719476736 /* 64 GiB, in pieces that 32 bits can number */
#define SOCKET_PATH_BYTES_MAX 107         /* sun_path and its NUL */
#define GROUP_BYTES_MAX       255
#define MEMORY_MIB_LEAST      64
#define MEMORY_MIB_MAX        1048576
#define EAL_BYTES_MAX         1024
#define DEPTH_MAX             1073741824 /* larger depths are as good as "all" */

bool take_sensor(struct configuration_place *place, const json_t *value);
bool begin_port(struct configuration_place *place, const json_t *value);
bool take_device(struct configuration_place *place, const json_t *value);
bool take_queues(struct configuration_place *place, const json_t *value);
bool take_descriptors(struct configuration_place *place, const json_t *value);
bool take_mtu(struct configuration_place *place, const json_t *value);
bool take_hardware_filter(struct configuration_place *place, const json_t *value);
bool take_workers(struct configuration_place *place, const json_t *value);
bool take_worker_count(struct configuration_place *place, const json_t *value);
bool take_cpus(struct configuration_place *place, const json_t *value);
bool take_key(struct configuration_place *place, const json_t *value);
bool take_flows_max(struct configuration_place *place, const json_t *value);
bool take_idle_timeout(struct configuration_place *place, const json_t *value);
bool take_held_bytes_max(struct configuration_place *place, const json_t *value);
bool take_format(struct configuration_place *place, const json_t *value);
bool begin_sink(struct configuration_place *place, const json_t *value);
bool take_sink_type(struct configuration_place *place, const json_t *value);
bool take_sink_path(struct configuration_place *place, const json_t *value);
bool take_control_socket(struct configuration_place *place, const json_t *value);
bool take_control_group(struct configuration_place *place, const json_t *value);
bool take_hugepages(struct configuration_place *place, const json_t *value);
bool take_memory_mib(struct configuration_place *place, const json_t *value);
bool take_eal(struct configuration_place *place, const json_t *value);
bool take_responses(struct configuration_place *place, const json_t *value);
bool begin_include(struct configuration_place *place, const json_t *value);
bool begin_exclude(struct configuration_place *place, const json_t *value);
bool take_address(struct configuration_place *place, const json_t *value);
bool take_port_number(struct configuration_place *place, const json_t *value);

bool check_port(const struct configuration_place *place, char *fault, size_t capacity);
bool check_ports(const struct configuration_place *place, char *fault, size_t capacity);
bool check_workers(const struct configuration_place *place, char *fault, size_t capacity);
bool check_sink(const struct configuration_place *place, char *fault, size_t capacity);
bool check_sinks(const struct configuration_place *place, char *fault, size_t capacity);

#endif

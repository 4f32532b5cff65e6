/* SPDX-License-Identifier: BSD-3-Clause */
/* What `ctl` is answered: a row a command. Whatever counts is walked through its registry, as the summary does, so that
 * a counter which stands in one stands in all. */
#include <unistd.h>

#include <bearertap/scan.h>
#include <bearertap/token.h>

#include "run_keys.h"
#include "running.h"

static void put_number(json_t *object, const char *name, uint64_t number)
{
    json_object_set_new(object, name, json_integer((json_int_t)number));
}

static void put_text(json_t *object, const char *name, const char *text)
{
    if (text != NULL && text[0] != '\0')
        json_object_set_new(object, name, json_string(text));
}

static void put_truth(json_t *object, const char *name, bool is_so)
{
    json_object_set_new(object, name, json_boolean(is_so));
}

/* A member that is an object or an array, to be filled; the object's own. */
static json_t *put_new(json_t *object, const char *name, json_t *value)
{
    json_object_set_new(object, name, value);
    return value;
}

static json_t *append_object(json_t *array)
{
    json_t *object = json_object();
    json_array_append_new(array, object);
    return object;
}

static void put_rows(json_t *object, const char *name, const struct counter_row *rows, const uint64_t *values,
                     unsigned count)
{
    json_t *counters = put_new(object, name, json_object());
    for (unsigned i = 0; i < count; i++)
        put_number(counters, rows[i].name, values[i]);
}

static void put_bytes(json_t *object, const struct counter_values *values)
{
    json_t *bytes = put_new(object, "bytes", json_object());
    put_number(bytes, "payload", values->payload);
    put_rows(bytes, "outcomes", byte_outcome_rows, values->bytes, BYTE_OUTCOMES);
    put_number(json_object_get(bytes, "outcomes"), "held", values->held); /* under way: not ended yet */
}

static uint64_t tokens_of(const struct counter_values *values)
{
    uint64_t tokens = 0;
    for (unsigned i = 0; i < PLACEMENTS; i++)
        tokens += values->tokens[i];
    return tokens;
}

static void put_losses(json_t *object, const struct port_statistics *statistics)
{
    put_number(object, statistics->missed_is_estimate ? "missed_estimate" : "missed", statistics->missed);
    put_number(object, "errors", statistics->errors);
    put_number(object, "no_buffer", statistics->no_buffer);
    put_number(object, "cut", statistics->cut);
}

static void put_filtered(json_t *object, const struct port_statistics *statistics)
{
    if (statistics->filtered_is_known)
        put_number(object, "filtered", statistics->filtered);
    else
        put_text(object, "filtered", "not counted");
}

static int answer_status(void *context, const struct control_request *request, struct control_answer *answer,
                         struct error *error)
{
    const struct running *running = context;
    struct pipeline_result result;
    (void)request, (void)error;
    pipeline_collect(running->pipeline, &result);
    put_text(answer->result, "version", BEARERTAP_VERSION);
    put_number(answer->result, "pid", (uint64_t)getpid());
    put_number(answer->result, "uptime_s", (warden_now_ms() - running->started_ms) / 1000);
    put_text(answer->result, "state", result.interrupted ? "stopping" : "running");
    put_text(answer->result, "sensor", running->configuration.sensor);
    put_text(answer->result, "config", running->configuration_path);
    put_number(answer->result, "workers", running->options.workers);
    put_number(answer->result, "ports", ports_count(running->ports));
    put_text(answer->result, "packets_come", ports_spread_text(running->ports));
    put_number(answer->result, "keys", key_table_entries(pipeline_keys(running->pipeline)));
    put_number(answer->result, "received", result.totals.received);
    put_number(answer->result, "sightings", result.alerts.sightings);
    put_number(answer->result, "alerts", result.alerts.alerts);
    return 0;
}

static json_t *append_thread(json_t *array, const struct pipeline_thread *thread, unsigned number)
{
    json_t *object = append_object(array);
    put_text(object, "name", thread->is_reader ? "reader" : "worker");
    put_number(object, "number", thread->is_reader ? 0 : number);
    put_number(object, "received", thread->values.received);
    return object;
}

static void append_stats_of_thread(json_t *array, const struct pipeline_thread *thread, unsigned number)
{
    json_t *worker = append_thread(array, thread, number);
    put_number(worker, "in_ring", thread->in_ring);
    put_rows(worker, "outcomes", outcome_rows, thread->values.outcomes, OUTCOMES);
    put_bytes(worker, &thread->values);
    put_rows(worker, "events", event_rows, thread->values.events, EVENTS);
    put_number(worker, "tokens", tokens_of(&thread->values));
}

static void put_names(json_t *object, const char *name, const char *const *names, const uint64_t *values,
                      unsigned count)
{
    json_t *counters = put_new(object, name, json_object());
    for (unsigned i = 0; i < count; i++)
        put_number(counters, names[i], values[i]);
}

static void put_stats_of_ports(json_t *result, const struct ports *ports)
{
    json_t *array = put_new(result, "ports", json_array());
    for (unsigned i = 0; i < ports_count(ports); i++) {
        struct port_description description;
        struct port_statistics statistics;
        ports_describe(ports, i, &description);
        ports_statistics(ports, i, &statistics);
        json_t *port = append_object(array);
        put_text(port, "name", description.name);
        put_number(port, "packets", statistics.packets);
        put_number(port, "bytes", statistics.bytes);
        put_losses(port, &statistics);
        put_filtered(port, &statistics);
    }
}

static void put_stats_of_sinks(json_t *result, const struct pipeline *pipeline)
{
    struct sink_status sinks[CONFIGURATION_SINKS_MAX];
    unsigned count = pipeline_sinks(pipeline, sinks, CONFIGURATION_SINKS_MAX);
    json_t *array = put_new(result, "sinks", json_array());
    for (unsigned i = 0; i < count; i++) {
        json_t *sink = append_object(array);
        put_text(sink, "type", sink_kind_name(sinks[i].kind));
        put_text(sink, "path", sinks[i].path);
        put_text(sink, "state", sink_state_names[sinks[i].state]);
        put_number(sink, "lines", sinks[i].lines);
        put_number(sink, "bytes", sinks[i].bytes);
        put_number(sink, "queued", sinks[i].queued);
        put_number(sink, "lost", sinks[i].lost);
        put_number(sink, "retries", sinks[i].retries);
    }
}

static int answer_stats(void *context, const struct control_request *request, struct control_answer *answer,
                        struct error *error)
{
    const struct running *running = context;
    struct pipeline_result collected;
    struct counter_values sums = {0};
    const struct counter_values *totals = &sums;
    json_t *result = answer->result, *workers = json_array();
    (void)request, (void)error;
    /* Each is looked at once, so that the sums are those of what is shown. */
    for (unsigned i = 0; i < pipeline_threads(running->pipeline); i++) {
        struct pipeline_thread thread;
        pipeline_collect_thread(running->pipeline, i, &thread);
        counters_add(&sums, &thread.values);
        append_stats_of_thread(workers, &thread, i);
    }
    pipeline_collect(running->pipeline, &collected);
    put_number(result, "received", totals->received);
    put_rows(result, "outcomes", outcome_rows, totals->outcomes, OUTCOMES);
    put_bytes(result, totals);
    put_rows(result, "events", event_rows, totals->events, EVENTS);
    put_number(result, "tokens", tokens_of(totals));
    put_names(result, "placements", placement_names, totals->tokens, PLACEMENTS);
    put_names(result, "algorithms", token_algorithm_names, totals->algorithms, TOKEN_ALGORITHMS);
    put_number(result, "opaque_tokens", totals->opaque_tokens);
    put_number(result, "sightings", collected.alerts.sightings);
    put_number(result, "alerts", collected.alerts.alerts);
    put_rows(result, "alert_side", alert_counter_rows, (const uint64_t *)(const void *)&collected.alerts,
             ALERT_COUNTERS);
    put_stats_of_sinks(result, running->pipeline);
    json_object_set_new(result, "workers", workers);
    put_stats_of_ports(result, running->ports);
    return 0;
}

static int answer_ports(void *context, const struct control_request *request, struct control_answer *answer,
                        struct error *error)
{
    const struct running *running = context;
    json_t *array = put_new(answer->result, "ports", json_array());
    (void)request, (void)error;
    for (unsigned i = 0; i < ports_count(running->ports); i++) {
        struct port_description description;
        struct port_statistics statistics;
        ports_describe(running->ports, i, &description);
        ports_statistics(running->ports, i, &statistics);
        json_t *port = append_object(array);
        put_text(port, "name", description.name);
        put_text(port, "device", description.device);
        put_text(port, "driver", description.driver);
        put_text(port, "link", statistics.gone ? "gone" : statistics.link_up ? "up" : "down");
        put_number(port, "link_mbps", statistics.link_mbps);
        put_number(port, "link_losses", statistics.link_losses);
        put_number(port, "packets", statistics.packets);
        put_number(port, "bytes", statistics.bytes);
        put_losses(port, &statistics);
        put_filtered(port, &statistics);
        put_text(port, "losses_known", statistics.losses_by_queue ? "by queue" : "port level only");
        put_number(port, "queues", description.queues);
        put_number(port, "queues_max", description.queues_max);
        put_number(port, "descriptors", description.descriptors);
        put_number(port, "mtu", description.mtu);
        if (description.node >= 0)
            put_number(port, "numa_node", (uint64_t)description.node);
        put_text(port, "clock", description.clock);
        put_text(port, "rss_asked", description.rss_asked);
        put_text(port, "rss_accepted", description.rss_accepted);
        put_text(port, "rss_in_force", description.rss_in_force);
        put_truth(port, "rss_symmetric", description.rss_symmetric);
        put_text(port, "hardware_filter_asked", description.hardware_filter_asked);
        put_text(port, "hardware_filter_in_force", description.hardware_filter_in_force);
        put_truth(port, "promiscuous", description.promiscuous);
        put_text(port, "notes", description.notes);
    }
    return 0;
}

static int answer_queues(void *context, const struct control_request *request, struct control_answer *answer,
                         struct error *error)
{
    const struct running *running = context;
    json_t *array = put_new(answer->result, "queues", json_array());
    bool own = ports_sources_count(running->ports) == running->options.workers;
    (void)request, (void)error;
    for (unsigned i = 0; i < ports_count(running->ports); i++) {
        struct port_description description;
        struct port_statistics statistics;
        ports_describe(running->ports, i, &description);
        ports_statistics(running->ports, i, &statistics);
        for (unsigned j = 0; j < statistics.queues; j++) {
            const struct port_queue_statistics *of_queue = &statistics.queue[j];
            json_t *queue = append_object(array);
            put_text(queue, "port", description.name);
            put_number(queue, "queue", j);
            if (own)
                put_number(queue, "worker", running->options.workers > 1 ? j : 0);
            else
                put_text(queue, "worker", "reader");
            put_number(queue, "packets", of_queue->packets);
            put_number(queue, "bytes", of_queue->bytes);
            put_number(queue, "bursts", of_queue->bursts);
            put_number(queue, "empty_polls", of_queue->empty_polls);
            if (statistics.losses_by_queue)
                put_number(queue, "lost", of_queue->lost);
            else
                put_text(queue, "lost", "port level only");
        }
    }
    return 0;
}

static int answer_workers(void *context, const struct control_request *request, struct control_answer *answer,
                          struct error *error)
{
    const struct running *running = context;
    json_t *array = put_new(answer->result, "workers", json_array());
    (void)request, (void)error;
    for (unsigned i = 0; i < pipeline_threads(running->pipeline); i++) {
        struct pipeline_thread thread;
        pipeline_collect_thread(running->pipeline, i, &thread);
        json_t *worker = append_thread(array, &thread, i);
        if (!thread.is_reader && i < running->configuration.cpus_count)
            put_number(worker, "cpu", running->configuration.cpus[i]);
        put_number(worker, "busy_percent", (uint64_t)(thread.busy * 100 + 0.5));
        put_number(worker, "bursts", thread.bursts);
        put_number(worker, "empty_polls", thread.empty_polls);
        put_number(worker, "flows", thread.flows);
        put_number(worker, "in_ring", thread.in_ring);
        put_number(worker, "records_waiting", thread.records);
        put_number(worker, "records_lost", thread.records_lost);
    }
    return 0;
}

static int answer_flows(void *context, const struct control_request *request, struct control_answer *answer,
                        struct error *error)
{
    static const enum event told[] = {
        EVENT_CONNECTIONS,           EVENT_MIDSTREAM,         EVENT_FLOW_EXPIRED, EVENT_FLOW_EVICTED_CLOSED,
        EVENT_FLOW_EVICTED_UNPROVEN, EVENT_FLOW_EVICTED_IDLE, EVENT_PORT_REUSED,  EVENT_RESET,
        EVENT_GAP_CONNECTIONS,       EVENT_EXTRAS_FULL};
    const struct running *running = context;
    struct pipeline_result result;
    uint64_t live = 0;
    (void)request, (void)error;
    pipeline_collect(running->pipeline, &result);
    for (unsigned i = 0; i < pipeline_threads(running->pipeline); i++) {
        struct pipeline_thread thread;
        pipeline_collect_thread(running->pipeline, i, &thread);
        live += thread.flows;
    }
    put_number(answer->result, "live", live);
    put_number(answer->result, "max", pipeline_flows_max(&running->options));
    put_number(answer->result, "no_room", result.totals.outcomes[OUTCOME_FLOW_TABLE_FULL]);
    for (size_t i = 0; i < sizeof(told) / sizeof(told[0]); i++)
        put_number(answer->result, event_rows[told[i]].name, result.totals.events[told[i]]);
    return 0;
}

static int answer_reopen(void *context, const struct control_request *request, struct control_answer *answer,
                         struct error *error)
{
    const struct running *running = context;
    (void)request;
    int result = pipeline_reopen(running->pipeline, error);
    put_truth(answer->result, "reopened", result == 0);
    return result;
}

static int answer_stop(void *context, const struct control_request *request, struct control_answer *answer,
                       struct error *error)
{
    (void)context, (void)request, (void)error;
    pipeline_stop();
    put_truth(answer->result, "stopping", true);
    return 0;
}

/* ctl.c has their summaries. */
const struct control_command run_commands[] = {
    {"status", NULL, "what runs", 0, 0, answer_status},
    {"stats", NULL, "every counter", 0, 0, answer_stats},
    {"ports", NULL, "each port", 0, 0, answer_ports},
    {"queues", NULL, "each queue", 0, 0, answer_queues},
    {"workers", NULL, "each worker", 0, 0, answer_workers},
    {"flows", NULL, "the flow table", 0, 0, answer_flows},
    {"keys add", "VALUE [FILE]", "revokes a key", 1, 2, answer_keys_add},
    {"keys remove", "VALUE", "revokes it no more", 1, 1, answer_keys_remove},
    {"keys list", NULL, "all revoked keys", 0, 0, answer_keys_list},
    {"keys count", NULL, "how many there are", 0, 0, answer_keys_count},
    {"reload", NULL, "reads the lists of revoked keys again", 0, 0, answer_reload},
    {"reopen", NULL, "opens the files of alerts anew", 0, 0, answer_reopen},
    {"stop", NULL, "ends it", 0, 0, answer_stop},
};

const unsigned run_commands_count = sizeof(run_commands) / sizeof(run_commands[0]);

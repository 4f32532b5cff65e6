/* SPDX-License-Identifier: BSD-3-Clause */
#include "device_filter.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <rte_errno.h>

#define IN_SOFTWARE "in software: "

void device_filter_begin(struct device_filter *filter, enum hardware_filter asked, const struct filter *rules)
{
    *filter = (struct device_filter){.asked = asked, .filter = rules};
    snprintf(filter->in_force, sizeof(filter->in_force), "no");
}

void device_filter_end(struct device_filter *filter)
{
    free(filter->rules);
    free(filter->flows);
    filter->rules = NULL;
    filter->flows = NULL;
}

bool device_filter_is_wanted(const struct device_filter *filter)
{
    bool has_sense = filter->asked == HARDWARE_FILTER_ISOLATE ||
                     (filter->asked == HARDWARE_FILTER_DROP && !filter_is_empty(filter->filter));
    return has_sense && !filter->given_up;
}

__attribute__((format(printf, 2, 3))) static void give_up(struct device_filter *filter, const char *format, ...)
{
    va_list arguments;
    int length = snprintf(filter->in_force, sizeof(filter->in_force), IN_SOFTWARE);
    va_start(arguments, format);
    vsnprintf(filter->in_force + length, sizeof(filter->in_force) - (size_t)length, format, arguments);
    va_end(arguments);
    filter->given_up = true;
    filter->is_in_force = false;
}

static const char *said(const struct rte_flow_error *error, int code)
{
    return error->message != NULL ? error->message : rte_strerror(code);
}

void device_filter_isolate(struct device_filter *filter, uint16_t port_id)
{
    struct rte_flow_error error = {.message = NULL};
    if (filter->asked != HARDWARE_FILTER_ISOLATE || filter->given_up || filter->is_isolated)
        return;
    int code = rte_flow_isolate(port_id, 1, &error);
    filter->is_isolated = code == 0;
    if (code != 0)
        give_up(filter, "the device refused isolated mode (%s)", said(&error, -code));
}

int device_filter_leave(struct device_filter *filter, uint16_t port_id, const char *place, struct error *error)
{
    struct rte_flow_error refused = {.message = NULL};
    if (!filter->is_isolated || !filter->given_up)
        return 0;
    int code = rte_flow_isolate(port_id, 0, &refused);
    filter->is_isolated = code != 0;
    if (code != 0)
        error_set(error, -code,
                  "%s: %s, and does not leave isolated mode again (%s); write \"hardware_filter\": \"off\"", place,
                  filter->in_force + strlen(IN_SOFTWARE), said(&refused, -code));
    return code;
}

void device_filter_ask(struct device_filter *filter, uint16_t port_id)
{
    static const struct rte_flow_attr attributes = {.ingress = 1};
    static const struct rte_flow_item items[] = {{.type = RTE_FLOW_ITEM_TYPE_ETH}, {.type = RTE_FLOW_ITEM_TYPE_END}};
    static const struct rte_flow_action actions[] = {{.type = RTE_FLOW_ACTION_TYPE_DROP},
                                                     {.type = RTE_FLOW_ACTION_TYPE_END}};
    struct rte_flow_error error = {.message = NULL};
    /* Only this answer says something of all rules; any other is of the one that is asked about. */
    if (device_filter_is_wanted(filter) && rte_flow_validate(port_id, &attributes, items, actions, &error) == -ENOSYS)
        give_up(filter, "the device takes no rules (%s)", said(&error, ENOSYS));
}

/* What it takes to make rules, and why one of them was refused. */
struct attempt {
    struct device_filter *filter;
    uint16_t port_id;
    struct rss *rss;  /* NULL: all to the first queue */
    uint16_t *queues; /* of each entry of its table */
    unsigned queues_count;
    struct rte_flow_error error; /* of the last rule */
    int code;
    bool was_range;
    char reason[200];
};

static struct rte_flow *make_flow(struct attempt *attempt, const struct device_rule *rule,
                                  const struct rte_flow_action *actions)
{
    struct rte_flow_attr attributes = {.ingress = 1, .priority = rule->priority};
    struct rte_flow_item items[DEVICE_RULE_ITEMS];
    device_rule_items(rule, items);
    memset(&attempt->error, 0, sizeof(attempt->error));
    attempt->code = -rte_flow_validate(attempt->port_id, &attributes, items, actions, &attempt->error);
    if (attempt->code != 0)
        return NULL;
    struct rte_flow *flow = rte_flow_create(attempt->port_id, &attributes, items, actions, &attempt->error);
    attempt->code = rte_errno;
    return flow;
}

/* Counted, where the device does so. */
static struct rte_flow *make_drop(struct attempt *attempt, const struct device_rule *rule)
{
    static const struct rte_flow_action_count count;
    static const struct rte_flow_action counted[] = {{.type = RTE_FLOW_ACTION_TYPE_COUNT, .conf = &count},
                                                     {.type = RTE_FLOW_ACTION_TYPE_DROP},
                                                     {.type = RTE_FLOW_ACTION_TYPE_END}};
    struct rte_flow *flow = NULL;
    if (attempt->filter->counts)
        flow = make_flow(attempt, rule, counted);
    if (flow != NULL)
        return flow;
    flow = make_flow(attempt, rule, counted + 1);
    attempt->filter->counts = attempt->filter->counts && flow == NULL;
    return flow;
}

/* To the queues that RSS would send it to, and without RSS to the first. */
static struct rte_flow *make_take(struct attempt *attempt, const struct device_rule *rule)
{
    static const struct rte_flow_action_queue first = {.index = 0};
    struct rte_flow_action_rss spread = {.queue = attempt->queues, .queue_num = attempt->queues_count};
    struct rte_flow_action actions[] = {{.type = RTE_FLOW_ACTION_TYPE_QUEUE, .conf = &first},
                                        {.type = RTE_FLOW_ACTION_TYPE_END}};
    if (attempt->rss != NULL && rss_fill_action(attempt->rss, rule->ip_version, &spread))
        actions[0] = (struct rte_flow_action){.type = RTE_FLOW_ACTION_TYPE_RSS, .conf = &spread};
    return make_flow(attempt, rule, actions);
}

/* The last first: what drops all that no rule takes goes before those that take. */
void device_filter_release(struct device_filter *filter, uint16_t port_id)
{
    while (filter->flows_count > 0) {
        struct rte_flow_error error;
        rte_flow_destroy(port_id, filter->flows[--filter->flows_count], &error);
    }
    filter->is_in_force = false;
}

/* All rules, or none. */
static bool make_flows(struct attempt *attempt)
{
    struct device_filter *filter = attempt->filter;
    filter->counts = true;
    for (unsigned i = 0; i < filter->rules_count; i++) {
        const struct device_rule *rule = &filter->rules[i];
        struct rte_flow *flow = rule->drops ? make_drop(attempt, rule) : make_take(attempt, rule);
        if (flow == NULL) {
            snprintf(attempt->reason, sizeof(attempt->reason), "the device refused rule %u of %u (%s)", i + 1,
                     filter->rules_count, said(&attempt->error, attempt->code));
            attempt->was_range = rule->has_range;
            device_filter_release(filter, attempt->port_id);
            return false;
        }
        filter->flows[filter->flows_count++] = flow;
    }
    return true;
}

/* First with ranges of ports as they are, then, where one of these was refused, by masks. */
static bool make_flows_somehow(struct attempt *attempt)
{
    struct device_filter *filter = attempt->filter;
    for (unsigned by_mask = 0; by_mask < 2; by_mask++) {
        filter->rules_count = device_rules_make(filter->filter, filter->asked, by_mask == 0, filter->rules);
        if (filter->rules_count > DEVICE_RULES_MAX) {
            snprintf(attempt->reason, sizeof(attempt->reason), "the filter is more than %u rules%s", DEVICE_RULES_MAX,
                     by_mask ? " on a device that takes no ranges of ports" : "");
            return false;
        }
        if (make_flows(attempt))
            return true;
        if (!attempt->was_range)
            return false;
    }
    return false;
}

/* With the queues of RSS's table. */
static bool make_flows_by_table(struct attempt *attempt)
{
    const struct rss *rss = attempt->rss;
    unsigned count = rss == NULL ? 0 : RTE_MAX(rss->table_size + 0u, rss->queues);
    attempt->queues = calloc(RTE_MAX(count, 1u), sizeof(*attempt->queues));
    attempt->queues_count = count;
    if (attempt->queues == NULL)
        return false;
    for (unsigned i = 0; i < count; i++)
        attempt->queues[i] = (uint16_t)(i % rss->queues);
    bool is_made = make_flows_somehow(attempt);
    free(attempt->queues);
    attempt->queues = NULL;
    return is_made;
}

/* Each way by which both directions come to one queue, then any way. */
static bool make_isolated(struct attempt *attempt, const struct rte_eth_dev_info *info)
{
    static const enum rss_way ways[] = {RSS_BY_FLOW, RSS_BY_KEY, RSS_NOT_SYMMETRIC};
    if (attempt->rss == NULL)
        return make_flows_by_table(attempt);
    for (unsigned i = 0; i < RTE_DIM(ways); i++) {
        rss_assume(attempt->rss, info, ways[i]);
        if (make_flows_by_table(attempt))
            return true;
    }
    return false;
}

/* Beside the port's own RSS. */
static bool make_dropping(struct attempt *attempt)
{
    const struct rss *rss = attempt->rss;
    const char *fault = NULL;
    bool follows = rss != NULL && rss->way != RSS_NOT_SYMMETRIC && attempt->filter->filter->include.count > 0;
    if (rss != NULL && rss->way == RSS_BY_FLOW && rss->rules_priority < DEVICE_RULE_PRIORITIES)
        fault = "the device takes the rules of RSS at the highest priority only";
    else if (follows && rss->table_size == 0)
        fault = "the device keeps its own table for RSS, which rules cannot follow";
    else if (follows && !rss->key_is_known)
        fault = "the device does not tell the key of RSS, which rules must have too";
    if (fault != NULL)
        snprintf(attempt->reason, sizeof(attempt->reason), "%s", fault);
    return fault == NULL && make_flows_by_table(attempt);
}

static bool make_room(struct device_filter *filter)
{
    if (filter->rules == NULL)
        filter->rules = calloc(DEVICE_RULES_MAX, sizeof(*filter->rules));
    if (filter->flows == NULL)
        filter->flows = calloc(DEVICE_RULES_MAX, sizeof(struct rte_flow *));
    return filter->rules != NULL && filter->flows != NULL;
}

static void describe(struct device_filter *filter)
{
    bool drops = filter->asked == HARDWARE_FILTER_DROP;
    const char *more = !drops           ? "; all else, with VLAN tags or in tunnels too, stays with the host"
                       : filter->counts ? ""
                                        : "; the device does not count what it drops";
    snprintf(filter->in_force, sizeof(filter->in_force), "%s, by %u rule%s%s", hardware_filter_word(filter->asked),
             filter->rules_count, filter->rules_count == 1 ? "" : "s", more);
}

int device_filter_apply(struct device_filter *filter, uint16_t port_id, struct rss *rss,
                        const struct rte_eth_dev_info *info)
{
    struct attempt attempt = {.filter = filter, .port_id = port_id, .rss = rss, .reason = "out of memory for rules"};
    if (!device_filter_is_wanted(filter))
        return 0;
    if (make_room(filter))
        filter->is_in_force = filter->is_isolated ? make_isolated(&attempt, info) : make_dropping(&attempt);
    if (filter->is_in_force) {
        describe(filter);
        return 0;
    }
    give_up(filter, "%s", attempt.reason);
    return filter->is_isolated ? -EAGAIN : 0;
}

bool device_filter_count(const struct device_filter *filter, uint16_t port_id, uint64_t *packets)
{
    static const struct rte_flow_action action = {.type = RTE_FLOW_ACTION_TYPE_COUNT};
    bool is_known = filter->asked != HARDWARE_FILTER_ISOLATE || !filter->is_in_force;
    uint64_t sum = 0;
    for (unsigned i = 0; i < filter->flows_count && is_known; i++) {
        struct rte_flow_query_count count = {.reset = 0};
        struct rte_flow_error error;
        if (!filter->rules[i].drops)
            continue;
        is_known =
            filter->counts && rte_flow_query(port_id, filter->flows[i], &action, &count, &error) == 0 && count.hits_set;
        sum += count.hits;
    }
    if (is_known)
        *packets = sum;
    return is_known;
}

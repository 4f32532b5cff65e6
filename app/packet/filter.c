/* SPDX-License-Identifier: BSD-3-Clause */
#include <bearertap/filter.h>

#include <arpa/inet.h>
#include <string.h>

#include <bearertap/packet.h>

#define PREFIX_TEXT_MAX 64

/* Decimal digits and nothing else, up to `end`; -1 when it is no such number, or more than `most`. */
static long read_number(const char *text, const char *end, long most)
{
    long number = 0;
    if (text == end || (*text == '0' && end - text > 1))
        return -1;
    for (; text < end; text++) {
        if (*text < '0' || *text > '9' || number > most)
            return -1;
        number = number * 10 + (*text - '0');
    }
    return number <= most ? number : -1;
}

bool filter_prefix_read(const char *text, struct filter_prefix *prefix)
{
    char address[PREFIX_TEXT_MAX];
    uint8_t bytes[16] = {0}, mask[16] = {0};
    size_t length = strcspn(text, "/");
    if (length >= sizeof(address))
        return false;
    memcpy(address, text, length);
    address[length] = '\0';
    memset(prefix, 0, sizeof(*prefix));
    if (inet_pton(AF_INET, address, bytes) == 1)
        prefix->ip_version = 4;
    else if (inet_pton(AF_INET6, address, bytes) == 1)
        prefix->ip_version = 6;
    else
        return false;
    long most = prefix->ip_version == 4 ? 32 : 128, bits = most;
    if (text[length] == '/')
        bits = read_number(text + length + 1, text + strlen(text), most);
    if (bits < 0)
        return false;
    for (long bit = 0; bit < bits; bit++)
        mask[bit / 8] |= (uint8_t)(0x80 >> (bit % 8));
    memcpy(prefix->mask, mask, sizeof(mask));
    memcpy(prefix->bits, bytes, sizeof(bytes));
    for (unsigned i = 0; i < 2; i++)
        prefix->bits[i] &= prefix->mask[i];
    return true;
}

bool filter_ports_read(const char *text, struct filter_ports *ports)
{
    const char *dash = strchr(text, '-');
    if (dash == NULL)
        return false;
    long first = read_number(text, dash, UINT16_MAX), last = read_number(dash + 1, dash + strlen(dash), UINT16_MAX);
    if (first < 1 || last < first)
        return false;
    *ports = (struct filter_ports){(uint16_t)first, (uint16_t)last};
    return true;
}

static bool has_address(const struct filter_rule *rule, const uint8_t *address, uint8_t ip_version)
{
    uint64_t halves[2];
    memcpy(halves, address, sizeof(halves));
    bool found = rule->prefixes_count == 0;
    for (unsigned i = 0; i < rule->prefixes_count && !found; i++) {
        const struct filter_prefix *prefix = &rule->prefixes[i];
        found = prefix->ip_version == ip_version && (halves[0] & prefix->mask[0]) == prefix->bits[0] &&
                (halves[1] & prefix->mask[1]) == prefix->bits[1];
    }
    return found;
}

/* Ports first: they tell most ends apart, and cost least. */
static bool has_end(const struct filter_rule *rule, const uint8_t *address, uint16_t port, uint8_t ip_version)
{
    bool found = rule->ports_count == 0;
    for (unsigned i = 0; i < rule->ports_count && !found; i++)
        found = port >= rule->ports[i].first && port <= rule->ports[i].last;
    return found && has_address(rule, address, ip_version);
}

static bool any_holds(const struct filter_rules *rules, const struct endpoints *endpoints)
{
    for (unsigned i = 0; i < rules->count; i++) {
        const struct filter_rule *rule = &rules->rules[i];
        if (has_end(rule, endpoints->destination, endpoints->destination_port, endpoints->ip_version) ||
            has_end(rule, endpoints->source, endpoints->source_port, endpoints->ip_version))
            return true;
    }
    return false;
}

bool filter_passes(const struct filter *filter, const struct endpoints *endpoints)
{
    if (filter->include.count > 0 && !any_holds(&filter->include, endpoints))
        return false;
    return !any_holds(&filter->exclude, endpoints);
}

void filter_apply(const struct filter *filter, struct burst *burst)
{
    for (unsigned i = 0; i < burst->count; i++)
        if (burst->outcomes[i] == OUTCOME_PENDING && !filter_passes(filter, &burst->segments[i].endpoints))
            burst->outcomes[i] = OUTCOME_FILTERED;
}

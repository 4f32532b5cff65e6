/* SPDX-License-Identifier: BSD-3-Clause */
#include "run_keys.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "command.h"
#include "running.h"

/* What was given as a value stands on no line. */
static bool has_lines(const char *source)
{
    static const char *const given[] = {"-k", "configuration", KEY_STORE_ADDED};
    for (size_t i = 0; i < sizeof(given) / sizeof(given[0]); i++)
        if (strcmp(source, given[i]) == 0)
            return false;
    return true;
}

static void put_place(json_t *object, const char *source, unsigned line)
{
    json_object_set_new(object, "source", json_string(source));
    if (line > 0 && has_lines(source))
        json_object_set_new(object, "line", json_integer(line));
}

static void put_entry(json_t *object, const struct key_entry *entry)
{
    const struct {
        const char *name, *text;
    } members[] = {
        {"id", entry->id},
        {"issuer", entry->issuer},
        {"severity", entry->severity},
        {"revoked_at", entry->revoked_at},
        {"reason", entry->reason},
    };
    for (size_t i = 0; i < sizeof(members) / sizeof(members[0]); i++)
        if (members[i].text != NULL)
            json_object_set_new(object, members[i].name, json_string(members[i].text));
    put_place(object, entry->source, entry->line);
}

int answer_keys_add(void *context, const struct control_request *request, struct control_answer *answer,
                    struct error *error)
{
    struct running *running = context;
    const char *path = request->arguments_count > 1 ? request->arguments[1] : NULL;
    struct key_store_added added;
    if (path != NULL && argument_looks_like_token(path)) /* errors name the file; the key store asks of the id itself */
        return error_set(error, EINVAL, "the name of the file to save to looks like a token");
    /* The file is written with this process's rights, which a member of the socket's group does not have. */
    if (path != NULL && request->uid != 0 && request->uid != geteuid())
        return error_set(error, EPERM,
                         "only root and the user that bearertap runs as may have a key saved to a file; "
                         "without --save it is added");
    int result =
        key_store_add(running->keys, pipeline_keys(running->pipeline), request->arguments[0], path, &added, error);
    if (result != 0)
        return result;
    json_object_set_new(answer->result, "added", json_boolean(!added.was_there));
    if (added.was_there)
        put_place(answer->result, added.source, added.line);
    if (path != NULL)
        json_object_set_new(answer->result, "saved", json_boolean(added.is_saved));
    log_notice("a revoked key was %s (ctl, pid %d, uid %u)", added.was_there ? "there already" : "added",
               (int)request->pid, (unsigned)request->uid);
    return 0;
}

int answer_keys_remove(void *context, const struct control_request *request, struct control_answer *answer,
                       struct error *error)
{
    struct running *running = context;
    struct key_store_removed removed;
    int result =
        key_store_remove(running->keys, pipeline_keys(running->pipeline), request->arguments[0], &removed, error);
    if (result != 0)
        return result;
    json_object_set_new(answer->result, "removed", json_integer((json_int_t)removed.entries));
    json_t *places = json_array();
    json_object_set_new(answer->result, "from", places);
    for (size_t i = 0; i < removed.shown_count; i++) {
        json_t *place = json_object();
        json_array_append_new(places, place);
        put_place(place, removed.shown[i].source, removed.shown[i].line);
    }
    if (removed.from_files > 0)
        json_object_set_new(
            answer->result, "note",
            json_string("it stands in a file, too: remove it there, or the next reload brings it back"));
    log_notice("%zu revoked key%s removed (ctl, pid %d, uid %u)", removed.entries,
               removed.entries == 1 ? " was" : "s were", (int)request->pid, (unsigned)request->uid);
    return 0;
}

struct listing {
    const struct key_table *table;
    struct key_cursor cursor;
    uint64_t reloads;
};

static int list_next(void *state, json_t *part, struct error *error)
{
    struct listing *listing = state;
    struct key_entry entry;
    if (key_table_reloads(listing->table) != listing->reloads)
        return error_set(error, EBUSY, "the lists were read again meanwhile: ask again");
    if (!key_table_walk(listing->table, &listing->cursor, &entry))
        return 0;
    put_entry(part, &entry);
    return 1;
}

int answer_keys_list(void *context, const struct control_request *request, struct control_answer *answer,
                     struct error *error)
{
    struct running *running = context;
    (void)request;
    struct listing *listing = calloc(1, sizeof(*listing));
    if (listing == NULL)
        return error_set(error, ENOMEM, "out of memory for a list of keys");
    listing->table = pipeline_keys(running->pipeline);
    listing->reloads = key_table_reloads(listing->table);
    answer->next = list_next;
    answer->end = free;
    answer->state = listing;
    return 0;
}

void put_key_counts(json_t *object, const struct key_table *table)
{
    json_object_set_new(object, "entries", json_integer((json_int_t)key_table_entries(table)));
    json_object_set_new(object, "names", json_integer((json_int_t)key_table_names(table)));
}

int answer_keys_count(void *context, const struct control_request *request, struct control_answer *answer,
                      struct error *error)
{
    struct running *running = context;
    (void)request, (void)error;
    put_key_counts(answer->result, pipeline_keys(running->pipeline));
    return 0;
}

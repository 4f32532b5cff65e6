/* SPDX-License-Identifier: BSD-3-Clause */
#include "ctl_show.h"

#include <string.h>

#include "ctl_cells.h"
#include "print.h"

#define INDENT 2

/* Deeper than this, an answer is shown as JSON. */
#define DEPTH_MAX 16

static bool is_table(json_t *value)
{
    for (size_t i = 0; i < json_array_size(value); i++)
        if (json_object_size(json_array_get(value, i)) == 0)
            return false;
    return json_array_size(value) > 0;
}

static bool is_section(json_t *value, unsigned depth)
{
    return depth < DEPTH_MAX && (json_object_size(value) > 0 || is_table(value));
}

static bool is_zero(json_t *value)
{
    return json_is_integer(value) && json_integer_value(value) == 0;
}

static void put_spaces(FILE *out, unsigned count)
{
    fprintf(out, "%*s", (int)count, "");
}

static unsigned width_of_name(const char *name)
{
    struct ctl_cell cell;
    json_t *string = json_string(name);
    unsigned width = ctl_cell_make(&cell, "", string) ? cell.width : 0;
    ctl_cell_release(&cell);
    json_decref(string);
    return width;
}

static void print_name(FILE *out, const char *name, unsigned indent, unsigned width)
{
    put_spaces(out, indent);
    print_notice(out, name);
    unsigned own = width_of_name(name);
    put_spaces(out, width > own ? width - own : 0);
}

/* How the rows of an object stand. */
struct rows {
    unsigned names, numbers; /* the widest */
    unsigned zeros;
    bool all_numbers; /* they stand to the right then */
};

static struct rows measure_rows(const struct ctl_show *show, json_t *object, unsigned depth)
{
    struct rows rows = {.all_numbers = true};
    const char *name;
    json_t *value;
    json_object_foreach(object, name, value)
    {
        struct ctl_cell cell;
        if (is_section(value, depth))
            continue;
        if (show->leaves_out_zeros && is_zero(value)) {
            rows.zeros++;
            continue;
        }
        unsigned width = width_of_name(name);
        rows.names = width > rows.names ? width : rows.names;
        if (ctl_cell_make(&cell, name, value) && cell.is_number)
            rows.numbers = cell.width > rows.numbers ? cell.width : rows.numbers;
        rows.all_numbers = rows.all_numbers && cell.is_number;
        ctl_cell_release(&cell);
    }
    return rows;
}

static void print_rows(const struct ctl_show *show, json_t *object, unsigned depth)
{
    const struct rows rows = measure_rows(show, object, depth);
    const char *name;
    json_t *value;
    json_object_foreach(object, name, value)
    {
        struct ctl_cell cell;
        if (is_section(value, depth) || (show->leaves_out_zeros && is_zero(value)))
            continue;
        print_name(show->out, name, depth * INDENT, rows.names);
        put_spaces(show->out, INDENT);
        if (ctl_cell_make(&cell, name, value))
            ctl_cell_print(show->out, &cell, rows.all_numbers ? rows.numbers : 0);
        putc('\n', show->out);
        ctl_cell_release(&cell);
    }
    if (rows.zeros > 0) {
        put_spaces(show->out, depth * INDENT);
        fprintf(show->out, "(%u more are 0)\n", rows.zeros);
    }
}

static void print_as_json(const struct ctl_show *show, json_t *value, unsigned indent)
{
    put_spaces(show->out, indent);
    json_dumpf(value, show->out, JSON_COMPACT | JSON_ENSURE_ASCII | JSON_ENCODE_ANY);
    putc('\n', show->out);
}

static void print_table(const struct ctl_show *show, json_t *objects, unsigned depth)
{
    if (!ctl_table_print(show->out, objects, depth * INDENT, show->columns, show->leaves_out_zeros))
        for (size_t i = 0; i < json_array_size(objects); i++)
            print_as_json(show, json_array_get(objects, i), depth * INDENT);
}

static void print_object(const struct ctl_show *show, json_t *object, unsigned depth)
{
    const char *name;
    json_t *value;
    print_rows(show, object, depth);
    json_object_foreach(object, name, value)
    {
        if (!is_section(value, depth))
            continue;
        print_name(show->out, name, depth * INDENT, 0);
        putc('\n', show->out);
        if (json_is_array(value))
            print_table(show, value, depth + 1);
        else
            print_object(show, value, depth + 1);
    }
}

void ctl_show_result(const struct ctl_show *show, json_t *result)
{
    json_t *only = json_object_iter_value(json_object_iter(result));
    if (json_object_size(result) == 0)
        fputs("done\n", show->out);
    else if (json_object_size(result) == 1 && is_table(only))
        print_table(show, only, 0); /* it is what was asked for: no heading */
    else
        print_object(show, result, 0);
}

void ctl_show_part(const struct ctl_show *show, json_t *part)
{
    json_t *rest = json_copy(part);
    const char *title = json_object_iter_key(json_object_iter(rest));
    struct ctl_cell cell;
    if (title == NULL || is_section(json_object_get(rest, title), 0)) {
        print_as_json(show, part, 0);
    } else {
        if (ctl_cell_make(&cell, title, json_object_get(rest, title)))
            ctl_cell_print(show->out, &cell, 0);
        ctl_cell_release(&cell);
        putc('\n', show->out);
        json_object_del(rest, title);
        print_object(show, rest, 1);
    }
    json_decref(rest);
}

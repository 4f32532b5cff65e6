/* SPDX-License-Identifier: BSD-3-Clause */
#include "ctl_cells.h"

#include <stdlib.h>
#include <string.h>

#include <bearertap/number.h>

#include "print.h"

/* Columns stand this far from each other. */
#define BETWEEN 2

/* A cell that is wider stands out, rather than to push all others away. */
#define WIDTH_MAX 64

/* More members than this are no table for a person, and finding each in the list of names would take long. */
#define MEMBERS_MAX 256

/* ---- a value ---- */

static void put_integer(FILE *out, json_int_t value)
{
    char text[NUMBER_SHOWN_MAX];
    if (value < 0)
        putc('-', out);
    fputs(number_show(value < 0 ? -(uint64_t)value : (uint64_t)value, text), out);
}

/* As exact as a person needs it: 1,234,568 or 12.35 or 0.01235. */
static void put_real(FILE *out, double value)
{
    double amount = value < 0 ? -value : value;
    if (amount >= 1000 && amount < 1e15)
        put_integer(out, (json_int_t)(value < 0 ? value - 0.5 : value + 0.5));
    else
        fprintf(out, amount >= 1 && amount < 1000 ? "%.2f" : "%.4g", value);
}

/* Numbers that name something, rather than count it, have no commas. */
static bool names_something(const char *member)
{
    static const char *const names[] = {"pid",    "line", "port", "queue", "worker",
                                        "number", "cpu",  "cpus", "vlan",  "uid"};
    const char *dot = strrchr(member, '.'), *last = dot != NULL ? dot + 1 : member;
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        if (strcmp(last, names[i]) == 0)
            return true;
    return false;
}

static void put_value(FILE *out, const char *member, json_t *value, unsigned depth)
{
    const char *text = json_string_value(value);
    if (text != NULL)
        print_notice(out, text);
    else if (json_is_integer(value) && names_something(member))
        fprintf(out, "%" JSON_INTEGER_FORMAT, json_integer_value(value));
    else if (json_is_integer(value))
        put_integer(out, json_integer_value(value));
    else if (json_is_real(value))
        put_real(out, json_real_value(value));
    else if (json_is_boolean(value))
        fputs(json_is_true(value) ? "yes" : "no", out);
    else if (json_is_null(value))
        putc('-', out);
    else if (json_array_size(value) == 0 && json_object_size(value) == 0)
        fputs("none", out);
    else if (json_is_array(value) && depth == 0)
        for (size_t i = 0; i < json_array_size(value); i++) {
            fputs(i > 0 ? ", " : "", out);
            put_value(out, member, json_array_get(value, i), 1);
        }
    else
        json_dumpf(value, out, JSON_COMPACT | JSON_ENSURE_ASCII);
}

bool ctl_cell_make(struct ctl_cell *cell, const char *member, json_t *value)
{
    size_t length = 0;
    *cell = (struct ctl_cell){NULL, 0, json_is_number(value)};
    FILE *out = open_memstream(&cell->text, &length);
    if (out == NULL)
        return false;
    put_value(out, member, value, 0);
    bool is_written = ferror(out) == 0;
    if (fclose(out) != 0 || !is_written) {
        ctl_cell_release(cell);
        return false;
    }
    for (size_t i = 0; i < length; i++)
        cell->width += (cell->text[i] & 0xc0) != 0x80; /* a character each, however wide the terminal draws it */
    return true;
}

void ctl_cell_release(struct ctl_cell *cell)
{
    free(cell->text);
    cell->text = NULL;
}

static void put_spaces(FILE *out, unsigned count)
{
    fprintf(out, "%*s", (int)count, "");
}

void ctl_cell_print(FILE *out, const struct ctl_cell *cell, unsigned width)
{
    put_spaces(out, width > cell->width ? width - cell->width : 0);
    fputs(cell->text, out);
}

/* ---- a table ---- */

struct table {
    size_t objects, members;
    char *names[MEMBERS_MAX];
    struct ctl_cell *headings; /* one a member */
    struct ctl_cell *cells;    /* an object after another */
    bool is_hidden[MEMBERS_MAX];
    bool failed; /* too much, or no memory */
};

static struct ctl_cell *cell_of(const struct table *table, size_t object, size_t member)
{
    return &table->cells[object * MEMBERS_MAX + member];
}

static size_t find_member(struct table *table, const char *name)
{
    size_t i = 0;
    while (i < table->members && strcmp(table->names[i], name) != 0)
        i++;
    if (i < table->members)
        return i;
    if (i < MEMBERS_MAX)
        table->names[i] = strdup(name);
    if (i == MEMBERS_MAX || table->names[i] == NULL) {
        table->failed = true;
        return 0;
    }
    table->members++;
    return i;
}

static void enter(struct table *table, size_t object, json_t *value, const char *prefix, unsigned depth)
{
    enum { DEPTH_MAX = 4 };
    const char *name;
    json_t *member;
    json_object_foreach(value, name, member)
    {
        char *full = NULL;
        if (table->failed || asprintf(&full, "%s%s%s", prefix, prefix[0] != '\0' ? "." : "", name) < 0) {
            table->failed = true;
            return;
        }
        if (json_object_size(member) > 0 && depth < DEPTH_MAX) {
            enter(table, object, member, full, depth + 1);
        } else {
            size_t number = find_member(table, full);
            struct ctl_cell *cell = cell_of(table, object, number);
            if (!table->failed && cell->text == NULL) /* "a.b" may be there beside b of a */
                table->failed = !ctl_cell_make(cell, name, member);
        }
        free(full);
    }
}

static void make_headings(struct table *table)
{
    for (size_t i = 0; i < table->members && !table->failed; i++) {
        json_t *name = json_string(table->names[i]);
        table->failed = name == NULL || !ctl_cell_make(&table->headings[i], "", name);
        json_decref(name);
    }
}

/* Members that are 0 wherever they are. */
static size_t hide_zeros(struct table *table)
{
    size_t hidden = 0;
    for (size_t m = 0; m < table->members; m++) {
        bool is_zero = true;
        for (size_t o = 0; o < table->objects; o++) {
            const struct ctl_cell *cell = cell_of(table, o, m);
            is_zero = is_zero && (cell->text == NULL || (cell->is_number && strcmp(cell->text, "0") == 0));
        }
        table->is_hidden[m] = is_zero && m > 0; /* the first says which object it is */
        hidden += table->is_hidden[m];
    }
    return hidden;
}

static unsigned wider(unsigned width, const struct ctl_cell *cell)
{
    return cell->width > width ? (cell->width < WIDTH_MAX ? cell->width : WIDTH_MAX) : width;
}

static unsigned width_of(const struct table *table, size_t member)
{
    unsigned width = wider(1, &table->headings[member]);
    for (size_t o = 0; o < table->objects; o++)
        width = wider(width, cell_of(table, o, member));
    return width;
}

static bool is_of_numbers(const struct table *table, size_t member)
{
    for (size_t o = 0; o < table->objects; o++)
        if (cell_of(table, o, member)->text != NULL && !cell_of(table, o, member)->is_number)
            return false;
    return true;
}

/* A row of a table: spaces are owed until something stands behind them, so that none are at its end. */
struct row {
    FILE *out;
    unsigned owed;
};

static void put_cell(struct row *row, const struct ctl_cell *cell, unsigned width, bool to_the_right)
{
    unsigned spaces = width > cell->width ? width - cell->width : 0;
    row->owed += to_the_right ? spaces : 0;
    if (cell->width > 0) {
        put_spaces(row->out, row->owed);
        fputs(cell->text, row->out);
        row->owed = 0;
    }
    row->owed += (to_the_right ? 0 : spaces) + BETWEEN;
}

static void print_upright(FILE *out, const struct table *table, unsigned indent)
{
    for (size_t o = 0; o <= table->objects; o++) { /* the headings first */
        struct row row = {out, indent};
        for (size_t m = 0; m < table->members; m++)
            if (!table->is_hidden[m])
                put_cell(&row, o == 0 ? &table->headings[m] : cell_of(table, o - 1, m), width_of(table, m),
                         is_of_numbers(table, m));
        putc('\n', out);
    }
}

static unsigned upright_width(const struct table *table)
{
    unsigned width = 0;
    for (size_t m = 0; m < table->members; m++)
        width += table->is_hidden[m] ? 0 : width_of(table, m) + BETWEEN;
    return width;
}

static unsigned width_of_object(const struct table *table, size_t object)
{
    unsigned width = 1;
    for (size_t m = 0; m < table->members; m++)
        if (!table->is_hidden[m])
            width = wider(width, cell_of(table, object, m));
    return width;
}

static unsigned width_of_headings(const struct table *table)
{
    unsigned width = 1;
    for (size_t m = 0; m < table->members; m++)
        if (!table->is_hidden[m])
            width = wider(width, &table->headings[m]);
    return width;
}

static void print_objects_beside(FILE *out, const struct table *table, unsigned indent, size_t first, size_t last)
{
    unsigned names = width_of_headings(table);
    for (size_t m = 0; m < table->members; m++) {
        struct row row = {out, indent};
        if (table->is_hidden[m])
            continue;
        put_cell(&row, &table->headings[m], names, false);
        for (size_t o = first; o < last; o++)
            put_cell(&row, cell_of(table, o, m), width_of_object(table, o), true);
        putc('\n', out);
    }
}

/* As many objects beside each other as there is room for, and the others below. */
static void print_lying(FILE *out, const struct table *table, unsigned indent, unsigned columns)
{
    for (size_t first = 0, last; first < table->objects; first = last) {
        unsigned width = indent + width_of_headings(table) + BETWEEN + width_of_object(table, first);
        for (last = first + 1; last < table->objects; last++) {
            width += BETWEEN + width_of_object(table, last);
            if (width > columns)
                break;
        }
        if (first > 0)
            putc('\n', out);
        print_objects_beside(out, table, indent, first, last);
    }
}

static void release(struct table *table)
{
    for (size_t i = 0; table->cells != NULL && i < table->objects * MEMBERS_MAX; i++)
        ctl_cell_release(&table->cells[i]);
    for (size_t i = 0; i < table->members; i++) {
        free(table->names[i]);
        if (table->headings != NULL)
            ctl_cell_release(&table->headings[i]);
    }
    free(table->cells);
    free(table->headings);
}

bool ctl_table_print(FILE *out, json_t *objects, unsigned indent, unsigned columns, bool leaves_out_zeros)
{
    struct table table = {.objects = json_array_size(objects)};
    table.headings = calloc(MEMBERS_MAX, sizeof(*table.headings));
    table.cells = calloc(table.objects, MEMBERS_MAX * sizeof(*table.cells));
    table.failed = table.headings == NULL || table.cells == NULL;
    for (size_t o = 0; o < table.objects && !table.failed; o++)
        enter(&table, o, json_array_get(objects, o), "", 0);
    make_headings(&table);
    if (!table.failed) {
        size_t hidden = leaves_out_zeros ? hide_zeros(&table) : 0;
        if (indent + upright_width(&table) <= columns + BETWEEN)
            print_upright(out, &table, indent);
        else
            print_lying(out, &table, indent, columns);
        if (hidden > 0) {
            put_spaces(out, indent);
            fprintf(out, "(%zu more are 0)\n", hidden);
        }
    }
    release(&table);
    return !table.failed;
}

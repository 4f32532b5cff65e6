/* SPDX-License-Identifier: BSD-3-Clause */
#include "html.h"

#include <string.h>

#include "report.h"
#include "rows.h"
#include "sampler.h"

static const char head[] =
    "<!DOCTYPE html>\n"
    "<html lang=\"en\"><head><meta charset=\"utf-8\">\n"
    "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
    "<title>bearertap: how fast it is</title>\n"
    "<style>\n"
    ":root { color-scheme: light dark; --text: #1c2330; --dim: #566072; --page: #fff; --line: #d8dde6; --bar: "
    "#2f6fb5;\n"
    "  --good: #1c7a3d; --bad: #b3261e; --s0: #7a869a; --s1: #4a90d9; --s2: #2b9e8f; --s3: #e0a030; --s4: #c0504d;\n"
    "  --s5: #8e5bb5; --s6: #5f7d2e; --s7: #a0522d; }\n"
    "@media (prefers-color-scheme: dark) { :root { --text: #e6eaf2; --dim: #a3adbf; --page: #14181f; --line: #333b49;\n"
    "  --bar: #5a9be0; --good: #63c987; --bad: #ff8a80; --s0: #98a4b8; --s1: #6aaef0; --s2: #45c0b0; --s3: #f0bb55;\n"
    "  --s4: #e07774; --s5: #b184d6; --s6: #93b857; --s7: #d08257; } }\n"
    "body { margin: 0 auto; padding: 1rem; max-width: 58rem; font: 16px/1.5 system-ui, sans-serif; color: "
    "var(--text);\n"
    "  background: var(--page); }\n"
    "h1 { font-size: 1.5rem; } h2 { font-size: 1.15rem; margin-top: 2rem; } h3 { font-size: 1rem; margin: 1rem 0 "
    ".2rem; }\n"
    "p, li, dd { color: var(--dim); } dt { font-weight: 600; } dd { margin: 0 0 .4rem; }\n"
    "table { border-collapse: collapse; width: 100%; } caption { text-align: left; color: var(--dim); }\n"
    "th, td { text-align: left; padding: .35rem .5rem; border-bottom: 1px solid var(--line); vertical-align: top; }\n"
    "td.n { text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap; }\n"
    ".good { color: var(--good); font-weight: 600; } .bad { color: var(--bad); font-weight: 600; }\n"
    ".wide { overflow-x: auto; }\n"
    ".stack { display: flex; height: 1.3rem; border-radius: 3px; overflow: hidden; }\n"
    ".key { display: inline-block; width: .75rem; height: .75rem; border-radius: 2px; margin-right: .3rem; }\n"
    ".bar { height: 1rem; background: var(--bar); border-radius: 3px; min-width: 2px; }\n"
    ".s0 { background: var(--s0); } .s1 { background: var(--s1); } .s2 { background: var(--s2); }\n"
    ".s3 { background: var(--s3); } .s4 { background: var(--s4); } .s5 { background: var(--s5); }\n"
    ".s6 { background: var(--s6); } .s7 { background: var(--s7); }\n"
    "ul.keys { list-style: none; padding: 0; margin: .2rem 0; display: flex; flex-wrap: wrap; gap: .1rem .9rem;\n"
    "  font-size: .875rem; }\n"
    "</style></head><body>\n<main>\n";

static void put_text(FILE *out, const char *text)
{
    for (; text != NULL && *text != '\0'; text++)
        switch (*text) {
        case '<':
            fputs("&lt;", out);
            break;
        case '>':
            fputs("&gt;", out);
            break;
        case '&':
            fputs("&amp;", out);
            break;
        case '"':
            fputs("&quot;", out);
            break;
        default:
            fputc(*text, out);
        }
}

static void put_member(FILE *out, const json_t *object, const char *name, const char *label)
{
    const json_t *value = json_object_get(object, name);
    if (value == NULL)
        return;
    fprintf(out, "<dt>%s</dt><dd>", label);
    if (json_is_string(value))
        put_text(out, json_string_value(value));
    else
        fprintf(out, "%g", json_number_value(value));
    fputs("</dd>\n", out);
}

static void put_machine(FILE *out, const json_t *machine)
{
    static const char *const members[][2] = {{"cpu", "CPU"},
                                             {"cores", "CPUs to use"},
                                             {"kernel", "Linux"},
                                             {"huge_pages", "Transparent huge pages"},
                                             {"compiler", "Compiler"},
                                             {"march", "Built for"},
                                             {"dpdk", "Packets by"},
                                             {"hyperscan", "Hyperscan"},
                                             {"load", "Load at the start"}};
    const char *name;
    json_t *cache;
    fputs("<h2>The machine</h2>\n<dl>\n", out);
    for (size_t i = 0; i < sizeof(members) / sizeof(members[0]); i++)
        put_member(out, machine, members[i][0], members[i][1]);
    fputs("<dt>Caches</dt><dd>", out);
    json_object_foreach(json_object_get(machine, "caches"), name, cache)
    {
        put_text(out, name);
        fputs(" ", out);
        put_text(out, json_string_value(cache));
        fputs("; ", out);
    }
    fputs("</dd>\n</dl>\n", out);
}

/* ---- the table of ratios ---- */

static void put_row(FILE *out, const struct row *row, double value)
{
    fprintf(out, "<tr><th scope=\"row\">%s</th><td class=\"n\">%.3f</td>", row->name, value);
    bool reached = row_is_reached(row, value);
    if (row->target_kind == NO_TARGET)
        fputs("<td class=\"n\">no target</td><td></td><td>", out);
    else
        fprintf(out, "<td class=\"n\">%s %g</td><td class=\"%s\">%s</td><td>",
                row->target_kind == AT_LEAST ? "&ge;" : "&le;", row->target, reached ? "good" : "bad",
                reached ? "reached" : "missed");
    put_text(out, row->help);
    fputs("</td></tr>\n", out);
}

static void put_rows(FILE *out, const json_t *ratios)
{
    bool any = false;
    for (unsigned i = 0; i < rows_count; i++) {
        const json_t *value = json_object_get(ratios, rows[i].name);
        if (value == NULL)
            continue;
        if (!any)
            fputs("<h2>What was to be reached</h2>\n<div class=\"wide\"><table>\n"
                  "<caption>Ratios, which hold on any machine; of memory, bytes</caption>\n"
                  "<thead><tr><th scope=\"col\">row</th><th scope=\"col\">figure</th><th scope=\"col\">target</th>"
                  "<th scope=\"col\"></th><th scope=\"col\">what</th></tr></thead>\n<tbody>\n",
                  out);
        any = true;
        put_row(out, &rows[i], json_number_value(value));
    }
    if (any)
        fputs("</tbody></table></div>\n", out);
}

/* ---- stages against the floors ---- */

static void put_part(FILE *out, const char *label, double ns, unsigned color, double widest)
{
    if (ns > 0)
        fprintf(out, "<div class=\"s%u\" style=\"width:%.2f%%\" title=\"%s %.1f ns\"></div>", color, 100 * ns / widest,
                label, ns);
}

static void put_label(FILE *out, const char *label, double ns, unsigned color)
{
    if (ns > 0)
        fprintf(out, "<li><span class=\"key s%u\"></span>%s %.1f ns</li>", color, label, ns);
}

static void put_split(FILE *out, const json_t *run)
{
    const json_t *stages = json_object_get(run, "stages");
    double ns = number_of(run, "ns_per_packet"), receive = number_of(run, "receive_ns"),
           scan = number_of(run, "scan_ns");
    double widest = ns > receive + scan ? ns : receive + scan;
    if (stages == NULL || json_object_get(run, "receive_ns") == NULL || widest <= 0)
        return;
    const char *cache = json_string_value(json_object_get(run, "cache"));
    fputs("<h3>", out);
    put_text(out, json_string_value(json_object_get(run, "name")));
    fprintf(out, ", data %s</h3>\n<p>%.1f ns a packet, %.2f Gbit/s; the floors are %.1f ns.</p>\n",
            cache != NULL && cache[0] == 'i' ? "in cache" : "out of cache", ns, number_of(run, "gbit_per_s"),
            receive + scan);
    fputs("<div class=\"stack\" aria-hidden=\"true\">", out);
    for (unsigned i = 0; i < STAGES; i++)
        put_part(out, stage_names[i], number_of(stages, stage_names[i]), i, widest);
    fputs("</div>\n<ul class=\"keys\">", out);
    for (unsigned i = 0; i < STAGES; i++)
        put_label(out, stage_names[i], number_of(stages, stage_names[i]), i);
    fputs("</ul>\n<div class=\"stack\" aria-hidden=\"true\">", out);
    put_part(out, "receive floor", receive, STAGE_RECEIVE, widest);
    put_part(out, "scan floor", scan, STAGE_SCAN, widest);
    fputs("</div>\n<ul class=\"keys\">", out);
    put_label(out, "receive floor", receive, STAGE_RECEIVE);
    put_label(out, "scan floor", scan, STAGE_SCAN);
    fputs("</ul>\n", out);
}

static void put_splits(FILE *out, const json_t *runs)
{
    size_t index;
    json_t *run;
    fputs("<h2>Where the time goes</h2>\n<p>Of each pair the upper bar is bearertap, by stage; the lower one what "
          "receiving and raw matching take on the same packets.</p>\n",
          out);
    json_array_foreach(runs, index, run) put_split(out, run);
}

/* ---- all runs ---- */

static void put_runs(FILE *out, const json_t *runs)
{
    size_t index;
    json_t *run;
    fputs(
        "<h2>All runs</h2>\n<div class=\"wide\"><table>\n<caption>Gbit/s are of the wire, with preamble, check "
        "sequence "
        "and gap</caption>\n<thead><tr><th scope=\"col\">run</th><th scope=\"col\">ns a packet</th>"
        "<th scope=\"col\">Mpps</th><th scope=\"col\">Gbit/s</th><th scope=\"col\">found</th></tr></thead>\n<tbody>\n",
        out);
    json_array_foreach(runs, index, run)
    {
        double found = number_of(run, "sightings"), expected = number_of(run, "expected");
        const char *cache = json_string_value(json_object_get(run, "cache"));
        bool right = found >= expected && found <= expected;
        fputs("<tr><th scope=\"row\">", out);
        put_text(out, json_string_value(json_object_get(run, "name")));
        fprintf(out,
                "%s</th><td class=\"n\">%.1f</td><td class=\"n\">%.3f</td><td class=\"n\">%.2f</td>"
                "<td class=\"%s\">%g of %g</td></tr>\n",
                cache != NULL && cache[0] == 'i' ? ", in cache" : "", number_of(run, "ns_per_packet"),
                number_of(run, "mpps"), number_of(run, "gbit_per_s"), right ? "good" : "bad", found, expected);
    }
    fputs("</tbody></table></div>\n", out);
}

/* ---- speed over a number of something ---- */

static void put_series(FILE *out, const json_t *series)
{
    const json_t *points = json_object_get(series, "points");
    size_t index;
    json_t *point;
    double most = 0;
    json_array_foreach(points, index, point) most = number_of(point, "mpps") > most ? number_of(point, "mpps") : most;
    if (most <= 0)
        return;
    fputs("<h3>", out);
    put_text(out, json_string_value(json_object_get(series, "name")));
    fputs("</h3>\n<table>\n<thead><tr><th scope=\"col\">number</th><th scope=\"col\">Mpps</th><th "
          "scope=\"col\">Gbit/s</th>"
          "<th scope=\"col\" style=\"width:50%\"></th></tr></thead>\n<tbody>\n",
          out);
    json_array_foreach(points, index, point)
        fprintf(out,
                "<tr><th scope=\"row\">%.0f</th><td class=\"n\">%.3f</td><td class=\"n\">%.2f</td>"
                "<td><div class=\"bar\" aria-hidden=\"true\" style=\"width:%.1f%%\"></div></td></tr>\n",
                number_of(point, "count"), number_of(point, "mpps"), number_of(point, "gbit_per_s"),
                100 * number_of(point, "mpps") / most);
    fputs("</tbody></table>\n", out);
}

void html_write(FILE *out, const json_t *report)
{
    const json_t *series = json_object_get(report, "series");
    size_t index;
    json_t *each;
    fputs(head, out);
    fputs("<h1>bearertap: how fast it is</h1>\n<p>The real workers on packets in memory, one CPU unless said, beside "
          "what "
          "receiving alone and raw Hyperscan take on the same packets in the same run. Medians of interleaved "
          "rounds.</p>\n",
          out);
    put_rows(out, json_object_get(report, "ratios"));
    put_splits(out, json_object_get(report, "runs"));
    if (json_array_size(series) > 0)
        fputs("<h2>Speed over numbers</h2>\n<p>api traffic.</p>\n", out);
    json_array_foreach(series, index, each) put_series(out, each);
    put_runs(out, json_object_get(report, "runs"));
    put_machine(out, json_object_get(report, "machine"));
    fputs("</main>\n</body></html>\n", out);
}

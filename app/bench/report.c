/* SPDX-License-Identifier: BSD-3-Clause */
#include "report.h"

#include <stdio.h>

#include <bearertap/error.h>

#include "sampler.h"
#include "worst.h"

/* What makes a machine a noisy one. */
#define SPREAD_MAX     0.05
#define OTHER_LOAD_MAX 0.1
#define SWITCHES_MAX   100.0 /* a second: a thread that has its CPU for itself loses it now and then only */

double number_of(const json_t *object, const char *name)
{
    return json_number_value(json_object_get(object, name));
}

static const char *text_of(const json_t *object, const char *name)
{
    const char *text = json_string_value(json_object_get(object, name));
    return text != NULL ? text : "?";
}

void report_machine(const json_t *machine)
{
    const json_t *caches = json_object_get(machine, "caches");
    printf("%s, %.0f CPUs to use, L2 %s, L3 %s, Linux %s, huge pages: %s\n", text_of(machine, "cpu"),
           number_of(machine, "cores"), text_of(caches, "L2"), text_of(caches, "L3"), text_of(machine, "kernel"),
           text_of(machine, "huge_pages"));
    printf("bearertap %s for %s by GCC or Clang %s; %s; Hyperscan %s; load %.2f\n\n", text_of(machine, "version"),
           text_of(machine, "march"), text_of(machine, "compiler"), text_of(machine, "dpdk"),
           text_of(machine, "hyperscan"), number_of(machine, "load"));
}

static bool run_is_right(const json_t *run)
{
    double found = number_of(run, "sightings"), expected = number_of(run, "expected");
    return found >= expected && found <= expected;
}

static void report_stages(const json_t *stages)
{
    double all = 0;
    for (unsigned stage = 0; stage < STAGES; stage++)
        all += number_of(stages, stage_names[stage]);
    if (all <= 0)
        return;
    printf("  stages      ");
    for (unsigned stage = 0; stage < STAGES; stage++)
        printf("%s%s %.0f %%", stage > 0 ? ", " : "", stage_names[stage],
               100 * number_of(stages, stage_names[stage]) / all);
    printf("\n");
}

void report_run(const json_t *run)
{
    const json_t *cache = json_object_get(run, "cache");
    printf("%s%s%s%s\n", text_of(run, "name"), cache != NULL ? ", data " : "",
           cache != NULL ? json_string_value(cache) : "",
           cache == NULL                        ? ""
           : json_string_value(cache)[0] == 'i' ? " cache"
                                                : " of cache");
    if (!run_is_right(run))
        printf("  FAILED      %.2f sightings a pass, %.2f are in it: the speed is worth nothing\n",
               number_of(run, "sightings"), number_of(run, "expected"));
    printf(
        "  rate        %.3f Mpps, %.2f Gbit/s on the wire (with preamble, check sequence and gap), %.2f of payload\n",
        number_of(run, "mpps"), number_of(run, "gbit_per_s"), number_of(run, "payload_gbit_per_s"));
    printf("  a packet    %.1f ns, %.0f cycles; %.3f ns a payload byte; %.0f tokens a second\n",
           number_of(run, "ns_per_packet"), number_of(run, "cycles_per_packet"), number_of(run, "ns_per_payload_byte"),
           number_of(run, "tokens_per_s"));
    if (run_is_right(run))
        printf("  recall      100 %%: %.0f of %.0f in %.0f packets, in each of %.0f passes\n",
               number_of(run, "sightings"), number_of(run, "expected"), number_of(run, "packets"),
               number_of(run, "passes"));
    if (json_object_get(run, "floor") != NULL)
        printf("  floors      receive %.1f ns + scan %.1f ns; %.2f times that\n", number_of(run, "receive_ns"),
               number_of(run, "scan_ns"), number_of(run, "floor"));
    report_stages(json_object_get(run, "stages"));
    printf("  spread      %.1f %% over rounds\n\n", 100 * number_of(run, "spread"));
}

void report_row(const struct row *row, const json_t *result)
{
    double value = number_of(result, "value");
    char target[ROW_TARGET_TEXT];
    row_put_target(row, target);
    const char *verdict = row->target_kind == NO_TARGET ? "" : row_is_reached(row, value) ? "reached" : "MISSED";
    printf("%-20s %8.3f   %-9s  %-8s %s\n", row->name, value, target, verdict, row->help);
    fflush(stdout);
}

void report_worst(const json_t *worst)
{
    printf("%-18s %6.3f of api's packet rate  %-9s %s\n", text_of(worst, "name"), number_of(worst, "ratio"),
           json_is_true(json_object_get(worst, "holds")) ? "holds" : "TOO SLOW", text_of(worst, "help"));
    fflush(stdout);
}

void report_slowest(const json_t *worst)
{
    printf("\nThe bound is %g of api's packet rate. The slowest is `%s`: %s.\n", WORST_BOUND, text_of(worst, "name"),
           text_of(worst, "reason"));
}

void report_against(const json_t *compared)
{
    const char *cache = json_string_value(json_object_get(compared, "cache"));
    printf("%-12s data %-12s this %8.1f ns a packet, the other %8.1f: %.3f of its time (%.3f to %.3f)\n",
           text_of(compared, "name"), cache != NULL && cache[0] == 'i' ? "in cache," : "out of it,",
           number_of(compared, "ns_per_packet"), number_of(compared, "other_ns_per_packet"),
           number_of(compared, "ratio"), number_of(compared, "least"), number_of(compared, "most"));
    fflush(stdout);
}

void report_noise(const char *name, const json_t *noise)
{
    if (noise == NULL)
        return;
    if (!json_boolean_value(json_object_get(noise, "pinned")))
        log_warning("%s: there are fewer CPUs than threads, which float over them: figures mean little", name);
    char switches[64] = "";
    if (json_object_get(noise, "switches_a_second") != NULL)
        snprintf(switches, sizeof(switches), ", and a thread lost its CPU %.0f times a second",
                 number_of(noise, "switches_a_second"));
    if (number_of(noise, "spread") > SPREAD_MAX || number_of(noise, "other_load") > OTHER_LOAD_MAX ||
        number_of(noise, "switches_a_second") > SWITCHES_MAX)
        log_warning("%s: the machine is noisy: rounds differ by %.0f %%, others kept %.1f CPUs busy%s", name,
                    100 * number_of(noise, "spread"), number_of(noise, "other_load"), switches);
}

bool report_recall(const json_t *runs)
{
    bool right = true;
    size_t index;
    json_t *run;
    json_array_foreach(runs, index, run)
    {
        if (run_is_right(run))
            continue;
        right = false;
        log_error("%s: %.2f sightings a pass, %.2f are in it: its figures are worth nothing", text_of(run, "name"),
                  number_of(run, "sightings"), number_of(run, "expected"));
    }
    return right;
}

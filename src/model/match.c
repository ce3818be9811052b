/* SPDX-License-Identifier: Apache-2.0
 *
 * Which model file fits a CPU: see match.h.
 */
#include "model/match.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/array.h"

/* What it costs to take another CPU's model, as 68 % of servers since 2013 stay below it when they
 * are predicted from others (docs/estimate.md): of the same CPU, of the same family without that
 * CPU, of other families; of another vendor's nothing is known, and it is taken to be twice that.
 */
static const struct {
        const char *name;
        double error_pct;
} nearness[] = {
        [JK_NEAR_CPU] = { "the same CPU", 10 },
        [JK_NEAR_MODEL] = { "the same family and model", 15 },
        [JK_NEAR_FAMILY] = { "the same family", 15 },
        [JK_NEAR_REST] = { "of no family there is", 22 },
        [JK_NEAR_VENDOR] = { "the same vendor", 22 },
        [JK_NEAR_OTHER] = { "another vendor", 44 },
};

/* Power does not follow threads: idle power hardly does, and that at full load to a power between
 * 1/2 and 1. So of the ratio's logarithm up to half is wrong, and of the frequency's as much. */
#define SCALING_PCT  50
#define UNSCALED_PCT 50 /* one of the two does not tell its threads */

/* Of a file that tells its mean error only, and of one that tells nothing. */
#define DEVIATION_BY_MEAN 1.25 /* of normal errors: √(π/2) */
#define UNTOLD_PCT        100

/* ---- what a machine is ---- */

/* "Intel(R) Xeon(R) CPU E5-2698 v4 @ 2.20GHz" -> 2200; NaN: it does not say so. */
static double
mhz_of_name(const char *name)
{
        const char *at = strchr(name, '@');
        char *end;
        double value = at ? strtod(at + 1, &end) : NAN;

        if (!at || end == at + 1 || !(value > 0 && value < 1e5))
                return NAN;
        if (strncasecmp(end, "GHz", 3) == 0)
                return round(value * 1000);
        return strncasecmp(end, "MHz", 3) == 0 ? value : NAN;
}

static int
told(int number)
{
        return number > 0 ? number : -1;
}

void
jk_model_cpu_of(const struct jk_cpu_identity *identity, struct jk_model_cpu *ret_cpu)
{
        struct jk_model_file blank;
        struct jk_model_cpu *cpu = &blank.cpu;
        int packages = identity->siblings > 0 && !identity->hypervisor
                               ? (identity->n_cpus + identity->siblings - 1) / identity->siblings
                               : -1;

        jk_model_file_init(&blank);
        snprintf(cpu->vendor, sizeof cpu->vendor, "%s", identity->vendor);
        snprintf(cpu->name, sizeof cpu->name, "%s", identity->name);
        snprintf(cpu->architecture, sizeof cpu->architecture, "%s", jk_cpu_find(identity)->name);
        if (identity->vendor[0]) {
                cpu->family = identity->family;
                cpu->model = identity->model;
                cpu->stepping = identity->stepping;
        } else {
                cpu->implementer = told((int)identity->implementer);
                cpu->part = told((int)identity->part);
        }
        cpu->threads = told(identity->n_cpus);
        cpu->sockets = told(packages);
        if (packages > 0 && identity->cores > 0) {
                cpu->cores = packages * identity->cores;
                cpu->threads_per_core = told(identity->siblings / identity->cores);
        }
        cpu->base_mhz = mhz_of_name(identity->name);
        *ret_cpu = *cpu;
}

int
jk_model_cpu_here(const struct jk_root *root, struct jk_model_cpu *ret_cpu, struct jk_error *err)
{
        struct jk_cpu_identity identity;
        uint64_t base_khz;
        int r = jk_cpu_identify(root, &identity, err);

        if (r < 0)
                return r;
        jk_model_cpu_of(&identity, ret_cpu);
        if (jk_root_read_u64(root, "sys/devices/system/cpu/cpu0/cpufreq/base_frequency",
                             &base_khz) == 0 &&
            base_khz > 0)
                ret_cpu->base_mhz = (double)base_khz / 1000;
        return 0;
}

/* ---- how near ---- */

static bool
same_text(const char *a, const char *b)
{
        return *a && strcmp(a, b) == 0;
}

static bool
same_number(int a, int b)
{
        return a >= 0 && a == b;
}

/* "intel-other", "other": what is known of it is that it is none of the others. */
static bool
is_rest(const char *architecture)
{
        size_t length = strlen(architecture);

        return length >= 5 && strcmp(architecture + length - 5, "other") == 0;
}

static enum jk_model_nearness
nearness_of(const struct jk_model_cpu *a, const struct jk_model_cpu *b)
{
        if (same_text(a->vendor, b->vendor) && same_text(a->name, b->name))
                return JK_NEAR_CPU;
        if (same_text(a->vendor, b->vendor) && same_number(a->family, b->family) &&
            same_number(a->model, b->model) && same_number(a->stepping, b->stepping))
                return JK_NEAR_MODEL;
        if (same_number(a->implementer, b->implementer) && same_number(a->part, b->part))
                return JK_NEAR_MODEL;
        if (same_text(a->architecture, b->architecture))
                return is_rest(a->architecture) ? JK_NEAR_REST : JK_NEAR_FAMILY;
        if (same_text(a->vendor, b->vendor) || same_number(a->implementer, b->implementer))
                return JK_NEAR_VENDOR;
        return JK_NEAR_OTHER;
}

/* Made for whatever CPU of a family, its own error bar tells of that already. */
static bool
is_of_a_family(const struct jk_model_cpu *cpu)
{
        return !cpu->name[0] && cpu->model < 0 && cpu->part < 0;
}

static double
own_error_pct(const struct jk_model_error *error)
{
        if (!isnan(error->uncertainty_pct))
                return error->uncertainty_pct;
        return isnan(error->mape_pct) ? UNTOLD_PCT : DEVIATION_BY_MEAN * error->mape_pct;
}

struct jk_model_match
jk_model_match(const struct jk_model_cpu *cpu, const struct jk_model_file *file)
{
        struct jk_model_match match = {
                .nearness = nearness_of(cpu, &file->cpu),
                .scale = 1,
                .own_pct = own_error_pct(&file->error),
        };
        double sum = match.own_pct * match.own_pct, part = nearness[match.nearness].error_pct;

        if (match.nearness > JK_NEAR_REST || !is_of_a_family(&file->cpu))
                sum += part * part;
        if (file->per != JK_PER_THREAD) {
                part = UNSCALED_PCT;
                if (cpu->threads > 0 && file->cpu.threads > 0) {
                        match.scale = (double)cpu->threads / file->cpu.threads;
                        part = SCALING_PCT * log(match.scale);
                }
                sum += part * part;
        }
        if (cpu->base_mhz > 0 && file->cpu.base_mhz > 0) {
                part = SCALING_PCT * log(cpu->base_mhz / file->cpu.base_mhz);
                sum += part * part;
        }
        match.error_pct = sqrt(sum);
        return match;
}

int
jk_model_match_compare(const struct jk_model_match *a, const struct jk_model_match *b)
{
        if (a->nearness != b->nearness)
                return a->nearness < b->nearness ? -1 : 1;
        return a->error_pct < b->error_pct ? -1 : a->error_pct > b->error_pct;
}

const char *
jk_model_nearness_name(enum jk_model_nearness near)
{
        return nearness[near].name;
}

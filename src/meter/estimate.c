/* SPDX-License-Identifier: Apache-2.0
 *
 * The estimate, where nothing measures the CPU (most virtual machines): zones by learned curves
 * (curve/curve.h) where there are any, else package power from a table of architectures and the
 * CPUs' utilisation. Its zones are marked modelled and carry the error bar of the curve or table;
 * docs/estimate.md says how wide the table's is, and why. Where a meter of the same zone or of one
 * around it shows up, what it says corrects the estimate, also after it has gone.
 *
 * By the table, power is per hardware thread, so a guest that sees 2 of 64 threads is given 2/64 of
 * the processor, idle and busy, and the scale follows when CPUs come and go. It has no zone for
 * memory: what DRAM draws depends on its traffic and size, and utilisation tells neither.
 */
#include "meter/meter.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/array.h"
#include "base/cleanup.h"
#include "base/units.h"
#include "curve/estimates.h"
#include "meter/cpu-model.h"

#define PACKAGES_MAX 16
#define ZONES_MAX    (PACKAGES_MAX + JK_CURVES_MAX)
/* proc/stat counts in ticks of 10 ms: in less than two of them it may not have moved at all, and
 * the CPUs are taken to be as busy as before. */
#define CLOCK_TICKS_NS (20 * JK_NS_PER_MS)
#define CPUS_MAX       1024 /* those beyond count towards package 0 */

/* A zone's error bar and idle power are said anew when they have moved by so much: each time costs
 * a recording a line. */
#define ERROR_STEP 0.05
#define IDLE_STEP  0.02

/* How long it takes the error bar to follow what lies beyond the curve. */
#define ERROR_S 60

/* A meter that was not read for so long is not there. */
#define ABSENT_S 120

/* What is estimated of a zone in a tick. */
struct estimate {
        double power_w; /* NaN: not known */
        double idle_w, error_pct;
};

/* A zone, by the table or by a curve. */
struct estimated {
        const struct jk_curve *curve; /* NULL: by the table */
        struct jk_correction *correction;
        struct estimate now;
        double carry;
        bool begun;
        double utilisation; /* the latest; NaN: none yet */

        /* since the reference was read last: its energy covers all of that */
        double pending_j, pending_s;
        bool is_same; /* the latest was of the same zone: of the zone's power alone */
        char reference[JK_ZONE_NAME_SIZE]; /* whose reading was taken last */
};

struct jk_meter {
        const struct jk_cpu_row *row;
        double threads_each;
        struct jk_meter_zone zones[ZONES_MAX];
        struct estimated estimated[ZONES_MAX];
        size_t n_zones;
        uint8_t zone_of[CPUS_MAX]; /* by CPU number: of those by the table */
        struct jk_curve_view view;
        struct jk_estimates own; /* where nobody gave any */
        char note[256];
};

/* ---- open ---- */

/* The zone of a physical package, made at the first CPU in it. Packages beyond the room for them
 * share the last one. */
static uint8_t
zone_of_package(struct jk_meter *meter, int64_t package)
{
        for (size_t i = 0; i < meter->n_zones; i++)
                if (meter->zones[i].zone.package == package)
                        return (uint8_t)i;

        if (meter->n_zones == PACKAGES_MAX)
                return PACKAGES_MAX - 1;
        meter->zones[meter->n_zones].zone.package = (int)package;
        return (uint8_t)meter->n_zones++;
}

/* CPUs per zone. A guest's sockets are its hypervisor's invention (some give every CPU one of its
 * own): there all CPUs are package 0. */
static void
map_packages(struct jk_meter *meter, const struct jk_root *root, bool guest)
{
        for (size_t cpu = 0; cpu < CPUS_MAX && !guest; cpu++) {
                char path[96];
                int64_t package;

                snprintf(path, sizeof path,
                         "sys/devices/system/cpu/cpu%zu/topology/physical_package_id", cpu);
                /* -1: no such thing as packages (some ARM machines); absent: no such CPU now. */
                if (jk_root_read_i64(root, path, &package) == 0 && package >= 0 &&
                    package <= INT16_MAX)
                        meter->zone_of[cpu] = zone_of_package(meter, package);
        }

        if (meter->n_zones == 0)
                zone_of_package(meter, 0);
}

static void
describe_by_table(struct jk_meter *meter, const struct jk_cpu_identity *identity)
{
        double threads = identity->n_cpus * meter->threads_each / (double)meter->n_zones;

        for (size_t i = 0; i < meter->n_zones; i++) {
                struct jk_zone *zone = &meter->zones[i].zone;
                int package = zone->package;

                *zone = (struct jk_zone){
                        .source = "estimate",
                        .kind = JK_ZONE_PACKAGE,
                        .provenance = JK_MODELLED,
                        .parent = -1,
                        /* Of a guest it is all CPUs, whatever their sockets are said to be. */
                        .package = identity->hypervisor ? -1 : package,
                        .uncertainty_pct = meter->row->uncertainty_pct,
                        .idle_w = jk_cpu_idle_w(meter->row) * threads,
                        .limit_w = NAN,
                        .max_w = NAN,
                };
                snprintf(zone->name, sizeof zone->name, "package-%d", package);
                snprintf(zone->path, sizeof zone->path,
                         "proc/stat and the model %s: %.2f to %.2f W per thread, %d CPUs",
                         meter->row->name, jk_cpu_idle_w(meter->row), jk_cpu_max_w(meter->row),
                         identity->n_cpus);
        }
}

/* Of packages and memory a curve tells all together: the machine's. */
static void
add_curve(struct jk_meter *meter, const struct jk_curve *curve, int n_cpus)
{
        bool numbered = curve->kind == JK_ZONE_PACKAGE || curve->kind == JK_ZONE_CORE ||
                        curve->kind == JK_ZONE_UNCORE || curve->kind == JK_ZONE_DRAM;
        struct jk_zone *zone = &meter->zones[meter->n_zones].zone;
        double scale = curve->cpus > 0 ? n_cpus / curve->cpus : 1;

        *zone = (struct jk_zone){
                .source = "estimate",
                .kind = curve->kind,
                .provenance = JK_MODELLED,
                .parent = -1,
                .package = numbered ? 0 : -1,
                .uncertainty_pct = curve->error_pct,
                .idle_w = scale * curve->levels_w[0],
                .limit_w = NAN,
                .max_w = NAN,
        };
        snprintf(zone->name, sizeof zone->name, "%s%s", jk_zone_kind_name(curve->kind),
                 numbered ? "-0" : "");
        snprintf(zone->path, sizeof zone->path, "%s", curve->name);
        meter->estimated[meter->n_zones++].curve = curve;
}

static bool
has_curve(const struct jk_estimates *estimates, enum jk_zone_kind kind)
{
        for (size_t i = 0; i < estimates->n_curves; i++)
                if (estimates->curves[i].kind == kind)
                        return true;

        return false;
}

static void
choose_zones(struct jk_meter *meter, const struct jk_meter_env *env,
             const struct jk_cpu_identity *identity)
{
        struct jk_estimates *estimates = env->estimates ? env->estimates : &meter->own;

        if (!has_curve(estimates, JK_ZONE_PACKAGE)) {
                map_packages(meter, env->root, identity->hypervisor);
                describe_by_table(meter, identity);
        }
        for (size_t i = 0; i < estimates->n_curves; i++)
                add_curve(meter, &estimates->curves[i], identity->n_cpus);
        for (size_t i = 0; i < meter->n_zones; i++) {
                meter->zones[i].index = -1;
                meter->estimated[i].correction = &estimates->corrections[i];
                meter->estimated[i].now.power_w = NAN;
        }
}

static int
estimate_open(const struct jk_meter_env *env, struct jk_meter **ret_meter, struct jk_error *err)
{
        jk_autofree struct jk_meter *meter = NULL;
        struct jk_cpu_identity identity;
        int r;

        r = jk_cpu_identify(env->root, &identity, err);
        if (r < 0)
                return r;
        if (identity.n_cpus == 0)
                return jk_fail(err, ENODEV, "estimate: proc/cpuinfo lists no processor");

        meter = calloc(1, sizeof *meter);
        if (!meter)
                return jk_fail(err, ENOMEM, "estimate: out of memory");

        meter->row = jk_cpu_find(&identity);
        meter->threads_each = jk_cpu_threads_each(meter->row, &identity);
        choose_zones(meter, env, &identity);
        *ret_meter = jk_steal(meter);
        return 0;
}

static size_t
estimate_zones(struct jk_meter *meter, struct jk_meter_zone **ret_zones)
{
        *ret_zones = meter->zones;
        return meter->n_zones;
}

/* ---- read ---- */

struct load {
        double busy_ns;
        double total_ns;
        int n_cpus; /* online, and seen in this tick */
};

/* Time stolen by other guests is time in which this one drew nothing but its idle share. */
static void
add_loads(const struct jk_meter *meter, const struct jk_sample *sample, struct load *loads)
{
        for (size_t i = 0; i < sample->n_cpus; i++) {
                const struct jk_cpu_reading *cpu = &sample->cpus[i];
                struct load *load = &loads[cpu->cpu < CPUS_MAX ? meter->zone_of[cpu->cpu] : 0];
                double busy_ns =
                        (double)cpu->busy_ns + (double)cpu->irq_ns + (double)cpu->softirq_ns;

                if (!cpu->online)
                        continue;
                load->busy_ns += busy_ns;
                load->total_ns += busy_ns + (double)cpu->idle_ns + (double)cpu->steal_ns;
                load->n_cpus++;
        }
}

static struct estimate
by_table(const struct jk_meter *meter, struct estimated *estimated, const struct load *load,
         int64_t elapsed_ns)
{
        double threads = load->n_cpus * meter->threads_each;
        struct estimate estimate = { NAN, jk_cpu_idle_w(meter->row) * threads,
                                     meter->row->uncertainty_pct };

        if (load->total_ns > 0)
                estimated->utilisation = load->busy_ns / load->total_ns;
        else if (elapsed_ns > CLOCK_TICKS_NS || isnan(estimated->utilisation))
                return estimate; /* no time was counted: how busy they were is not known */

        estimate.power_w = jk_cpu_power_w(meter->row, estimated->utilisation) * threads;
        return estimate;
}

static struct estimate
by_curve(const struct jk_meter *meter, const struct estimated *estimated)
{
        struct jk_curve_power power = jk_curve_power(estimated->curve, &meter->view);

        return (struct estimate){ power.power_w, power.idle_w,
                                  jk_curve_error_pct(estimated->curve, power.beyond) };
}

/* ---- correction ---- */

/* What a zone is compared with. */
struct reference {
        enum jk_correction_basis basis;
        double power_w, span_s;
        const char *name;
};

static bool
is_read(const struct jk_sample *sample, size_t i)
{
        return (sample->readings[i].flags & JK_READING_SEEN) && sample->readings[i].elapsed_ns > 0;
}

static void
add_reference(struct reference *reference, const struct jk_sample *sample, size_t i)
{
        const struct jk_zone_reading *reading = &sample->readings[i];

        reference->name = sample->zones->zones[i].name;
        reference->power_w += jk_power_w(reading->energy_uj, reading->elapsed_ns);
        reference->span_s = (double)reading->elapsed_ns / 1e9;
}

/* Meters of the same energy: by the table a zone has its name, a curve is of all of its kind. */
static bool
find_same(const struct jk_sample *sample, const struct jk_zone *zone, bool all_of_kind,
          struct reference *ret)
{
        struct reference found = { .basis = JK_CORRECTION_SAME };

        for (size_t i = 0; i < sample->zones->count; i++) {
                const struct jk_zone *other = &sample->zones->zones[i];

                if (other->provenance == JK_MODELLED || other->kind != zone->kind ||
                    (!all_of_kind && strcmp(other->name, zone->name) != 0))
                        continue;
                if (!is_read(sample, i))
                        return false;
                add_reference(&found, sample, i);
        }
        if (!found.name)
                return false;

        *ret = found;
        return true;
}

/* The nearest meter of a zone around it. */
static bool
find_around(const struct jk_sample *sample, const struct jk_zone *zone, struct reference *ret)
{
        static const enum jk_zone_kind around[] = { JK_ZONE_PSYS, JK_ZONE_BATTERY, JK_ZONE_WALL };

        for (size_t k = 0; k < JK_COUNT(around) && zone->kind != around[k]; k++)
                for (size_t i = 0; i < sample->zones->count; i++) {
                        const struct jk_zone *other = &sample->zones->zones[i];

                        if (other->kind != around[k] || other->provenance == JK_MODELLED ||
                            !is_read(sample, i))
                                continue;
                        *ret = (struct reference){ .basis = JK_CORRECTION_AROUND };
                        add_reference(ret, sample, i);
                        return true;
                }
        return false;
}

/* All that is estimated, and used: what a zone around them holds of these. */
static double
sum_of_estimates(const struct jk_meter *meter)
{
        double sum_w = 0;

        for (size_t i = 0; i < meter->n_zones; i++)
                if (meter->zones[i].index >= 0)
                        sum_w += meter->estimated[i].now.power_w;
        return sum_w;
}

static void
learn_zone(struct jk_meter *meter, size_t i, const struct jk_sample *sample)
{
        struct estimated *estimated = &meter->estimated[i];
        const struct jk_zone *zone = &meter->zones[i].zone;
        double elapsed_s = (double)sample->elapsed_ns / 1e9, power_w = estimated->now.power_w;
        struct reference reference = { 0 };
        bool found = find_same(sample, zone, estimated->curve, &reference) ||
                     find_around(sample, zone, &reference);

        if (reference.basis == JK_CORRECTION_AROUND || (!found && !estimated->is_same))
                power_w = sum_of_estimates(meter);
        estimated->pending_s += elapsed_s;
        estimated->pending_j += power_w * elapsed_s;
        if (!found) {
                if (estimated->pending_s > ABSENT_S)
                        jk_correction_age(estimated->correction, elapsed_s);
                return;
        }

        /* A slow meter's reading covers several ticks; one that covers others tells nothing. */
        estimated->is_same = reference.basis == JK_CORRECTION_SAME;
        if (fabs(reference.span_s - estimated->pending_s) <= 0.5 * elapsed_s)
                jk_correction_learn(estimated->correction, reference.basis,
                                    estimated->pending_j / estimated->pending_s, reference.power_w,
                                    estimated->pending_s);
        snprintf(estimated->reference, sizeof estimated->reference, "%s", reference.name);
        estimated->pending_s = estimated->pending_j = 0;
}

static void
estimate_learn(struct jk_meter *meter, const struct jk_sample *sample)
{
        for (size_t i = 0; i < meter->n_zones; i++)
                if (!isnan(meter->estimated[i].now.power_w) && sample->elapsed_ns > 0)
                        learn_zone(meter, i, sample);
}

/* Say anew what a zone is like, where that has changed enough. */
static void
describe_anew(struct jk_zone *zone, const struct jk_corrected *corrected, double elapsed_s)
{
        double part = 1 - exp(-elapsed_s / ERROR_S);
        double step_pct = corrected->error_pct - zone->uncertainty_pct;

        /* Slowly, but never so slowly that no step is large enough. */
        if (fabs(step_pct) > ERROR_STEP * zone->uncertainty_pct)
                zone->uncertainty_pct += fmax(part, ERROR_STEP) * step_pct;
        if (fabs(corrected->idle_w - zone->idle_w) > IDLE_STEP * zone->idle_w)
                zone->idle_w = corrected->idle_w;
}

/* ---- read ---- */

static struct jk_zone_reading
read_zone(struct jk_meter *meter, size_t i, int64_t elapsed_ns)
{
        struct estimated *estimated = &meter->estimated[i];
        struct jk_zone_reading reading = { 0 };
        struct jk_corrected corrected;

        if (!estimated->begun || elapsed_ns <= 0) {
                estimated->begun = true;
                estimated->utilisation = NAN;
                reading.flags = JK_READING_REBASED;
                return reading;
        }
        if (isnan(estimated->now.power_w))
                return reading;

        corrected = jk_correction_apply(estimated->correction, estimated->now.power_w,
                                        estimated->now.idle_w, estimated->now.error_pct);
        describe_anew(&meter->zones[i].zone, &corrected, (double)elapsed_ns / 1e9);
        reading.energy_uj = jk_energy_uj(corrected.power_w, elapsed_ns, &estimated->carry);
        reading.elapsed_ns = elapsed_ns;
        reading.flags = JK_READING_SEEN;
        return reading;
}

/* What a curve needs and the tick does not show, or NULL. */
static const char *
find_missing(const struct jk_meter *meter, const struct jk_curve **ret_curve)
{
        for (size_t i = 0; i < meter->n_zones; i++) {
                const char *missing =
                        meter->estimated[i].curve
                                ? jk_curve_missing(meter->estimated[i].curve, &meter->view)
                                : NULL;

                if (missing && meter->zones[i].index >= 0) {
                        *ret_curve = meter->estimated[i].curve;
                        return missing;
                }
        }
        return NULL;
}

static int
estimate_read(struct jk_meter *meter, struct jk_sample *sample, struct jk_error *err)
{
        struct load loads[PACKAGES_MAX] = { 0 };
        const struct jk_curve *curve;
        const char *missing;
        bool seen;

        for (size_t i = 0; i < meter->n_zones; i++)
                meter->estimated[i].now.power_w = NAN;
        if (!(sample->flags & JK_SAMPLE_CPUS))
                return jk_fail(err, ENODATA,
                               "estimate: the CPUs' utilisation was not read (proc/stat)");

        add_loads(meter, sample, loads);
        seen = jk_curve_observe(&meter->view, sample);
        for (size_t i = 0; i < meter->n_zones; i++) {
                struct estimated *estimated = &meter->estimated[i];

                estimated->now = estimated->curve ? by_curve(meter, estimated)
                                                  : by_table(meter, estimated, &loads[i],
                                                             sample->elapsed_ns);
        }
        for (size_t i = 0; i < meter->n_zones; i++) {
                int index = meter->zones[i].index;

                if (index >= 0)
                        sample->readings[index] = read_zone(meter, i, sample->elapsed_ns);
                else
                        meter->estimated[i].begun = false;
        }

        missing = seen && !(sample->flags & JK_SAMPLE_FIRST) ? find_missing(meter, &curve) : NULL;
        return missing ? jk_fail(err, ENODATA,
                                 "estimate: %s needs %s, which is not counted here; train one "
                                 "without (joulekeeper model train --features)",
                                 curve->name, missing)
                       : 0;
}

static const char *
estimate_note(struct jk_meter *meter)
{
        static const char *const bases[] = { NULL, "of", "around" };
        const struct estimated *estimated = NULL;
        const struct jk_correction *correction;
        const struct jk_zone *zone = NULL;

        for (size_t i = 0; i < meter->n_zones && !zone; i++) {
                estimated = &meter->estimated[i];
                if (estimated->correction->trust > 0)
                        zone = &meter->zones[i].zone;
        }
        if (!zone)
                return NULL;

        correction = estimated->correction;
        snprintf(meter->note, sizeof meter->note,
                 "%s is corrected by %s, a meter %s it: factor %.2f, offset %+.1f W, trusted to "
                 "%.0f %%%s",
                 zone->name, estimated->reference[0] ? estimated->reference : "one that was here",
                 bases[correction->basis], correction->factor, correction->offset_w,
                 100 * correction->trust, correction->age_s > 0 ? "; it is gone" : "");
        return meter->note;
}

static void
estimate_close(struct jk_meter *meter)
{
        free(meter);
}

const struct jk_meter_ops jk_meter_estimate = {
        .name = "estimate",
        .summary = "package power by model files, or by the CPU's family and "
                   "utilisation; wide error bars",
        .estimates = true,
        .open = estimate_open,
        .zones = estimate_zones,
        .read = estimate_read,
        .learn = estimate_learn,
        .note = estimate_note,
        .close = estimate_close,
};

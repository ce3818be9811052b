/* SPDX-License-Identifier: Apache-2.0
 *
 * Training from recordings: see train.h.
 */
#include "cmd/train.h"

#include <math.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/text.h"
#include "base/units.h"
#include "model/curve-file.h"
#include "record/recording.h"

struct run {
        const struct jk_training *training;
        const char *path; /* of the recording at hand */
        struct jk_fit *fit;
        struct jk_sample sample;
        struct jk_about about; /* of the first recording */
        const char *cut;

        bool known;                /* the zone was in some recording */
        enum jk_zone_kind kind;    /* of it */
        bool is_one;               /* it was named, and is not all of its kind */
        double uncertainty_pct;    /* of its meter, at worst */
        struct jk_zone_table seen; /* all zones that there were, for who named none of them */
};

static void
end_run(struct run *run)
{
        jk_fit_free(run->fit);
        jk_sample_free(&run->sample);
}

/* ---- the zone ---- */

static bool
is_wanted(const struct run *run, const struct jk_zone *zone)
{
        return strcmp(zone->name, run->training->zone) == 0 ||
               strcmp(jk_zone_kind_name(zone->kind), run->training->zone) == 0;
}

static int
check_zone(struct run *run, const struct jk_zone *zone, struct jk_error *err)
{
        if (zone->provenance == JK_MODELLED)
                return jk_fail(err, EINVAL,
                               "%s: %s was estimated and not measured, so there is nothing to be "
                               "learned of it; give recordings of a machine with a meter",
                               run->path, zone->name);
        if (run->known && zone->kind != run->kind)
                return jk_fail(err, EINVAL, "%s: %s is of another kind than before", run->path,
                               zone->name);
        run->known = true;
        run->kind = zone->kind;
        run->is_one = strcmp(zone->name, run->training->zone) == 0;
        run->uncertainty_pct = fmax(run->uncertainty_pct, zone->uncertainty_pct);
        return 0;
}

/* Power of the wanted zones in the tick; NaN unless all were read. */
static int
read_power(struct run *run, double *ret_power_w, struct jk_error *err)
{
        const struct jk_zone_table *table = run->sample.zones;
        double power_w = 0;
        bool any = false;

        for (size_t i = 0; i < table->count; i++) {
                const struct jk_zone_reading *reading = &run->sample.readings[i];
                int r;

                (void)jk_zone_add(&run->seen, &table->zones[i]); /* once each */
                if (!is_wanted(run, &table->zones[i]))
                        continue;
                r = check_zone(run, &table->zones[i], err);
                if (r < 0)
                        return r;
                any = true;
                if ((reading->flags & JK_READING_SEEN) && reading->elapsed_ns > 0 &&
                    !jk_sample_has_gap(&run->sample, i))
                        power_w += jk_power_w(reading->energy_uj, reading->elapsed_ns);
                else
                        power_w = NAN;
        }
        *ret_power_w = any && !(run->sample.flags & JK_SAMPLE_SUSPENDED) ? power_w : NAN;
        return 0;
}

static int
refuse_unknown(const struct run *run, struct jk_error *err)
{
        jk_autotext struct jk_text names = { 0 };

        for (size_t i = 0; i < run->seen.count; i++)
                jk_text_printf(&names, "%s%s", i > 0 ? ", " : "", run->seen.zones[i].name);
        return jk_fail(err, ENODATA, "no recording has a zone '%s'; there are %s",
                       run->training->zone,
                       names.length > 0 && !names.failed ? names.data : "none at all");
}

/* ---- recordings ---- */

static bool
is_same_cpu(const struct jk_about *a, const struct jk_about *b)
{
        return strcmp(a->cpu, b->cpu) == 0 && a->identity.family == b->identity.family &&
               a->identity.model == b->identity.model && a->identity.part == b->identity.part;
}

static int
read_ticks(struct run *run, struct jk_reader *reader, struct jk_error *err)
{
        uint64_t most = run->training->ticks_max;
        int r = 0;

        while ((most == 0 || jk_reader_ticks(reader) < most) &&
               (r = jk_reader_next(reader, &run->sample, err)) > 0) {
                double power_w;

                r = read_power(run, &power_w, err);
                if (r < 0)
                        return r;
                if (jk_fit_add(run->fit, &run->sample, power_w) < 0)
                        return jk_fail(err, ENOMEM, "%s: out of memory", run->path);
        }
        if (r == 0 && jk_reader_is_cut(reader))
                run->cut = run->path;
        return r < 0 ? r : 0;
}

static int
read_recording(struct run *run, size_t i, struct jk_error *err)
{
        struct jk_reader *reader;
        int r = jk_reader_open(run->path, &reader, err);

        if (r < 0)
                return r;
        if (i == 0)
                run->about = *jk_reader_about(reader);
        jk_fit_begin(run->fit, jk_reader_about(reader)->host);
        if (is_same_cpu(&run->about, jk_reader_about(reader)))
                r = read_ticks(run, reader, err);
        else
                r = jk_fail(err, EINVAL,
                            "%s: it is of another CPU (%s) than %s (%s); train a model for each",
                            run->path, jk_reader_about(reader)->cpu, run->training->paths[0],
                            run->about.cpu);
        jk_reader_close(reader);
        return r;
}

/* ---- the file ---- */

static int
or_unknown(int number)
{
        return number > 0 ? number : -1;
}

static void
tell_cpu(const struct run *run, const struct jk_curve *curve, struct jk_model_cpu *cpu)
{
        const struct jk_cpu_identity *identity = &run->about.identity;

        snprintf(cpu->vendor, sizeof cpu->vendor, "%s", identity->vendor);
        snprintf(cpu->name, sizeof cpu->name, "%.*s", (int)sizeof cpu->name - 1, run->about.cpu);
        cpu->threads = or_unknown((int)lround(curve->cpus));
        if (identity->n_cpus == 0)
                return; /* nobody told */

        snprintf(cpu->architecture, sizeof cpu->architecture, "%s", jk_cpu_find(identity)->name);
        cpu->family = or_unknown(identity->family);
        cpu->model = or_unknown(identity->model);
        cpu->stepping = identity->stepping;
        cpu->implementer = or_unknown((int)identity->implementer);
        cpu->part = or_unknown((int)identity->part);
        if (identity->siblings > 0 && !identity->hypervisor) {
                cpu->sockets = or_unknown(identity->n_cpus / identity->siblings);
                cpu->cores = or_unknown(cpu->sockets * identity->cores);
        }
}

static void
tell_source(const struct run *run, struct jk_model_provenance *provenance)
{
        const struct jk_training *training = run->training;
        size_t n = 0;
        int length = 0;

        for (; n < training->n_paths; n++) {
                const char *slash = strrchr(training->paths[n], '/');
                const char *name = slash ? slash + 1 : training->paths[n];

                if (length + strlen(name) + 24 > sizeof provenance->source)
                        break; /* room for how many more */
                length += snprintf(provenance->source + length,
                                   sizeof provenance->source - (size_t)length, "%s%s",
                                   n > 0 ? ", " : "", name);
        }
        if (n < training->n_paths)
                snprintf(provenance->source + length, sizeof provenance->source - (size_t)length,
                         "%s%zu %s", n > 0 ? " and " : "", training->n_paths - n,
                         n > 0 ? "more" : "recordings");
}

static void
tell_provenance(const struct run *run, struct jk_model_provenance *provenance)
{
        time_t now = time(NULL);
        struct tm day;

        snprintf(provenance->program, sizeof provenance->program, "joulekeeper " JK_VERSION);
        snprintf(provenance->method, sizeof provenance->method,
                 "least squares without negative weights over %zu ticks, features chosen on ticks "
                 "kept back",
                 jk_fit_ticks(run->fit));
        tell_source(run, provenance);
        if (gmtime_r(&now, &day))
                strftime(provenance->date, sizeof provenance->date, "%Y-%m-%d", &day);
}

static void
tell_error(const struct run *run, const struct jk_curve *curve, const struct jk_fit_errors *errors,
           struct jk_model_error *error)
{
        error->mae_w = errors->mae_w;
        error->mape_pct = errors->mape_pct;
        error->uncertainty_pct = hypot(curve->error_pct, run->uncertainty_pct);
        error->n = (int)jk_fit_ticks(run->fit);
        if (errors->machines > 0)
                snprintf(error->method, sizeof error->method,
                         "each of %zu machines in turn, learned from the others", errors->machines);
        else
                snprintf(error->method, sizeof error->method,
                         "%zu folds of contiguous blocks of %zu ticks", run->training->fit.n_folds,
                         errors->block);
}

static size_t
count_zones(const struct run *run)
{
        size_t n = 0;

        for (size_t i = 0; i < run->seen.count; i++)
                n += run->seen.zones[i].kind == run->kind;
        return n;
}

static void
tell(const struct run *run, const struct jk_curve *curve, const struct jk_fit_errors *errors,
     struct jk_model_file *file)
{
        jk_model_file_init(file);
        jk_curve_to_file(curve, file);
        snprintf(file->summary, sizeof file->summary, "%s%s of %.80s", run->training->zone,
                 run->is_one ? "" : " zones, all together,",
                 run->about.cpu[0] ? run->about.cpu : "a CPU that nobody named");
        tell_cpu(run, curve, &file->cpu);
        if (run->is_one && count_zones(run) > 1)
                file->per = JK_PER_ZONE;
        tell_provenance(run, &file->provenance);
        tell_error(run, curve, errors, &file->error);
}

int
jk_train(const struct jk_training *training, struct jk_model_file *ret_file,
         struct jk_fit_errors *ret_errors, const char **ret_cut, struct jk_error *err)
{
        __attribute__((cleanup(end_run))) struct run run = { .training = training,
                                                             .fit = jk_fit_new() };
        struct jk_curve curve = { 0 };
        int r = run.fit ? 0 : jk_fail(err, ENOMEM, "out of memory");

        for (size_t i = 0; r == 0 && i < training->n_paths; i++) {
                run.path = training->paths[i];
                r = read_recording(&run, i, err);
        }
        if (r == 0 && !run.known)
                r = refuse_unknown(&run, err);
        if (r == 0 && jk_fit_ticks(run.fit) == 0)
                r = jk_fail(err, ENODATA,
                            "%s was never read while CPUs were seen: see joulekeeper doctor on the "
                            "machine that recorded",
                            training->zone);
        if (r == 0)
                r = jk_fit_learn(run.fit, &training->fit, &curve, ret_errors, err);
        if (r < 0)
                return r;

        curve.kind = run.kind;
        tell(&run, &curve, ret_errors, ret_file);
        *ret_cut = run.cut;
        return 0;
}

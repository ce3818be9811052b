/* SPDX-License-Identifier: Apache-2.0
 *
 * Events that can be counted of tasks: see events.h.
 */
#include "activity/events/events.h"

#include <ctype.h>
#include <linux/perf_event.h>
#include <stdio.h>
#include <string.h>

#include "activity/events/generic.h"
#include "activity/events/pmus.h"
#include "base/suggest.h"

#define TEXT_SIZE 512

/* ---- codes ---- */

static struct jk_event_code
code_of_pmu(const struct jk_pmu *pmu)
{
        return (struct jk_event_code){
                .type = pmu->type,
                .everywhere = pmu->everywhere,
                .cpus = pmu->cpus,
        };
}

/* A term that names a word of perf_event_attr itself. */
static bool
put_direct(const struct jk_event_term *term, uint64_t configs[static JK_EVENT_CONFIGS])
{
        static const char *const names[JK_EVENT_CONFIGS] = { "config", "config1", "config2" };

        for (size_t i = 0; i < JK_EVENT_CONFIGS; i++) {
                if (strcmp(term->name, names[i]) != 0)
                        continue;
                configs[i] = term->value;
                return true;
        }
        return false;
}

static int
put_term(const struct jk_pmus *pmus, const char *name, const struct jk_pmu *pmu,
         const struct jk_event_term *term, struct jk_event_code *code, struct jk_error *err)
{
        char file[8 + JK_TERM_NAME_SIZE], format[128];
        int r;

        if (put_direct(term, code->configs))
                return 0;
        snprintf(file, sizeof file, "format/%s", term->name);
        if (jk_pmu_read_file(pmus, pmu->name, file, format, sizeof format) < 0)
                return jk_fail(err, EINVAL, "%s: the PMU %s knows no term '%s'", name, pmu->name,
                               term->name);

        r = jk_event_put(format, term->value, code->configs);
        if (r < 0)
                return jk_fail(err, r,
                               r == -ERANGE ? "%s: %s=0x%llx has more bits than %s/format has: %s"
                                            : "%s: %s=0x%llx: %s/format is not understood: %s",
                               name, term->name, (unsigned long long)term->value, pmu->name,
                               format);
        return 0;
}

static int
put_terms(const struct jk_pmus *pmus, const char *name, const struct jk_pmu *pmu, const char *terms,
          struct jk_event_code *code, struct jk_error *err)
{
        struct jk_event_term term;
        int r;

        while ((r = jk_event_next_term(&terms, &term)) > 0) {
                r = put_term(pmus, name, pmu, &term, code, err);
                if (r < 0)
                        return r;
        }
        if (r < 0)
                return jk_fail(err, r, "%s: '%s' is not TERM=NUMBER", name, terms);
        return 0;
}

/* ---- names that sysfs has ---- */

/* 0; -ENOENT: this PMU has none of that name. */
static int
add_named(const struct jk_pmus *pmus, const char *name, const char *event, const struct jk_pmu *pmu,
          struct jk_counted *counted, struct jk_error *err)
{
        char file[8 + JK_EVENT_NAME_SIZE], terms[TEXT_SIZE];
        struct jk_event_code code = code_of_pmu(pmu);
        int r;

        if (!jk_pmu_is_event_name(event))
                return -ENOENT;
        snprintf(file, sizeof file, "events/%s", event);
        if (jk_pmu_read_file(pmus, pmu->name, file, terms, sizeof terms) < 0)
                return -ENOENT;

        r = put_terms(pmus, name, pmu, terms, &code, err);
        if (r == 0)
                counted->codes[counted->n_codes++] = code;
        return r == -ENOENT ? -EINVAL : r;
}

static int
resolve_named(const struct jk_pmus *pmus, struct jk_counted *counted, struct jk_error *err)
{
        for (size_t i = 0; i < pmus->n; i++) {
                int r = add_named(pmus, counted->name, counted->name, &pmus->pmus[i], counted, err);

                if (r < 0 && r != -ENOENT)
                        return r;
        }
        return counted->n_codes > 0 ? 0 : -ENOENT;
}

/* ---- names of other forms ---- */

/* On x86 machines with two kinds of cores the number alone means one of them: the PMU's type goes
 * into the upper half. Others' kernels go by the CPU. */
static void
add_generic(const struct jk_pmus *pmus, const struct jk_generic_event *event,
            struct jk_counted *counted)
{
        bool hybrid = pmus->n > 0 && strncmp(pmus->pmus[0].name, "cpu_", 4) == 0;

        memcpy(counted->name, event->name, sizeof counted->name);
        counted->field = event->field;
        counted->software = event->type == PERF_TYPE_SOFTWARE;
        if (counted->software || !hybrid) {
                counted->codes[counted->n_codes++] = (struct jk_event_code){
                        .type = event->type,
                        .configs = { event->config },
                        .everywhere = true,
                };
                return;
        }
        for (size_t i = 0; i < pmus->n; i++) {
                struct jk_event_code code = code_of_pmu(&pmus->pmus[i]);

                code.configs[0] = event->config | (uint64_t)code.type << PERF_PMU_TYPE_SHIFT;
                code.type = event->type;
                counted->codes[counted->n_codes++] = code;
        }
}

static void
add_raw(const struct jk_pmus *pmus, uint64_t config, struct jk_counted *counted)
{
        for (size_t i = 0; i < pmus->n; i++) {
                counted->codes[i] = code_of_pmu(&pmus->pmus[i]);
                counted->codes[i].configs[0] = config;
        }
        counted->n_codes = pmus->n;
        if (pmus->n == 0)
                counted->codes[counted->n_codes++] = (struct jk_event_code){
                        .type = PERF_TYPE_RAW,
                        .configs = { config },
                        .everywhere = true,
                };
}

/* ---- names that are near ---- */

/* Names of sysfs are gone when the next is offered: the best one is copied. */
struct near {
        struct jk_suggest suggest;
        char best[JK_EVENT_NAME_SIZE];
};

static int
offer(const char *name, void *data)
{
        struct near *near = data;

        jk_suggest_offer(&near->suggest, name);
        if (near->suggest.best == name) {
                snprintf(near->best, sizeof near->best, "%s", name);
                near->suggest.best = near->best;
        }
        return 0;
}

static int
refuse_unknown(const struct jk_pmus *pmus, const char *name, struct jk_error *err)
{
        struct near near = { .suggest = { .wrong = name } };
        struct jk_generic_event event;

        if (strchr(name, ':'))
                return jk_fail(err, ENOENT,
                               "%s: there is no such event; modifiers such as :u are not taken, as "
                               "all that runs uses energy",
                               name);
        (void)jk_events_offered(pmus, offer, &near);
        for (size_t i = 0; jk_generic_at(i, &event); i++)
                offer(event.name, &near);
        if (near.best[0])
                return jk_fail(err, ENOENT, "%s: there is no such event; did you mean '%s'?", name,
                               near.best);
        return jk_fail(err, ENOENT,
                       "%s: there is no such event here; there are perf's generic ones, those "
                       "in " JK_PMU_DEVICES "/%s/events, PMU/TERM=NUMBER,…/ and rHEX",
                       name, pmus->n > 0 ? pmus->pmus[0].name : "PMU");
}

static int
refuse_pmu(const struct jk_pmus *pmus, const char *name, const char *pmu, struct jk_error *err)
{
        struct near near = { .suggest = { .wrong = pmu } };

        (void)jk_root_list(pmus->root, JK_PMU_DEVICES, offer, &near);
        return jk_fail(err, ENOENT, "%s: there is no PMU '%s' in " JK_PMU_DEVICES "%s%s%s", name,
                       pmu, near.best[0] ? "; did you mean '" : "", near.best,
                       near.best[0] ? "'?" : "");
}

static bool
is_of_cores(const struct jk_pmus *pmus, const char *pmu)
{
        for (size_t i = 0; i < pmus->n; i++)
                if (strcmp(pmus->pmus[i].name, pmu) == 0)
                        return true;
        return false;
}

/* Others count for many CPUs at once, or take their numbers for something else: `breakpoint` and
 * `uprobe` for addresses. */
static int
refuse_other_pmu(const struct jk_pmus *pmus, const char *name, const char *pmu,
                 struct jk_error *err)
{
        char those[TEXT_SIZE] = "none here";
        size_t length = 0;

        for (size_t i = 0; i < pmus->n && length < sizeof those; i++)
                length += (size_t)snprintf(those + length, sizeof those - length, "%s%s",
                                           i > 0 ? ", " : "", pmus->pmus[i].name);
        return jk_fail(err, EINVAL,
                       "%s: the PMU %s is not one of cores, so nobody knows for which task it "
                       "counts; those of cores are: %s",
                       name, pmu, those);
}

/* "cpu/event=0xd1,umask=1/", "cpu/mem-loads/". */
static int
resolve_with_pmu(const struct jk_pmus *pmus, struct jk_counted *counted, struct jk_error *err)
{
        char pmu_name[JK_PMU_NAME_SIZE], text[JK_EVENT_NAME_SIZE];
        struct jk_event_code code;
        const char *terms;
        struct jk_pmu pmu;
        size_t length;
        int r;

        if (jk_event_split(counted->name, pmu_name, &terms, &length) < 0)
                return jk_fail(err, EINVAL, "%s: write it as PMU/TERM=NUMBER,…/", counted->name);
        if (jk_pmu_read(pmus, pmu_name, &pmu) < 0)
                return refuse_pmu(pmus, counted->name, pmu_name, err);
        if (!is_of_cores(pmus, pmu_name))
                return refuse_other_pmu(pmus, counted->name, pmu_name, err);

        snprintf(text, sizeof text, "%.*s", (int)length, terms);
        r = add_named(pmus, counted->name, text, &pmu, counted, err);
        if (r != -ENOENT)
                return r;
        code = code_of_pmu(&pmu);
        r = put_terms(pmus, counted->name, &pmu, text, &code, err);
        if (r == 0)
                counted->codes[counted->n_codes++] = code;
        return r;
}

/* ---- resolving ---- */

static int
check_name(const char *name, struct jk_error *err)
{
        if (strlen(name) >= JK_EVENT_NAME_SIZE)
                return jk_fail(err, EINVAL, "%s: longer than %d characters; rHEX is shorter", name,
                               JK_EVENT_NAME_SIZE - 1);
        for (const char *c = name; *c; c++)
                if (!isgraph((unsigned char)*c) || *c == '"' || *c == '\\')
                        return jk_fail(err, EINVAL,
                                       "the name of an event has a character in it that none has");
        return *name ? 0 : jk_fail(err, EINVAL, "an event has no name");
}

int
jk_event_resolve(const struct jk_pmus *pmus, const char *name, struct jk_counted *ret_event,
                 struct jk_error *err)
{
        struct jk_counted counted = { 0 };
        struct jk_generic_event generic;
        uint64_t config;
        int r = check_name(name, err);

        if (r < 0)
                return r;
        snprintf(counted.name, sizeof counted.name, "%s", name);
        if (strchr(name, '/'))
                r = resolve_with_pmu(pmus, &counted, err);
        else if (jk_generic_find(name, &generic))
                add_generic(pmus, &generic, &counted);
        else if (jk_event_raw(name, &config) == 0)
                add_raw(pmus, config, &counted);
        else
                r = resolve_named(pmus, &counted, err);
        if (r == -ENOENT && !strchr(name, '/'))
                return refuse_unknown(pmus, name, err);
        if (r < 0)
                return r;

        *ret_event = counted;
        return 0;
}

int
jk_events_resolve(const struct jk_pmus *pmus, const char *list, size_t most,
                  struct jk_counted *ret_events, size_t *ret_n, struct jk_error *err)
{
        char name[JK_EVENT_NAME_SIZE];
        const char *rest = list;
        size_t n = 0;
        int r;

        while ((r = jk_event_next_name(&rest, name, sizeof name)) > 0) {
                if (n == most)
                        return jk_fail(err, E2BIG, "%s: more than %zu events", name, most);
                r = jk_event_resolve(pmus, name, &ret_events[n], err);
                if (r < 0)
                        return r;
                for (size_t i = 0; i < n; i++)
                        if (strcmp(ret_events[i].name, ret_events[n].name) == 0)
                                return jk_fail(err, EINVAL, "%s: it is named twice", name);
                n++;
        }
        if (r < 0 || n == 0)
                return jk_fail(err, EINVAL,
                               r == -ENAMETOOLONG
                                       ? "'%s': a name is too long; rHEX is shorter"
                                       : "'%s': give names separated by commas, slashes in pairs",
                               list);
        *ret_n = n;
        return 0;
}

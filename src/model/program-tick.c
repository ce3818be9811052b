/* SPDX-License-Identifier: Apache-2.0
 *
 * A sample as a line for a program: see program.h. Tables are a list of columns and a list of rows,
 * so that a task costs its numbers and not their names.
 */
#include "model/program.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/array.h"

/* ---- JSON ---- */

static void
add_key(struct jk_text *text, const char *key)
{
        char last = text->length > 0 ? text->data[text->length - 1] : '{';

        if (last != '{' && last != '[')
                jk_text_char(text, ',');
        jk_text_char(text, '"');
        jk_text_string(text, key);
        jk_text_string(text, "\":");
}

/* Bytes of any kind: what is no UTF-8 and control characters become U+FFFD. */
static void
add_string(struct jk_text *text, const char *string)
{
        size_t start, from, to;

        jk_text_char(text, '"');
        start = text->length;
        jk_text_utf8(text, string);
        from = text->length;
        for (const char *at = string; (at = strpbrk(at, "\"\\")); at++)
                jk_text_char(text, ' '); /* room for a backslash */
        to = text->length;
        while (!text->failed && from > start && from < to) {
                char c = text->data[--from];

                text->data[--to] = c;
                if (c == '"' || c == '\\')
                        text->data[--to] = '\\';
        }
        jk_text_char(text, '"');
}

static void
add_comma(struct jk_text *text)
{
        jk_text_char(text, ',');
}

static void
add_columns(struct jk_text *text, const char *const names[], size_t count)
{
        add_key(text, "columns");
        jk_text_char(text, '[');
        for (size_t i = 0; i < count; i++) {
                if (i > 0)
                        add_comma(text);
                add_string(text, names[i]);
        }
}

/* ---- zones ---- */

static void
add_zone(struct jk_text *text, const struct jk_zone *zone, const struct jk_zone_reading *reading)
{
        jk_text_char(text, '{');
        add_key(text, "zone");
        add_string(text, zone->name);
        add_key(text, "kind");
        add_string(text, jk_zone_kind_name(zone->kind));
        add_key(text, "provenance");
        add_string(text, jk_provenance_name(zone->provenance));
        add_key(text, "package");
        jk_text_i64(text, zone->package);
        add_key(text, "uncertainty_pct");
        jk_text_printf(text, "%.6g", isfinite(zone->uncertainty_pct) ? zone->uncertainty_pct : 100);
        if (isfinite(zone->idle_w)) {
                add_key(text, "idle_w");
                jk_text_printf(text, "%.17g", zone->idle_w);
        }
        if (reading->flags & JK_READING_SEEN) {
                add_key(text, "energy_uj");
                jk_text_i64(text, reading->energy_uj);
                add_key(text, "elapsed_ns");
                jk_text_i64(text, reading->elapsed_ns);
        }
        jk_text_char(text, '}');
}

static void
add_zones(struct jk_text *text, const struct jk_sample *sample)
{
        add_key(text, "zones");
        jk_text_char(text, '[');
        for (size_t i = 0; i < sample->zones->count; i++) {
                if (i > 0)
                        add_comma(text);
                add_zone(text, &sample->zones->zones[i], &sample->readings[i]);
        }
        jk_text_char(text, ']');
}

/* ---- tasks ---- */

static const struct {
        enum jk_task_field field;
        const char *name;
        size_t offset;
} activities[] = {
        { JK_TASK_CPU, "cpu_ns", offsetof(struct jk_task_record, cpu_ns) },
        { JK_TASK_CYCLES, "cycles", offsetof(struct jk_task_record, cycles) },
        { JK_TASK_INSTRUCTIONS, "instructions", offsetof(struct jk_task_record, instructions) },
        { JK_TASK_LLC_MISSES, "llc_misses", offsetof(struct jk_task_record, llc_misses) },
        { JK_TASK_IO, "read_bytes", offsetof(struct jk_task_record, read_bytes) },
        { JK_TASK_IO, "write_bytes", offsetof(struct jk_task_record, write_bytes) },
        { JK_TASK_FAULTS, "minor_faults", offsetof(struct jk_task_record, minor_faults) },
        { JK_TASK_FAULTS, "major_faults", offsetof(struct jk_task_record, major_faults) },
        { JK_TASK_RESIDENT, "resident_bytes", offsetof(struct jk_task_record, resident_bytes) },
};

static const struct {
        enum jk_task_flags flag;
        char letter;
} flags[] = {
        { JK_TASK_NEW, 'n' },  { JK_TASK_ENDED, 'e' },  { JK_TASK_KERNEL, 'k' },
        { JK_TASK_SELF, 's' }, { JK_TASK_UNSEEN, 'u' }, { JK_TASK_ENCLAVE, 'x' },
};

static void
add_event_name(struct jk_text *text, const struct jk_event *event)
{
        char name[JK_EVENT_NAME_SIZE + 32];

        if (event->package < 0)
                snprintf(name, sizeof name, "event:%s", event->name);
        else
                snprintf(name, sizeof name, "event:%s@%d", event->name, event->package);
        add_comma(text);
        add_string(text, name);
}

static void
add_task_columns(struct jk_text *text, const struct jk_sample *sample)
{
        static const char *const fixed[] = { "pid",    "start_ns", "ppid", "uid",
                                             "cgroup", "flags",    "comm" };

        add_columns(text, fixed, JK_COUNT(fixed));
        for (size_t i = 0; i < JK_COUNT(activities); i++) {
                if (!(sample->task_fields & activities[i].field))
                        continue;
                add_comma(text);
                add_string(text, activities[i].name);
        }
        if (sample->task_fields & JK_TASK_THREADS)
                jk_text_string(text, ",\"threads\"");
        for (size_t i = 0; i < jk_sample_n_events(sample); i++)
                add_event_name(text, &sample->events->events[i]);
        jk_text_char(text, ']');
}

static void
add_who(struct jk_text *text, const struct jk_task_record *task)
{
        jk_text_i64(text, task->pid);
        add_comma(text);
        jk_text_u64(text, task->start_ns);
        add_comma(text);
        jk_text_i64(text, task->ppid);
        add_comma(text);
        if (task->uid == JK_UID_UNKNOWN)
                jk_text_string(text, "null");
        else
                jk_text_u64(text, task->uid);
        add_comma(text);
        jk_text_u64(text, task->cgroup);
        jk_text_string(text, ",\"");
        for (size_t i = 0; i < JK_COUNT(flags); i++)
                if (task->flags & flags[i].flag)
                        jk_text_char(text, flags[i].letter);
        jk_text_string(text, "\",");
        add_string(text, task->comm);
}

static void
add_task(struct jk_text *text, const struct jk_sample *sample, size_t i)
{
        const struct jk_task_record *task = &sample->tasks[i];
        const uint64_t *events = jk_sample_task_events(sample, i);

        jk_text_char(text, '[');
        add_who(text, task);
        for (size_t k = 0; k < JK_COUNT(activities); k++) {
                uint64_t value;

                if (!(sample->task_fields & activities[k].field))
                        continue;
                memcpy(&value, (const char *)task + activities[k].offset, sizeof value);
                add_comma(text);
                jk_text_u64(text, value);
        }
        if (sample->task_fields & JK_TASK_THREADS) {
                add_comma(text);
                jk_text_u64(text, task->threads);
        }
        for (size_t k = 0; k < jk_sample_n_events(sample); k++) {
                add_comma(text);
                jk_text_u64(text, events[k]);
        }
        jk_text_char(text, ']');
}

static void
add_tasks(struct jk_text *text, const struct jk_sample *sample)
{
        add_key(text, "tasks");
        jk_text_char(text, '{');
        add_task_columns(text, sample);
        add_key(text, "rows");
        jk_text_char(text, '[');
        for (size_t i = 0; i < sample->n_tasks; i++) {
                if (i > 0)
                        add_comma(text);
                add_task(text, sample, i);
        }
        jk_text_string(text, "]}");
}

/* ---- CPUs ---- */

static void
add_number_or_null(struct jk_text *text, bool seen, int64_t value)
{
        add_comma(text);
        if (seen)
                jk_text_i64(text, value);
        else
                jk_text_string(text, "null");
}

static void
add_cpu(struct jk_text *text, const struct jk_cpu_reading *cpu)
{
        const uint64_t times[] = { cpu->busy_ns, cpu->idle_ns, cpu->irq_ns, cpu->softirq_ns,
                                   cpu->steal_ns };

        jk_text_char(text, '[');
        jk_text_u64(text, cpu->cpu);
        jk_text_string(text, cpu->online ? ",true" : ",false");
        for (size_t i = 0; i < JK_COUNT(times); i++) {
                add_comma(text);
                jk_text_u64(text, times[i]);
        }
        add_number_or_null(text, cpu->frequency_seen, cpu->frequency_khz);
        add_number_or_null(text, cpu->temperature_seen, cpu->temperature_mc);
        add_number_or_null(text, cpu->voltage_seen, cpu->voltage_uv);
        jk_text_char(text, ']');
}

static void
add_cpus(struct jk_text *text, const struct jk_sample *sample)
{
        static const char *const columns[] = { "cpu",       "online",        "busy_ns",
                                               "idle_ns",   "irq_ns",        "softirq_ns",
                                               "steal_ns",  "frequency_khz", "temperature_mc",
                                               "voltage_uv" };

        add_key(text, "cpus");
        jk_text_char(text, '{');
        add_columns(text, columns, JK_COUNT(columns));
        jk_text_char(text, ']');
        add_key(text, "rows");
        jk_text_char(text, '[');
        for (size_t i = 0; i < sample->n_cpus; i++) {
                if (i > 0)
                        add_comma(text);
                add_cpu(text, &sample->cpus[i]);
        }
        jk_text_string(text, "]}");
}

/* ---- cgroups that came and went ---- */

static void
add_cgroups(struct jk_text *text, const struct jk_sample *sample)
{
        add_key(text, "cgroups");
        jk_text_char(text, '[');
        for (size_t i = 0; i < sample->n_cgroups; i++) {
                const struct jk_cgroup_event *event = &sample->cgroups[i];
                bool appeared = event->kind == JK_CGROUP_APPEARED;

                if (i > 0)
                        add_comma(text);
                jk_text_char(text, '{');
                add_key(text, appeared ? "appeared" : "vanished");
                jk_text_u64(text, event->id);
                if (appeared) {
                        add_key(text, "path");
                        add_string(text, jk_sample_cgroup_path(sample, event));
                }
                jk_text_char(text, '}');
        }
        jk_text_char(text, ']');
}

/* ---- the lines ---- */

void
jk_program_write_greeting(struct jk_text *text)
{
        jk_text_printf(text, "{\"joulekeeper\":\"" JK_VERSION "\",\"version\":%d}",
                       JK_PROGRAM_VERSION);
}

void
jk_program_write_tick(struct jk_text *text, const struct jk_sample *sample)
{
        jk_text_char(text, '{');
        jk_text_printf(text, "\"tick\":%" PRIu64, sample->sequence);
        add_key(text, "time_ns");
        jk_text_i64(text, sample->time.realtime_ns);
        add_key(text, "elapsed_ns");
        jk_text_i64(text, sample->elapsed_ns);
        add_key(text, "suspended_ns");
        jk_text_i64(text, sample->suspended_ns);
        add_key(text, "irq_in_tasks");
        jk_text_string(text, sample->flags & JK_SAMPLE_IRQ_IN_TASKS ? "true" : "false");
        add_zones(text, sample);
        if (sample->flags & JK_SAMPLE_TASKS)
                add_tasks(text, sample);
        if (sample->flags & JK_SAMPLE_CPUS)
                add_cpus(text, sample);
        add_cgroups(text, sample);
        jk_text_char(text, '}');
}

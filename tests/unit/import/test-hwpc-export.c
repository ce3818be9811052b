/* SPDX-License-Identifier: Apache-2.0
 *
 * Samples as HWPC reports, and these imported again: what was measured and counted is the same.
 */
#include "tests/unit/import/converted.h"

#include <jansson.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "hwpc/export.h"
#include "import/hwpc.h"

enum { TICKS = 400, CGROUPS = 3 };

static const char *const paths[CGROUPS] = { "/", "/a/b\"\\.scope", "/\x01%" };
static const char *const names[CGROUPS] = { "/", "/a/b\"\\.scope", "/%01%25" };

/* A machine of some packages with two zones each, whose cgroups count. */
struct machine {
        struct jk_zone_table zones;
        struct jk_event_table events;
        struct jk_sample sample;
        struct jk_instant now;
        int packages;
        int64_t energy_uj[4];
        uint64_t cycles[CGROUPS], cpu_ns[CGROUPS], events_of[CGROUPS];
        uint64_t random;

        struct jk_hwpc_names names;
        struct jk_hwpc_export *export;
        struct jk_text documents;
};

static uint64_t
roll(struct machine *m, uint64_t below)
{
        m->random = m->random * UINT64_C(6364136223846793005) + 1442695040888963407;
        return (m->random >> 20) % below;
}

static void
set_up(struct machine *m, int packages, bool with_events)
{
        static const enum jk_zone_kind kinds[] = { JK_ZONE_PACKAGE, JK_ZONE_DRAM };
        struct jk_event event = { "UOPS", packages - 1 };

        *m = (struct machine){ .packages = packages, .random = 1 };
        for (int package = 0; package < packages; package++)
                for (size_t kind = 0; kind < JK_COUNT(kinds); kind++) {
                        struct jk_zone zone = { .kind = kinds[kind], .package = package };

                        snprintf(zone.name, sizeof zone.name, "%s-%d",
                                 jk_zone_kind_name(kinds[kind]), package);
                        assert_true(jk_zone_add(&m->zones, &zone) >= 0);
                }
        if (with_events)
                assert_int_equal(jk_event_add(&m->events, &event), 0);
        m->now.realtime_ns = 1000 * JK_NS_PER_S;
        assert_int_equal(jk_hwpc_export_open("s", &m->names, &m->export, NULL), 0);
}

static void
tear_down(struct machine *m)
{
        jk_hwpc_export_close(m->export);
        jk_hwpc_names_free(&m->names);
        jk_sample_free(&m->sample);
        jk_text_free(&m->documents);
}

static int
keep_document(void *data, const struct jk_hwpc_report *report, struct jk_error *err)
{
        struct machine *m = data;

        (void)err;
        jk_hwpc_write_json(report, &m->names, &m->documents);
        return 0;
}

static void
begin(struct machine *m, uint32_t fields)
{
        struct jk_sample *sample = &m->sample;

        m->now.monotonic_ns += JK_NS_PER_S;
        m->now.boottime_ns += JK_NS_PER_S;
        m->now.realtime_ns += JK_NS_PER_S;
        jk_sample_begin(sample, &m->now);
        sample->zones = &m->zones;
        sample->events = m->events.count > 0 ? &m->events : NULL;
        sample->flags |= JK_SAMPLE_TASKS;
        sample->task_fields = fields;
        for (size_t i = 0; i < m->zones.count && sample->elapsed_ns > 0; i++) {
                int64_t energy_uj = (int64_t)roll(m, 200000000);

                sample->readings[i] =
                        (struct jk_zone_reading){ energy_uj, sample->elapsed_ns, JK_READING_SEEN };
                m->energy_uj[i] += energy_uj;
        }
        for (uint32_t i = 0; i < 4; i++)
                *jk_sample_add_cpu(sample) = (struct jk_cpu_reading){
                        .cpu = i,
                        .online = true,
                        .frequency_seen = true,
                        .busy_ns = i == 0 ? 300000000 : 100000000,
                        .frequency_khz = i == 0 ? 3000000 : 1000000,
                };
}

static void
work(struct machine *m)
{
        bool counts = m->sample.elapsed_ns > 0;

        for (uint64_t i = 0; i < CGROUPS; i++) {
                uint64_t cycles = roll(m, 1000000000), cpu_ns = roll(m, 100000000);
                struct jk_task_record *task = jk_sample_add_task(&m->sample);

                assert_non_null(task);
                task->cgroup = i + 1;
                task->cycles = cycles;
                task->cpu_ns = cpu_ns;
                if (m->events.count > 0)
                        jk_sample_task_events(&m->sample, i)[0] = cycles / 2;
                if (!counts) {
                        assert_int_equal(jk_sample_add_cgroup(&m->sample, i + 1, JK_CGROUP_APPEARED,
                                                              paths[i]),
                                         0);
                        continue;
                }
                m->cycles[i] += cycles;
                m->cpu_ns[i] += cpu_ns;
                m->events_of[i] += m->events.count > 0 ? cycles / 2 : 0;
        }
}

static int
make_reports(struct machine *m, struct jk_error *err)
{
        return jk_hwpc_export_sample(m->export, &m->sample, keep_document, m, err);
}

static void
import_again(struct machine *m, struct converted *converted)
{
        int fd = memfd_create("reports", 0);
        struct jk_hwpc_import *import = NULL;
        struct jk_hwpc_reader *reader = NULL;
        struct jk_hwpc_names read = { 0 };
        char path[32];

        snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
        assert_int_equal(write(fd, m->documents.data, m->documents.length), m->documents.length);
        assert_int_equal(jk_hwpc_import_open(&converted->seen, &read, &import, NULL), 0);
        assert_int_equal(jk_hwpc_json_open(path, &read, &reader, &converted->err), 0);
        converted->r = jk_hwpc_import_read(import, reader, &converted->err);
        if (converted->r == 0)
                converted->r = jk_hwpc_import_finish(import, &converted->err);
        jk_hwpc_reader_close(reader);
        jk_hwpc_import_close(import);
        jk_hwpc_names_free(&read);
        close(fd);
        finish(converted);
        assert_string_equal(converted->err.message, "");
}

static int64_t
energy_of(const struct converted *got, const char *name)
{
        int zone = jk_zone_find(&got->seen.zones, name);
        int64_t energy_uj = 0;

        assert_in_range(zone, 0, ZONES_KEPT - 1);
        for (size_t i = 0; i < got->n; i++)
                energy_uj += got->ticks[i].readings[zone].energy_uj;
        return energy_uj;
}

static struct jk_task_record
task_of(const struct converted *got, const char *cgroup)
{
        struct jk_task_record sum = { 0 };

        for (size_t i = 0; i < got->n; i++)
                for (size_t t = 0; t < got->ticks[i].n_tasks; t++) {
                        const struct jk_task_record *task = &got->ticks[i].tasks[t];
                        const struct jk_observed_task *who = &got->seen.tasks[task->pid - 1];

                        if (strcmp(who->cgroup, cgroup) != 0)
                                continue;
                        sum.cycles += task->cycles;
                        sum.cpu_ns += task->cpu_ns;
                        sum.llc_misses +=
                                got->ticks[i].n_events > 0 ? got->ticks[i].events[t][0] : 0;
                }
        return sum;
}

static void
what_is_exported_is_imported_as_it_was(void **state)
{
        (void)state;
        for (int packages = 1; packages <= 2; packages++) {
                autoconverted struct converted got = { 0 };
                struct machine m;

                set_up(&m, packages, packages == 1);
                for (int i = 0; i < TICKS; i++) {
                        begin(&m, JK_TASK_CYCLES | JK_TASK_CPU);
                        work(&m);
                        assert_int_equal(make_reports(&m, NULL), 0);
                }
                import_again(&m, &got);
                for (size_t i = 0; i < m.zones.count; i++)
                        assert_int_equal(energy_of(&got, m.zones.zones[i].name), m.energy_uj[i]);
                for (int i = 0; i < CGROUPS; i++) {
                        struct jk_task_record task = task_of(&got, names[i]);

                        assert_int_equal(task.cycles, m.cycles[i]);
                        assert_int_equal(task.cpu_ns, m.cpu_ns[i]);
                        if (packages == 1)
                                assert_int_equal(task.llc_misses, m.events_of[i]);
                }
                assert_int_equal(got.seen.cpus, 4);
                assert_in_range(got.ticks[5].cpu.frequency_khz, 1999990, 2000010);
                tear_down(&m);
        }
}

static void
an_event_of_a_package_stands_with_that_socket_alone(void **state)
{
        struct machine m;

        (void)state;
        set_up(&m, 2, true);
        for (int i = 0; i < 2; i++) {
                begin(&m, JK_TASK_CYCLES);
                work(&m);
                assert_int_equal(make_reports(&m, NULL), 0);
        }
        assert_non_null(strstr(m.documents.data,
                               "\"target\":\"/%01%25\",\"groups\":{\"core\":"
                               "{\"0\":{\"0\":{\"CPU_CLK_THREAD_UNHALTED:THREAD_P\":"));
        assert_null(
                strstr(strstr(m.documents.data, "\"1\":{\"2\":{\"CPU_CLK") + 1, "\"0\":{\"UOPS"));
        tear_down(&m);
}

/* The sum of an event's counts on a socket, of all targets but "all", or of that. */
static uint64_t
count_on(const struct machine *m, const char *event, const char *socket, bool of_all)
{
        jk_autofree char *documents = strdup(m->documents.data);
        char *rest = documents, *line;
        uint64_t sum = 0;

        while ((line = strsep(&rest, "\n")) && *line) {
                json_t *json = json_loads(line, 0, NULL), *groups = NULL, *cpus, *counts;
                const char *target, *group, *cpu;

                assert_non_null(json);
                target = json_string_value(json_object_get(json, "target"));
                if (of_all == !strcmp(target, "all"))
                        groups = json_object_get(json, "groups");
                json_object_foreach(groups, group, cpus) {
                        json_object_foreach(json_object_get(cpus, socket), cpu, counts) {
                                sum += (uint64_t)json_integer_value(json_object_get(counts, event));
                        }
                }
                json_decref(json);
        }
        return sum;
}

/* What two tasks counted stands where each of them ran; of one that had no CPU time, half of it. */
static void
counts_stand_with_the_socket_that_a_task_ran_on(void **state)
{
        static const struct {
                uint64_t cycles, uops, cpu_ns[2];
        } tasks[] = {
                { 1000, 7, { 300, 100 } },
                { 4000, 5, { 0, 50 } },
                { 101, 0, { 0, 0 } },
        };
        struct machine m;

        (void)state;
        set_up(&m, 2, false);
        for (int i = 0; i < 3; i++) {
                struct jk_event event = { "UOPS", -1 };

                if (i > 0)
                        event = (struct jk_event){ JK_EVENT_CPU_TIME, i - 1 };
                assert_int_equal(jk_event_add(&m.events, &event), i);
        }
        /* Beside a busy sibling is no package. */
        assert_int_equal(jk_event_add(&m.events, &(struct jk_event){ JK_EVENT_SHARED_TIME, -1 }),
                         3);
        for (int tick = 0; tick < 2; tick++) {
                begin(&m, JK_TASK_CYCLES | JK_TASK_CPU);
                for (size_t i = 0; i < JK_COUNT(tasks); i++) {
                        struct jk_task_record *task = jk_sample_add_task(&m.sample);
                        uint64_t *events = jk_sample_task_events(&m.sample, i);

                        assert_non_null(task);
                        task->cgroup = 1 + i / 2;
                        task->cycles = tasks[i].cycles;
                        task->cpu_ns = tasks[i].cpu_ns[0] + tasks[i].cpu_ns[1];
                        events[0] = tasks[i].uops;
                        events[1] = tasks[i].cpu_ns[0];
                        events[2] = tasks[i].cpu_ns[1];
                        events[3] = task->cpu_ns;
                }
                assert_int_equal(make_reports(&m, NULL), 0);
        }
        for (int of_all = 0; of_all < 2; of_all++) {
                assert_int_equal(count_on(&m, "CPU_CLK_THREAD_UNHALTED:THREAD_P", "0", of_all),
                                 750 + 50);
                assert_int_equal(count_on(&m, "CPU_CLK_THREAD_UNHALTED:THREAD_P", "1", of_all),
                                 250 + 4000 + 51);
                assert_int_equal(count_on(&m, "UOPS", "0", of_all), 5);
                assert_int_equal(count_on(&m, "UOPS", "1", of_all), 2 + 5);
                assert_int_equal(count_on(&m, "PERF_COUNT_SW_TASK_CLOCK", "0", of_all), 300);
                assert_int_equal(count_on(&m, "PERF_COUNT_SW_TASK_CLOCK", "1", of_all), 150);
                assert_int_equal(count_on(&m, JK_EVENT_CPU_TIME, "1", of_all), 0);
                assert_int_equal(count_on(&m, JK_EVENT_SHARED_TIME, "0", of_all), 0);
        }
        tear_down(&m);
}

static void
without_counters_time_stands_in_their_group(void **state)
{
        struct machine m;

        (void)state;
        set_up(&m, 1, false);
        for (int i = 0; i < 2; i++) {
                begin(&m, JK_TASK_CPU);
                work(&m);
                assert_int_equal(make_reports(&m, NULL), 0);
        }
        assert_non_null(
                strstr(m.documents.data, "\"core\":{\"0\":{\"0\":{\"PERF_COUNT_SW_TASK_CLOCK\":"));
        jk_text_clear(&m.documents);
        begin(&m, JK_TASK_CPU | JK_TASK_CYCLES);
        work(&m);
        assert_int_equal(make_reports(&m, NULL), 0);
        assert_non_null(strstr(m.documents.data,
                               "\"software\":{\"0\":{\"0\":{\"PERF_COUNT_SW_TASK_CLOCK\":"));
        tear_down(&m);
}

static void
a_first_tick_and_what_was_not_seen_are_not_reported(void **state)
{
        struct machine m;

        (void)state;
        set_up(&m, 1, false);
        begin(&m, JK_TASK_CYCLES);
        work(&m);
        assert_int_equal(make_reports(&m, NULL), 0);
        assert_int_equal(m.documents.length, 0);
        begin(&m, JK_TASK_CYCLES);
        m.sample.readings[0].flags = 0;
        m.sample.flags &= ~(uint32_t)JK_SAMPLE_TASKS;
        assert_int_equal(make_reports(&m, NULL), 0);
        assert_null(strstr(m.documents.data, "RAPL_ENERGY_PKG"));
        assert_non_null(strstr(m.documents.data, "RAPL_ENERGY_DRAM"));
        assert_null(strstr(m.documents.data, "core"));
        assert_true(jk_hwpc_export_has_energy(m.export));
        tear_down(&m);
}

static void
a_count_beyond_all_counters_is_refused(void **state)
{
        struct jk_error err = { "" };
        struct machine m;

        (void)state;
        set_up(&m, 1, false);
        begin(&m, JK_TASK_CYCLES);
        begin(&m, JK_TASK_CYCLES);
        m.sample.readings[0].energy_uj = INT64_MAX;
        assert_int_equal(make_reports(&m, &err), -ERANGE);
        assert_non_null(strstr(err.message, "RAPL_ENERGY_PKG"));
        m.zones.zones[0].package = 100000;
        begin(&m, JK_TASK_CYCLES);
        assert_int_equal(make_reports(&m, &err), -EINVAL);
        tear_down(&m);
}

static void
two_ticks_never_have_the_same_time(void **state)
{
        struct machine m;

        (void)state;
        set_up(&m, 1, false);
        for (int i = 0; i < 4; i++) {
                m.now.realtime_ns -= i > 0 ? JK_NS_PER_S : 0; /* the clock stands still */
                begin(&m, JK_TASK_CYCLES);
                assert_int_equal(make_reports(&m, NULL), 0);
        }
        assert_non_null(strstr(m.documents.data, "{\"timestamp\":1001000,"));
        assert_non_null(strstr(m.documents.data, "{\"timestamp\":1001001,"));
        assert_non_null(strstr(m.documents.data, "{\"timestamp\":1001002,"));
        tear_down(&m);
}

static const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_exported_is_imported_as_it_was),
        cmocka_unit_test(an_event_of_a_package_stands_with_that_socket_alone),
        cmocka_unit_test(counts_stand_with_the_socket_that_a_task_ran_on),
        cmocka_unit_test(without_counters_time_stands_in_their_group),
        cmocka_unit_test(a_first_tick_and_what_was_not_seen_are_not_reported),
        cmocka_unit_test(a_count_beyond_all_counters_is_refused),
        cmocka_unit_test(two_ticks_never_have_the_same_time),
};

JK_RUN_TESTS(tests)

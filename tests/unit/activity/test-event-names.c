/* SPDX-License-Identifier: Apache-2.0
 *
 * Events by name: on trees as several kinds of CPUs have them, a name is what perf_event_open(2)
 * takes for it, or is refused with its reason.
 */
#include "tests/unit/test.h"

#include <linux/perf_event.h>

#include "activity/events/events.h"
#include "activity/events/generic.h"
#include "base/array.h"
#include "tests/unit/tree.h"

#define DEVICES "sys/bus/event_source/devices/"

/* ---- texts ---- */

static void
a_list_is_split_at_the_commas_that_are_not_within_slashes(void **state)
{
        static const char *const expected[] = { "cycles", "cpu/event=0xd1,umask=1/", "r01c2" };
        const char *list = " cycles , cpu/event=0xd1,umask=1/,r01c2 ";
        char name[JK_EVENT_NAME_SIZE];

        (void)state;
        for (size_t i = 0; i < JK_COUNT(expected); i++) {
                assert_int_equal(jk_event_next_name(&list, name, sizeof name), 1);
                assert_string_equal(name, expected[i]);
        }
        assert_int_equal(jk_event_next_name(&list, name, sizeof name), 0);
}

static void
a_list_with_a_hole_or_half_a_name_is_refused(void **state)
{
        static const char *const lists[] = { ",cycles", "cpu/event=1,cycles", "cycles,", "," };
        char name[8];

        (void)state;
        for (size_t i = 0; i < JK_COUNT(lists); i++) {
                const char *list = lists[i];

                assert_int_equal(jk_event_next_name(&list, name, sizeof name), -EINVAL);
        }
        assert_int_equal(jk_event_next_name(&(const char *){ "branches" }, name, sizeof name),
                         -ENAMETOOLONG);
}

static void
terms_are_numbers_by_name(void **state)
{
        const char *terms = "event=0xd1,umask=32,edge";
        struct jk_event_term term;

        (void)state;
        assert_int_equal(jk_event_next_term(&terms, &term), 1);
        assert_string_equal(term.name, "event");
        assert_int_equal(term.value, 0xd1);
        assert_int_equal(jk_event_next_term(&terms, &term), 1);
        assert_int_equal(term.value, 32);
        assert_int_equal(jk_event_next_term(&terms, &term), 1);
        assert_string_equal(term.name, "edge");
        assert_int_equal(term.value, 1);
        assert_int_equal(jk_event_next_term(&terms, &term), 0);
}

static void
what_is_no_term_is_refused(void **state)
{
        static const char *const texts[] = { "event=?",  "event=",   "event=-1", "=1",
                                             "event=1,", "event=0x", "a b",      "event=1;x" };
        struct jk_event_term term;

        (void)state;
        for (size_t i = 0; i < JK_COUNT(texts); i++) {
                const char *terms = texts[i];

                if (jk_event_next_term(&terms, &term) != -EINVAL)
                        fail_msg("'%s' is taken", texts[i]);
        }
}

static void
a_value_goes_to_the_bits_of_its_format(void **state)
{
        uint64_t configs[JK_EVENT_CONFIGS] = { 0 };

        (void)state;
        assert_int_equal(jk_event_put("config:0-7", 0xd1, configs), 0);
        assert_int_equal(jk_event_put("config:8-15", 0x20, configs), 0);
        assert_int_equal(jk_event_put("config:18", 1, configs), 0);
        assert_int_equal(configs[0], 0x420d1);
        assert_int_equal(jk_event_put("config:0-7,32-35", 0xabc, configs), 0);
        assert_int_equal(configs[0], 0xa000420bc);
        assert_int_equal(jk_event_put("config1:0-63", UINT64_MAX, configs), 0);
        assert_int_equal(configs[1], UINT64_MAX);
}

static void
a_value_that_does_not_fit_changes_nothing(void **state)
{
        static const char *const formats[] = { "config:0-7",    "config",      "config9:0-7",
                                               "config:7-0",    "config:0-64", "config:",
                                               "config:0-7,x5", "event" };
        uint64_t configs[JK_EVENT_CONFIGS] = { 5, 6, 7 };

        (void)state;
        assert_int_equal(jk_event_put(formats[0], 0x100, configs), -ERANGE);
        for (size_t i = 1; i < JK_COUNT(formats); i++)
                assert_int_equal(jk_event_put(formats[i], 1, configs), -EINVAL);
        assert_true(configs[0] == 5 && configs[1] == 6 && configs[2] == 7);
}

static void
lists_of_cpus_are_read(void **state)
{
        cpu_set_t cpus;

        (void)state;
        assert_int_equal(jk_event_cpus("0-3,8", &cpus), 0);
        assert_int_equal(CPU_COUNT(&cpus), 5);
        assert_true(CPU_ISSET(8, &cpus) && !CPU_ISSET(4, &cpus));
        assert_int_equal(jk_event_cpus("1022-4000", &cpus), 0);
        assert_int_equal(CPU_COUNT(&cpus), 2);
        assert_int_equal(jk_event_cpus("3-1", &cpus), -EINVAL);
        assert_int_equal(jk_event_cpus("1,", &cpus), -EINVAL);
        assert_int_equal(jk_event_cpus("all", &cpus), -EINVAL);
}

/* ---- machines ---- */

struct machine {
        struct tree tree;
        struct jk_pmus pmus;
        struct jk_counted event;
        struct jk_error err;
};

static void
add_pmu(const struct machine *m, const char *name, int type, const char *cpus)
{
        char path[128];

        snprintf(path, sizeof path, DEVICES "%s/type", name);
        tree_write(&m->tree, path, "%d\n", type);
        snprintf(path, sizeof path, DEVICES "%s/cpus", name);
        if (cpus)
                tree_write(&m->tree, path, "%s\n", cpus);
        snprintf(path, sizeof path, DEVICES "%s/format/event", name);
        tree_write(&m->tree, path, "config:0-7\n");
        snprintf(path, sizeof path, DEVICES "%s/format/umask", name);
        tree_write(&m->tree, path, "config:8-15\n");
        snprintf(path, sizeof path, DEVICES "%s/format/ldlat", name);
        tree_write(&m->tree, path, "config1:0-15\n");
}

static void
add_event(const struct machine *m, const char *pmu, const char *name, const char *terms)
{
        char path[128];

        snprintf(path, sizeof path, DEVICES "%s/events/%s", pmu, name);
        tree_write(&m->tree, path, "%s\n", terms);
}

static void
make_intel(struct machine *m)
{
        tree_make(&m->tree);
        add_pmu(m, "cpu", 4, NULL);
        add_event(m, "cpu", "mem-loads", "event=0xcd,umask=0x1,ldlat=3");
        add_event(m, "cpu", "cpu-cycles", "event=0x3c");
        add_event(m, "cpu", "slots", "event=0x00,umask=0x4");
        add_event(m, "cpu", "slots.scale", "2");
        add_event(m, "cpu", "odd", "event=?");
        tree_write(&m->tree, DEVICES "power/type", "21\n");
        tree_write(&m->tree, DEVICES "power/cpumask", "0\n");
        tree_write(&m->tree, DEVICES "power/events/energy-pkg", "event=0x02\n");
        tree_write(&m->tree, DEVICES "power/format/event", "config:0-7\n");
        tree_write(&m->tree, DEVICES "msr/type", "13\n");
        tree_write(&m->tree, DEVICES "msr/format/event", "config:0-63\n");
        tree_write(&m->tree, DEVICES "msr/events/aperf", "event=0x01\n");
        tree_write(&m->tree, DEVICES "breakpoint/type", "5\n");
        tree_write(&m->tree, DEVICES "uprobe/type", "9\n");
        tree_write(&m->tree, DEVICES "uprobe/format/retprobe", "config:0\n");
        jk_pmus_read(&m->pmus, &m->tree.root);
}

static void
make_hybrid(struct machine *m)
{
        tree_make(&m->tree);
        add_pmu(m, "cpu_core", 4, "0-1");
        add_pmu(m, "cpu_atom", 10, "2-5");
        add_event(m, "cpu_core", "topdown-be-bound", "event=0x00,umask=0x83");
        add_event(m, "cpu_atom", "topdown-be-bound", "event=0x74");
        add_event(m, "cpu_core", "mem-stores", "event=0xcd,umask=0x2");
        jk_pmus_read(&m->pmus, &m->tree.root);
}

static void
expect(struct machine *m, const char *name, int cpu, uint32_t type, uint64_t config)
{
        const struct jk_event_code *code;

        if (jk_event_resolve(&m->pmus, name, &m->event, &m->err) < 0)
                fail_msg("%s", m->err.message);
        code = jk_event_code(&m->event, cpu);
        assert_non_null(code);
        assert_int_equal(code->type, type);
        assert_int_equal(code->configs[0], config);
}

static void
expect_refusal(struct machine *m, const char *name, int code, const char *says)
{
        struct jk_counted before = m->event;

        assert_int_equal(jk_event_resolve(&m->pmus, name, &m->event, &m->err), code);
        if (!strstr(m->err.message, says) || strncmp(m->err.message, name, strlen(name)) != 0)
                fail_msg("'%s' is not in: %s", says, m->err.message);
        assert_memory_equal(&before, &m->event, sizeof before);
}

static void
names_are_what_perf_takes_them_for(void **state)
{
        struct machine m = { 0 };

        (void)state;
        make_intel(&m);
        expect(&m, "branch-misses", 0, PERF_TYPE_HARDWARE, PERF_COUNT_HW_BRANCH_MISSES);
        expect(&m, "branch-instructions", 0, PERF_TYPE_HARDWARE, PERF_COUNT_HW_BRANCH_INSTRUCTIONS);
        assert_string_equal(m.event.name, "branches");
        expect(&m, "LLC-load-misses", 0, PERF_TYPE_HW_CACHE, 0x10002);
        expect(&m, "dTLB-store-misses", 0, PERF_TYPE_HW_CACHE, 0x10103);
        expect(&m, "page-faults", 0, PERF_TYPE_SOFTWARE, PERF_COUNT_SW_PAGE_FAULTS);
        assert_true(m.event.software);
        expect(&m, "mem-loads", 7, 4, 0x1cd);
        assert_int_equal(m.event.codes[0].configs[1], 3);
        expect(&m, "cpu/mem-loads/", 7, 4, 0x1cd);
        expect(&m, "cpu/event=0xd1,umask=0x20/", 7, 4, 0x20d1);
        expect(&m, "cpu/config=0x1b1,config1=9/", 7, 4, 0x1b1);
        assert_int_equal(m.event.codes[0].configs[1], 9);
        expect(&m, "r01c2", 7, 4, 0x1c2);
        expect(&m, "r0x1c2", 7, 4, 0x1c2);
        tree_destroy(&m.tree);
}

static void
what_has_a_field_in_the_sample_is_called_by_it(void **state)
{
        struct machine m = { 0 };

        (void)state;
        make_intel(&m);
        expect(&m, "cache-misses", 0, PERF_TYPE_HARDWARE, PERF_COUNT_HW_CACHE_MISSES);
        assert_string_equal(m.event.name, "llc-misses");
        assert_int_equal(m.event.field, JK_TASK_LLC_MISSES);
        expect(&m, "cpu-cycles", 0, PERF_TYPE_HARDWARE, PERF_COUNT_HW_CPU_CYCLES);
        assert_int_equal(m.event.field, JK_TASK_CYCLES);
        expect(&m, "llc-misses", 0, PERF_TYPE_HARDWARE, PERF_COUNT_HW_CACHE_MISSES);
        expect(&m, "branches", 0, PERF_TYPE_HARDWARE, PERF_COUNT_HW_BRANCH_INSTRUCTIONS);
        assert_int_equal(m.event.field, 0);
        tree_destroy(&m.tree);
}

static void
each_kind_of_core_has_its_own_number(void **state)
{
        struct machine m = { 0 };

        (void)state;
        make_hybrid(&m);
        expect(&m, "topdown-be-bound", 1, 4, 0x8300);
        expect(&m, "topdown-be-bound", 2, 10, 0x74);
        expect(&m, "cycles", 1, PERF_TYPE_HARDWARE, 0x400000000);
        expect(&m, "cycles", 5, PERF_TYPE_HARDWARE, 0xa00000000);
        expect(&m, "mem-stores", 0, 4, 0x2cd);
        assert_null(jk_event_code(&m.event, 3));
        expect(&m, "cpu_atom/event=0x74/", 3, 10, 0x74);
        assert_null(jk_event_code(&m.event, 0));
        expect(&m, "context-switches", 3, PERF_TYPE_SOFTWARE, PERF_COUNT_SW_CONTEXT_SWITCHES);
        tree_destroy(&m.tree);
}

static void
arm_kernels_go_by_the_cpu(void **state)
{
        struct machine m = { 0 };

        (void)state;
        tree_make(&m.tree);
        add_pmu(&m, "armv8_cortex_a53", 8, "0-3");
        add_pmu(&m, "armv8_cortex_a72", 9, "4-5");
        add_event(&m, "armv8_cortex_a53", "l2d_cache", "event=0x0016");
        add_event(&m, "armv8_cortex_a72", "l2d_cache", "event=0x0016");
        jk_pmus_read(&m.pmus, &m.tree.root);

        expect(&m, "l2d_cache", 0, 8, 0x16);
        expect(&m, "l2d_cache", 4, 9, 0x16);
        expect(&m, "r16", 5, 9, 0x16);
        expect(&m, "cycles", 5, PERF_TYPE_HARDWARE, PERF_COUNT_HW_CPU_CYCLES);
        tree_destroy(&m.tree);
}

static void
what_cannot_be_counted_is_refused_with_the_reason(void **state)
{
        struct machine m = { 0 };

        (void)state;
        make_intel(&m);
        memset(&m.event, 0x5a, sizeof m.event);
        expect_refusal(&m, "branch-mises", -ENOENT, "did you mean 'branch-misses'?");
        expect_refusal(&m, "mem-load", -ENOENT, "did you mean 'mem-loads'?");
        expect_refusal(&m, "contxt-switches", -ENOENT, "did you mean 'context-switches'?");
        expect_refusal(&m, "frobnications", -ENOENT, "there is no such event here");
        expect_refusal(&m, "cycles:u", -ENOENT, "modifiers");
        expect_refusal(&m, "cpuu/event=1/", -ENOENT, "did you mean 'cpu'?");
        expect_refusal(&m, "power/energy-pkg/", -EINVAL, "nobody knows for which task");
        expect_refusal(&m, "msr/aperf/", -EINVAL, "those of cores are: cpu");
        expect_refusal(&m, "breakpoint/config1=0xffffffff81000000/", -EINVAL, "not one of cores");
        expect_refusal(&m, "uprobe/config1=0x1000,retprobe/", -EINVAL, "not one of cores");
        expect_refusal(&m, "cpu/evnt=1/", -EINVAL, "knows no term 'evnt'");
        expect_refusal(&m, "cpu/event=0x1ff/", -ERANGE, "has more bits");
        expect_refusal(&m, "cpu/event/x", -EINVAL, "PMU/TERM=NUMBER");
        expect_refusal(&m, "odd", -EINVAL, "is not TERM=NUMBER");
        expect_refusal(&m, "../event=1/", -EINVAL, "PMU/TERM=NUMBER");
        tree_destroy(&m.tree);
}

static void
a_machine_without_a_pmu_still_has_names(void **state)
{
        struct machine m = { 0 };

        (void)state;
        tree_make(&m.tree);
        jk_pmus_read(&m.pmus, &m.tree.root);
        assert_int_equal(m.pmus.n, 0);
        expect(&m, "cycles", 0, PERF_TYPE_HARDWARE, PERF_COUNT_HW_CPU_CYCLES);
        expect(&m, "r1c2", 0, PERF_TYPE_RAW, 0x1c2);
        memset(&m.event, 0x5a, sizeof m.event);
        expect_refusal(&m, "mem-loads", -ENOENT, "there is no such event");
        tree_destroy(&m.tree);
}

static void
a_list_is_resolved_whole_or_not(void **state)
{
        struct jk_counted events[3];
        struct machine m = { 0 };
        size_t n = 77;

        (void)state;
        make_intel(&m);
        assert_int_equal(jk_events_resolve(&m.pmus, "cycles, cpu/event=0xd1,umask=1/", 3, events,
                                           &n, &m.err),
                         0);
        assert_int_equal(n, 2);
        n = 77;
        assert_int_equal(jk_events_resolve(&m.pmus, "cycles,cpu-cycles", 3, events, &n, &m.err),
                         -EINVAL);
        assert_non_null(strstr(m.err.message, "cpu-cycles: it is named twice"));
        assert_int_equal(jk_events_resolve(&m.pmus, "r1,r2,r3,r4", 3, events, &n, &m.err), -E2BIG);
        assert_int_equal(jk_events_resolve(&m.pmus, "", 3, events, &n, &m.err), -EINVAL);
        assert_int_equal(n, 77);
        tree_destroy(&m.tree);
}

/* ---- what there is ---- */

struct names {
        size_t n, slots, scales, cycles, stores;
};

static int
note(const char *name, void *data)
{
        struct names *names = data;

        names->n++;
        names->slots += strcmp(name, "slots") == 0;
        names->scales += strcmp(name, "slots.scale") == 0;
        names->cycles += strcmp(name, "cycles") == 0 || strcmp(name, "cpu-cycles") == 0;
        names->stores += strcmp(name, "mem-stores") == 0 || strcmp(name, "topdown-be-bound") == 0;
        return 0;
}

static void
what_is_offered_is_named_once(void **state)
{
        struct names intel = { 0 }, hybrid = { 0 };
        struct machine m = { 0 };

        (void)state;
        make_intel(&m);
        assert_int_equal(jk_events_offered(&m.pmus, note, &intel), 0);
        assert_true(intel.slots == 1 && intel.scales == 0 && intel.cycles == 1);
        tree_destroy(&m.tree);

        make_hybrid(&m);
        assert_int_equal(jk_events_offered(&m.pmus, note, &hybrid), 0);
        assert_int_equal(hybrid.stores, 2);
        tree_destroy(&m.tree);
}

static void
every_generic_event_is_found_by_its_own_name(void **state)
{
        struct jk_generic_event event, found;
        size_t i = 0;

        (void)state;
        for (; jk_generic_at(i, &event); i++) {
                assert_true(jk_generic_find(event.name, &found));
                assert_memory_equal(&event, &found, sizeof event);
        }
        assert_true(i > 50);
}

static const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_list_is_split_at_the_commas_that_are_not_within_slashes),
        cmocka_unit_test(a_list_with_a_hole_or_half_a_name_is_refused),
        cmocka_unit_test(terms_are_numbers_by_name),
        cmocka_unit_test(what_is_no_term_is_refused),
        cmocka_unit_test(a_value_goes_to_the_bits_of_its_format),
        cmocka_unit_test(a_value_that_does_not_fit_changes_nothing),
        cmocka_unit_test(lists_of_cpus_are_read),
        cmocka_unit_test(names_are_what_perf_takes_them_for),
        cmocka_unit_test(what_has_a_field_in_the_sample_is_called_by_it),
        cmocka_unit_test(each_kind_of_core_has_its_own_number),
        cmocka_unit_test(arm_kernels_go_by_the_cpu),
        cmocka_unit_test(what_cannot_be_counted_is_refused_with_the_reason),
        cmocka_unit_test(a_machine_without_a_pmu_still_has_names),
        cmocka_unit_test(a_list_is_resolved_whole_or_not),
        cmocka_unit_test(what_is_offered_is_named_once),
        cmocka_unit_test(every_generic_event_is_found_by_its_own_name),
};

JK_RUN_TESTS(tests)

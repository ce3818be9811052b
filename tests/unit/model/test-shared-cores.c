/* SPDX-License-Identifier: Apache-2.0
 *
 * Hardware threads: four cores of two threads each, and a known truth of what a core draws with one
 * of them busy and with both. Who shares a core pays less for his time, by as much as is so on the
 * machine at hand.
 */
#include "tests/unit/test.h"

#include <math.h>
#include <string.h>

#include "model/model.h"
#include "tests/unit/model/random.h"

enum { CORES = 4, CPUS = 2 * CORES, PROGRAMS = 4, TICKS = 300 };

#define IDLE_J    20.0
#define CORE_J    5.0 /* a second of a core with one busy thread */
#define NOISE_PCT 1.0

/* More for each instruction, where they are counted: as much on a shared core as on any. */
#define INSTRUCTION_J 0.4e-9

/* Which CPUs each may run on; CPUs n and n + CORES are a core. Of two of them the cores are their
 * own, two are beside each other. */
static const struct program {
        bool on[CPUS];
        double ipc;
} programs[PROGRAMS] = {
        { { [0] = true }, 1 },
        { { [1] = true }, 2.5 },
        { { [2] = true, [3] = true }, 2 },
        { { [6] = true, [7] = true }, 0.5 },
};

struct machine {
        double worth; /* of a second beside a busy sibling: the truth */
        bool has_counters;
        bool is_apart; /* the last program sleeps: nobody shares a core */
        double tight;  /* how much siblings' times meet beyond chance (below 0: avoid each other) */
        struct jk_zone_table zones;
        struct jk_event_table events;
        struct jk_sample sample;
        struct jk_instant now;
        uint64_t random;
        double true_j[PROGRAMS], booked_j[PROGRAMS];

        /* of the tick: by program and CPU, seconds */
        double ran_s[PROGRAMS][CPUS], busy_s[CPUS];
};

static void
start(struct machine *m, double worth, bool told)
{
        static const struct jk_event shared = { .name = JK_EVENT_SHARED_TIME, .package = -1 };
        struct jk_zone zone = { .name = "package-0", .kind = JK_ZONE_PACKAGE, .parent = -1 };

        memset(m, 0, sizeof *m);
        m->worth = worth;
        m->random = 11;
        zone.uncertainty_pct = 1;
        zone.idle_w = IDLE_J;
        zone.limit_w = zone.max_w = NAN;
        assert_int_equal(jk_zone_add(&m->zones, &zone), 0);
        assert_int_equal(jk_event_add(&m->events, &shared), 0);
        m->sample.zones = &m->zones;
        m->sample.events = told ? &m->events : NULL;
}

static unsigned
sibling(unsigned cpu)
{
        return (cpu + CORES) % CPUS;
}

static void
run_programs(struct machine *m)
{
        memset(m->ran_s, 0, sizeof m->ran_s);
        memset(m->busy_s, 0, sizeof m->busy_s);
        for (size_t i = 0; i < PROGRAMS; i++) {
                double part = random_unit(&m->random);

                if (m->is_apart && i == PROGRAMS - 1)
                        part = 0;
                for (unsigned cpu = 0; cpu < CPUS; cpu++)
                        if (programs[i].on[cpu])
                                m->busy_s[cpu] += m->ran_s[i][cpu] = part;
        }
}

/* In what part of a CPU's time its sibling was truly busy. */
static double
met(const struct machine *m, unsigned cpu)
{
        double own = m->busy_s[cpu], other = m->busy_s[sibling(cpu)];
        double chance = own * other;
        double most = fmin(own, other), least = fmax(own + other - 1, 0);
        double both = m->tight > 0 ? chance + m->tight * (most - chance)
                                   : chance + m->tight * (chance - least);

        return own > 0 ? both / own : 0;
}

/* What they did and what it cost: what the collector tells of it, and the truth, in J. */
static double
add_tasks(struct machine *m)
{
        double sum_j = 0;

        for (size_t i = 0; i < PROGRAMS; i++) {
                struct jk_task_record *task = jk_sample_add_task(&m->sample);
                double cpu_s = 0, shared_s = 0, energy_j = 0;

                assert_non_null(task);
                for (unsigned cpu = 0; cpu < CPUS; cpu++) {
                        double ran_s = m->ran_s[i][cpu];

                        cpu_s += ran_s;
                        shared_s += ran_s * m->busy_s[sibling(cpu)];
                        energy_j += ran_s * CORE_J * (1 - (1 - m->worth) * met(m, cpu));
                }
                task->pid = (pid_t)(100 + i);
                task->cpu_ns = (uint64_t)(cpu_s * 1e9);
                if (m->has_counters) {
                        task->cycles = (uint64_t)(cpu_s * 3e9);
                        task->instructions = (uint64_t)(cpu_s * 3e9 * programs[i].ipc);
                        energy_j += (double)task->instructions * INSTRUCTION_J;
                }
                if (m->sample.events)
                        jk_sample_task_events(&m->sample, i)[0] = (uint64_t)(shared_s * 1e9);
                m->true_j[i] += energy_j;
                sum_j += energy_j;
        }
        return sum_j;
}

static void
add_cpus(struct machine *m)
{
        m->sample.flags |= JK_SAMPLE_CPUS;
        for (uint32_t i = 0; i < CPUS; i++) {
                struct jk_cpu_reading *cpu = jk_sample_add_cpu(&m->sample);

                assert_non_null(cpu);
                cpu->cpu = i;
                cpu->online = true;
                cpu->busy_ns = (uint64_t)(m->busy_s[i] * 1e9);
                cpu->idle_ns = 1000000000 - cpu->busy_ns;
        }
}

static void
step(struct machine *m, const struct jk_model_ops *ops, struct jk_model *model)
{
        double weights[PROGRAMS] = { 0 }, dynamic_j, measured_j, sum = 0;
        struct jk_split split = { .task_weights = weights };

        m->now.monotonic_ns += 1000000000;
        m->now.boottime_ns = m->now.monotonic_ns;
        jk_sample_begin(&m->sample, &m->now);
        m->sample.flags |= JK_SAMPLE_TASKS;
        m->sample.task_fields =
                JK_TASK_CPU | (m->has_counters ? JK_TASK_CYCLES | JK_TASK_INSTRUCTIONS : 0);
        run_programs(m);
        dynamic_j = add_tasks(m);
        measured_j = (IDLE_J + dynamic_j) * (1 + NOISE_PCT / 100 * random_normal(&m->random));
        m->sample.readings[0] = (struct jk_zone_reading){ .energy_uj = (int64_t)(measured_j * 1e6),
                                                          .elapsed_ns = 1000000000,
                                                          .flags = JK_READING_SEEN };
        add_cpus(m);

        ops->observe(model, &m->sample);
        ops->split(model, &m->sample, 0, &split);
        for (size_t i = 0; i < PROGRAMS; i++)
                sum += weights[i];
        if (m->sample.flags & JK_SAMPLE_FIRST)
                return;
        assert_true(sum > 0);
        for (size_t i = 0; i < PROGRAMS; i++)
                m->booked_j[i] += dynamic_j * weights[i] / sum;
}

/* The worst error of a program in so many ticks, in percent of what it truly cost, after so many
 * others from which to learn. */
static double
run(struct machine *m, const struct jk_model_ops *ops, int learned, int ticks)
{
        struct jk_model *model;
        double worst = 0;

        assert_int_equal(ops->open(NULL, &model, NULL), 0);
        for (int i = 0; i < learned; i++)
                step(m, ops, model);
        memset(m->true_j, 0, sizeof m->true_j);
        memset(m->booked_j, 0, sizeof m->booked_j);
        for (int i = 0; i < ticks; i++)
                step(m, ops, model);
        for (size_t i = 0; i < PROGRAMS; i++)
                if (m->true_j[i] > 0)
                        worst = fmax(worst, 100 * fabs(m->booked_j[i] / m->true_j[i] - 1));
        ops->close(model);
        jk_sample_free(&m->sample);
        return worst;
}

static double
worst_pct(const struct jk_model_ops *ops, double worth, bool told, bool has_counters)
{
        struct machine m;

        start(&m, worth, told);
        m.has_counters = has_counters;
        return run(&m, ops, TICKS, TICKS);
}

static void
adaptive_learns_what_time_on_a_shared_core_costs(void **state)
{
        static const double worths[] = { 0.5, 0.6, 0.75, 0.9, 1 };

        (void)state;
        for (size_t i = 0; i < sizeof worths / sizeof *worths; i++)
                for (int counters = 0; counters < 2; counters++) {
                        double told = worst_pct(&jk_model_adaptive, worths[i], true, counters);
                        double untold = worst_pct(&jk_model_adaptive, worths[i], false, counters);

                        print_message("# %.2f of a second%s: off by %.2f %%, %.2f %% if not told\n",
                                      worths[i], counters ? ", with counters" : "", told, untold);
                        assert_true(told < 1);
                        assert_true(worths[i] > 0.9 || untold > 2);
                        assert_true(worths[i] > 0.75 || untold > 6);
                }
}

/* Nothing says when in a tick a sibling was busy. */
static void
it_helps_even_if_siblings_do_not_meet_by_chance(void **state)
{
        static const double tight[] = { -0.5, 0.5 };

        (void)state;
        for (size_t i = 0; i < 2; i++) {
                double off[2];

                for (int told = 0; told < 2; told++) {
                        struct machine m;

                        start(&m, 0.7, told);
                        m.tight = tight[i];
                        off[told] = run(&m, &jk_model_adaptive, TICKS, TICKS);
                }
                print_message("# met by %+.1f: off by %.2f %%, %.2f %% if not told\n", tight[i],
                              off[1], off[0]);
                assert_true(off[1] < off[0] / 2);
        }
}

static void
the_first_tick_is_divided_by_what_is_assumed(void **state)
{
        double off[2];

        (void)state;
        for (int told = 0; told < 2; told++) {
                struct machine m;

                start(&m, 0.6, told);
                off[told] = run(&m, &jk_model_adaptive, 1, 1); /* before it there is a baseline */
        }
        assert_true(off[1] < 0.01);
        assert_true(off[0] > 1);
}

static void
share_goes_by_what_is_assumed(void **state)
{
        (void)state;
        assert_true(worst_pct(&jk_model_share, 0.6, true, false) < 0.01);
        assert_true(worst_pct(&jk_model_share, 0.6, false, false) > 5);
        assert_true(worst_pct(&jk_model_share, 0.75, true, false) <
                    worst_pct(&jk_model_share, 0.75, false, false));
}

/* Thread time and core time are one rate then, whatever is learned. */
static void
where_nobody_shares_a_core_nothing_changes(void **state)
{
        (void)state;
        for (int counters = 0; counters < 2; counters++) {
                struct machine with, without;

                start(&with, 0.6, true);
                start(&without, 0.6, false);
                with.is_apart = without.is_apart = true;
                with.has_counters = without.has_counters = counters;
                (void)run(&with, &jk_model_adaptive, TICKS, TICKS);
                (void)run(&without, &jk_model_adaptive, TICKS, TICKS);
                for (size_t i = 0; i < PROGRAMS; i++)
                        assert_true(fabs(with.booked_j[i] - without.booked_j[i]) <=
                                    1e-3 * without.booked_j[i]);
        }
}

static const struct CMUnitTest tests[] = {
        cmocka_unit_test(adaptive_learns_what_time_on_a_shared_core_costs),
        cmocka_unit_test(it_helps_even_if_siblings_do_not_meet_by_chance),
        cmocka_unit_test(the_first_tick_is_divided_by_what_is_assumed),
        cmocka_unit_test(share_goes_by_what_is_assumed),
        cmocka_unit_test(where_nobody_shares_a_core_nothing_changes),
};

JK_RUN_TESTS(tests)

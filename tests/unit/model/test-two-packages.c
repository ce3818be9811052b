/* SPDX-License-Identifier: Apache-2.0
 *
 * A machine of two packages: the energy of each is divided among those who ran there. Programs are
 * pinned to one package or use both; what each used of each package is known.
 */
#include "tests/unit/test.h"

#include <math.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "model/file.h"
#include "model/model.h"
#include "tests/unit/model/random.h"

enum { PACKAGES = 2, PROGRAMS = 3, CPUS = 32 };

static const struct program {
        double on[PACKAGES]; /* part of its time there */
        double ipc;
} programs[PROGRAMS] = {
        { { 1, 0 }, 2.5 },
        { { 0, 1 }, 0.4 },
        { { 0.25, 0.75 }, 1.2 },
};

struct machine {
        struct jk_zone_table zones;
        struct jk_event_table events;
        struct jk_sample sample;
        struct jk_instant now;
        uint64_t random;
        double true_j[PROGRAMS][PACKAGES], booked_j[PROGRAMS][PACKAGES];
};

static void
start(struct machine *m, bool told_apart)
{
        memset(m, 0, sizeof *m);
        m->random = 7;
        for (int package = 0; package < PACKAGES; package++) {
                struct jk_event event = { .name = JK_EVENT_CPU_TIME, .package = package };
                struct jk_zone zone = { .kind = JK_ZONE_PACKAGE, .parent = -1, .package = package };

                snprintf(zone.name, sizeof zone.name, "package-%d", package);
                zone.uncertainty_pct = 1;
                zone.idle_w = zone.limit_w = zone.max_w = NAN;
                assert_int_equal(jk_zone_add(&m->zones, &zone), package);
                if (told_apart)
                        assert_int_equal(jk_event_add(&m->events, &event), package);
        }
        m->sample.zones = &m->zones;
        m->sample.events = told_apart ? &m->events : NULL;
}

/* 2 W for a busy CPU and 1.5 W more for each instruction per cycle. */
static void
run_program(struct machine *m, size_t i, double cpu_s, double energy_j[PACKAGES])
{
        struct jk_task_record *task = jk_sample_add_task(&m->sample);

        assert_non_null(task);
        task->pid = (pid_t)(100 + i);
        task->cpu_ns = (uint64_t)(cpu_s * 1e9);
        task->cycles = (uint64_t)(cpu_s * 3e9);
        task->instructions = (uint64_t)(cpu_s * 3e9 * programs[i].ipc);
        for (size_t package = 0; package < PACKAGES; package++) {
                double j = programs[i].on[package] * cpu_s * (2 + 1.5 * programs[i].ipc);

                if (m->sample.events)
                        jk_sample_task_events(&m->sample, i)[package] =
                                (uint64_t)(cpu_s * 1e9 * programs[i].on[package]);
                m->true_j[i][package] += j;
                energy_j[package] += j;
        }
}

/* As busy as the programs make them; interrupts cost nothing here. */
static void
add_cpus(struct machine *m)
{
        double busy_ns = 0;

        for (size_t i = 0; i < m->sample.n_tasks; i++)
                busy_ns += (double)m->sample.tasks[i].cpu_ns;
        m->sample.flags |= JK_SAMPLE_CPUS;
        for (uint32_t i = 0; i < CPUS; i++) {
                struct jk_cpu_reading *cpu = jk_sample_add_cpu(&m->sample);

                assert_non_null(cpu);
                cpu->cpu = i;
                cpu->online = true;
                cpu->busy_ns = (uint64_t)(busy_ns / CPUS);
                cpu->idle_ns = 1000000000 - cpu->busy_ns;
        }
}

static void
step(struct machine *m, const struct jk_model_ops *ops, struct jk_model *model)
{
        double energy_j[PACKAGES] = { 20, 20 }, weights[PROGRAMS];

        m->now.monotonic_ns += 1000000000;
        m->now.boottime_ns = m->now.monotonic_ns;
        jk_sample_begin(&m->sample, &m->now);
        m->sample.flags |= JK_SAMPLE_TASKS;
        m->sample.task_fields = JK_TASK_CPU | JK_TASK_CYCLES | JK_TASK_INSTRUCTIONS;
        for (size_t i = 0; i < PROGRAMS; i++)
                run_program(m, i, 8 * random_unit(&m->random), energy_j);
        for (size_t i = 0; i < PACKAGES; i++)
                m->sample.readings[i] = (struct jk_zone_reading){
                        .energy_uj = (int64_t)(energy_j[i] * 1e6),
                        .elapsed_ns = 1000000000,
                        .flags = JK_READING_SEEN,
                };

        add_cpus(m);

        ops->observe(model, &m->sample);
        for (size_t package = 0; package < PACKAGES; package++) {
                struct jk_split split = { .task_weights = weights };
                double sum = 0;

                ops->split(model, &m->sample, package, &split);
                for (size_t i = 0; i < PROGRAMS; i++)
                        sum += weights[i];
                for (size_t i = 0; i < PROGRAMS; i++)
                        m->booked_j[i][package] +=
                                sum > 0 ? (energy_j[package] - 20) * weights[i] / sum : 0;
        }
}

/* The worst error of a program on a package, in percent of what that package gave. */
static double
worst_pct_by(const struct jk_model_ops *ops, const char *argument, bool told_apart)
{
        struct machine m;
        struct jk_model *model;
        double worst = 0;

        start(&m, told_apart);
        assert_int_equal(ops->open(argument, &model, NULL), 0);
        for (int i = 0; i < 200; i++)
                step(&m, ops, model);
        memset(m.true_j, 0, sizeof m.true_j);
        memset(m.booked_j, 0, sizeof m.booked_j);
        for (int i = 0; i < 200; i++)
                step(&m, ops, model);

        for (size_t package = 0; package < PACKAGES; package++) {
                double sum = 0;

                for (size_t i = 0; i < PROGRAMS; i++)
                        sum += m.true_j[i][package];
                for (size_t i = 0; i < PROGRAMS; i++)
                        worst = fmax(worst,
                                     100 * fabs(m.booked_j[i][package] - m.true_j[i][package]) /
                                             sum);
        }
        if (ops == &jk_model_events) {
                for (size_t package = 0; package < PACKAGES; package++)
                        assert_true(ops->expect(model, package).error_pct < (told_apart ? 1 : 100));
        }
        ops->close(model);
        jk_sample_free(&m.sample);
        return worst;
}

static double
worst_pct(const struct jk_model_ops *ops, bool told_apart)
{
        return worst_pct_by(ops, NULL, told_apart);
}

static void
adaptive_knows_who_ran_where(void **state)
{
        double apart = worst_pct(&jk_model_adaptive, true);

        (void)state;
        print_message("# off by %.2f %%, and %.0f %% if packages are not told apart\n", apart,
                      worst_pct(&jk_model_adaptive, false));
        assert_true(apart < 1);
}

/* What run_program() charges; idle power is 20 W for each package. */
static void
weights_from_a_file_apply_to_what_was_done_there(void **state)
{
        char path[] = "/tmp/joulekeeper-test-packages-XXXXXX";
        static struct jk_model_file file;
        int fd = mkstemp(path);
        double apart, together, by_curve;

        (void)state;
        assert_true(fd >= 0);
        close(fd);
        jk_model_file_init(&file);
        file.kind = JK_MODEL_EVENTS;
        strcpy(file.name, "truth");
        strcpy(file.provenance.program, "test");
        strcpy(file.provenance.method, "made up");
        strcpy(file.provenance.source, "this test");
        file.zone = JK_ZONE_PACKAGE;
        file.per = JK_PER_MACHINE;
        file.idle_w = 40;
        file.n_features = 2;
        file.features[0] = (struct jk_model_feature){
                .name = "cpu", .unit = "s/s", .weight = 2, .minimum = NAN, .maximum = NAN
        };
        file.features[1] = (struct jk_model_feature){ .name = "instructions",
                                                      .unit = "1/s",
                                                      .weight = 1.5 / 3e9,
                                                      .minimum = NAN,
                                                      .maximum = NAN };
        assert_int_equal(jk_model_file_save(&file, path, NULL), 0);
        apart = worst_pct_by(&jk_model_events, path, true);
        together = worst_pct_by(&jk_model_events, path, false);
        by_curve = worst_pct_by(&jk_model_curve, path, true);
        unlink(path);
        print_message("# off by %.2f %%, and %.0f %% if packages are not told apart\n", apart,
                      together);
        assert_true(apart < 0.1 && together > 10);
        assert_true(by_curve < 0.1);
}

/* By time alone it does not know that programs differ, but none pays for where it was not. */
static void
share_divides_a_package_among_those_who_ran_there(void **state)
{
        (void)state;
        assert_true(worst_pct(&jk_model_share, true) < 20);
        assert_true(worst_pct(&jk_model_share, false) > 30);
}

static void
nobody_pays_for_a_package_where_he_was_not(void **state)
{
        static const struct jk_model_ops *const models[] = { &jk_model_share, &jk_model_adaptive };

        (void)state;
        for (size_t k = 0; k < 2; k++) {
                struct machine m;
                struct jk_model *model;

                start(&m, true);
                assert_int_equal(models[k]->open(NULL, &model, NULL), 0);
                for (int i = 0; i < 100; i++)
                        step(&m, models[k], model);
                assert_true(m.booked_j[0][1] == 0 && m.booked_j[1][0] == 0);
                models[k]->close(model);
                jk_sample_free(&m.sample);
        }
}

static const struct CMUnitTest tests[] = {
        cmocka_unit_test(adaptive_knows_who_ran_where),
        cmocka_unit_test(weights_from_a_file_apply_to_what_was_done_there),
        cmocka_unit_test(share_divides_a_package_among_those_who_ran_there),
        cmocka_unit_test(nobody_pays_for_a_package_where_he_was_not),
};

JK_RUN_TESTS(tests)

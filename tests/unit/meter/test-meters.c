/* SPDX-License-Identifier: Apache-2.0
 *
 * The set of meters, with meters that do as the test says: who owns a zone, what a failure costs,
 * when a meter is tried again, and that a zone that changes hands loses nothing.
 */
#include "tests/unit/test.h"

#include <malloc.h>
#include <math.h>
#include <stdio.h>

#include "meter/meters.h"
#include "tests/unit/meter/tree.h"

#define S JK_NS_PER_S

/* What a scripted meter does; the counters go on whoever reads them. */
struct script {
        int open_result;
        int read_result;
        int opened, alive, reads;
        int64_t interval_ns; /* as it was told when it was opened last */
        size_t n;
        struct {
                const char *name;
                enum jk_zone_kind kind;
                int package;
                enum jk_provenance provenance;
                double scale; /* what it counts of the true energy */
        } zones[3];
};

struct jk_meter {
        struct script *script;
        size_t n; /* as the script had it when it was opened */
        struct jk_meter_zone zones[3];
        struct jk_meter_counter counters[3];
};

enum { BETTER, PLAIN, MODEL, N_SCRIPTS };

static struct script scripts[N_SCRIPTS];
static uint64_t true_uj;
static struct jk_root host;

static int
open_script(struct script *script, const char *source, struct jk_meter **ret_meter,
            struct jk_error *err)
{
        struct jk_meter *meter;

        script->opened++;
        if (script->open_result < 0)
                return jk_fail(err, script->open_result, "%s: told to fail", source);

        meter = calloc(1, sizeof *meter);
        meter->script = script;
        meter->n = script->n;
        script->alive++;
        for (size_t z = 0; z < script->n; z++) {
                struct jk_zone *zone = &meter->zones[z].zone;

                zone->kind = script->zones[z].kind;
                zone->package = script->zones[z].package;
                zone->provenance = script->zones[z].provenance;
                zone->range_uj = 0;
                zone->max_w = 1000;
                zone->limit_w = NAN;
                snprintf(zone->name, sizeof zone->name, "%s", script->zones[z].name);
                snprintf(zone->source, sizeof zone->source, "%s", source);
                meter->zones[z].index = -1;
        }
        *ret_meter = meter;
        return 0;
}

static size_t
script_zones(struct jk_meter *meter, struct jk_meter_zone **ret_zones)
{
        *ret_zones = meter->zones;
        return meter->n;
}

static int
script_read(struct jk_meter *meter, struct jk_sample *sample, struct jk_error *err)
{
        meter->script->reads++;
        for (size_t z = 0; z < meter->n; z++) {
                int index = meter->zones[z].index;

                if (index < 0)
                        meter->counters[z] = (struct jk_meter_counter){ 0 };
                else if (meter->script->read_result == 0)
                        jk_meter_count(&meter->counters[z], &meter->zones[z].zone,
                                       (uint64_t)((double)true_uj * meter->script->zones[z].scale),
                                       sample, &sample->readings[index]);
        }

        return meter->script->read_result == 0
                       ? 0
                       : jk_fail(err, meter->script->read_result, "told to fail reading");
}

static void
script_close(struct jk_meter *meter)
{
        meter->script->alive--;
        free(meter);
}

static int
better_open(const struct jk_meter_env *env, struct jk_meter **ret_meter, struct jk_error *err)
{
        scripts[BETTER].interval_ns = env->interval_ns;
        return open_script(&scripts[BETTER], "better", ret_meter, err);
}

static int
plain_open(const struct jk_meter_env *env, struct jk_meter **ret_meter, struct jk_error *err)
{
        scripts[PLAIN].interval_ns = env->interval_ns;
        return open_script(&scripts[PLAIN], "plain", ret_meter, err);
}

static int
model_open(const struct jk_meter_env *env, struct jk_meter **ret_meter, struct jk_error *err)
{
        scripts[MODEL].interval_ns = env->interval_ns;
        return open_script(&scripts[MODEL], "model", ret_meter, err);
}

static const struct jk_meter_ops plain = { .name = "plain",
                                           .open = plain_open,
                                           .zones = script_zones,
                                           .read = script_read,
                                           .close = script_close };
static const struct jk_meter_ops better = { .name = "better",
                                            .proven_by = &plain,
                                            .open = better_open,
                                            .zones = script_zones,
                                            .read = script_read,
                                            .close = script_close };
static const struct jk_meter_ops model = { .name = "model",
                                           .estimates = true,
                                           .open = model_open,
                                           .zones = script_zones,
                                           .read = script_read,
                                           .close = script_close };
static const struct jk_meter_ops *const list[] = { &better, &plain, &model, NULL };

struct fixture {
        struct jk_meters *meters;
        struct jk_sample sample;
        int64_t sum_uj;
};

static int
setup(void **state)
{
        memset(scripts, 0, sizeof scripts);
        true_uj = 1000000;
        for (int i = 0; i < N_SCRIPTS; i++) {
                scripts[i].n = 1;
                scripts[i].zones[0].name = "package-0";
                scripts[i].zones[0].kind = JK_ZONE_PACKAGE;
                scripts[i].zones[0].scale = 1;
        }
        scripts[MODEL].zones[0].provenance = JK_MODELLED;
        scripts[BETTER].open_result = -ENODEV;
        *state = calloc(1, sizeof(struct fixture));
        return jk_root_open("/", &host, NULL);
}

static int
teardown(void **state)
{
        struct fixture *f = *state;

        jk_meters_close(f->meters);
        free(f);
        jk_root_close(&host);
        for (int i = 0; i < N_SCRIPTS; i++)
                if (scripts[i].alive != 0)
                        return -1; /* a meter was not closed */
        return 0;
}

static int
open_named(struct fixture *f, const char *names, struct jk_error *err)
{
        struct jk_meter_env env = { .root = &host, .interval_ns = S };

        return jk_meters_open_list(list, &env, names, &f->meters, err);
}

static void
open_meters(struct fixture *f, const char *names)
{
        struct jk_error err = { 0 };

        if (open_named(f, names, &err) < 0)
                fail_msg("%s", err.message);
}

/* A second with 100 J. */
static const struct jk_zone_reading *
second(struct fixture *f)
{
        tick(&f->sample, S, 0);
        true_uj += 100000000;
        jk_meters_read(f->meters, &f->sample);
        jk_meters_estimate(f->meters, &f->sample);
        f->sum_uj += f->sample.readings[0].energy_uj;
        return &f->sample.readings[0];
}

static const struct jk_meter_status *
status_of(struct fixture *f, int script)
{
        const struct jk_meter_status *status;

        assert_int_equal(jk_meters_status(f->meters, &status), N_SCRIPTS);
        return &status[script];
}

static const char *
source_of(struct fixture *f)
{
        return jk_meters_zones(f->meters)->zones[0].source;
}

static void
an_unknown_name_is_refused_with_the_known_ones(void **state)
{
        struct fixture *f = *state;
        struct jk_error err = { 0 };

        assert_int_equal(open_named(f, "plain,poweracp", &err), -EINVAL);
        assert_string_equal(err.message, "there is no meter 'poweracp'; there are better, plain, "
                                         "model, auto and none");
        assert_int_equal(open_named(f, "plain,", &err), -EINVAL);
        assert_int_equal(open_named(f, "", &err), -EINVAL);
        assert_null(f->meters);
}

static void
none_opens_nothing(void **state)
{
        struct fixture *f = *state;

        open_meters(f, "none");
        second(f);
        assert_int_equal(jk_meters_zones(f->meters)->count, 0);
        assert_int_equal(scripts[PLAIN].opened, 0);
        assert_int_equal(status_of(f, PLAIN)->state, JK_METER_UNUSED);
        assert_string_equal(status_of(f, PLAIN)->error.message, "not asked for");
}

static void
what_is_modelled_yields_to_what_is_measured(void **state)
{
        struct fixture *f = *state;

        open_meters(f, "auto");
        assert_string_equal(source_of(f), "plain");
        assert_int_equal(status_of(f, MODEL)->state, JK_METER_UNUSED);
        assert_int_equal(status_of(f, BETTER)->state, JK_METER_ABSENT);
        assert_int_equal(scripts[MODEL].alive, 1); /* it goes on learning */
}

static void
what_is_modelled_is_used_when_asked_for(void **state)
{
        struct fixture *f = *state;

        open_meters(f, "model");
        assert_string_equal(source_of(f), "model");
        assert_int_equal(status_of(f, PLAIN)->state, JK_METER_UNUSED);
}

static void
the_estimate_steps_aside_when_a_meter_comes(void **state)
{
        struct fixture *f = *state;

        scripts[PLAIN].open_result = -ENODEV;
        open_meters(f, NULL);
        assert_int_equal(jk_meters_zones(f->meters)->zones[0].provenance, JK_MODELLED);
        second(f);
        scripts[PLAIN].open_result = 0;
        for (int n = 0; n < 62; n++)
                assert_int_equal(second(f)->energy_uj, 100000000);
        assert_int_equal(jk_meters_zones(f->meters)->zones[0].provenance, JK_MEASURED);
        assert_string_equal(source_of(f), "plain");
}

/* The estimate has its say after all others in the tick: what they read stays. */
static void
the_estimate_steps_in_when_a_meter_fails(void **state)
{
        struct fixture *f = *state;

        open_meters(f, NULL);
        second(f);
        assert_int_equal(second(f)->energy_uj, 100000000);

        scripts[PLAIN].read_result = -ENODEV;
        scripts[PLAIN].open_result = -EIO;
        assert_false(second(f)->flags & JK_READING_SEEN);
        for (int n = 0; n < 3; n++)
                assert_int_equal(second(f)->energy_uj, 100000000);
        assert_int_equal(jk_meters_zones(f->meters)->zones[0].provenance, JK_MODELLED);
}

static void
a_failing_meter_is_tried_again_ever_more_slowly(void **state)
{
        struct fixture *f = *state;
        int opened;

        open_meters(f, "plain");
        second(f);
        assert_int_equal(second(f)->flags, JK_READING_SEEN);

        scripts[PLAIN].read_result = -ENODEV;
        scripts[PLAIN].open_result = -EIO;
        second(f);
        assert_int_equal(status_of(f, PLAIN)->state, JK_METER_FAILED);
        assert_int_equal(status_of(f, PLAIN)->failures, 1);
        opened = scripts[PLAIN].opened;
        for (int n = 0; n < 63; n++) /* after 1, 2, 4, 8, 16 and 32 s */
                second(f);
        assert_int_equal(scripts[PLAIN].opened - opened, 6);
        opened = scripts[PLAIN].opened;
        for (int n = 0; n < 600; n++) /* then once a minute */
                second(f);
        assert_in_range(scripts[PLAIN].opened - opened, 9, 11);

        scripts[PLAIN].read_result = scripts[PLAIN].open_result = 0;
        for (int n = 0; n < 61; n++)
                second(f);
        assert_int_equal(second(f)->energy_uj, 100000000);
        assert_int_equal(status_of(f, PLAIN)->state, JK_METER_WORKING);
        assert_string_equal(status_of(f, PLAIN)->error.message, "");
}

static void
a_failing_meter_costs_only_its_own_zones(void **state)
{
        struct fixture *f = *state;

        scripts[MODEL].zones[0].name = "disk-a";
        scripts[MODEL].zones[0].kind = JK_ZONE_DISK;
        scripts[MODEL].zones[0].provenance = JK_MEASURED;
        open_meters(f, NULL);
        second(f);
        scripts[PLAIN].read_result = -EIO;
        for (int n = 0; n < 5; n++) {
                assert_int_equal(second(f)->flags, 0);
                assert_int_equal(f->sample.readings[1].energy_uj, 100000000);
        }
        assert_int_equal(jk_zone_find(jk_meters_zones(f->meters), "package-0"), 0);
}

static void
a_proven_meter_takes_over_without_loss(void **state)
{
        struct fixture *f = *state;

        scripts[BETTER].open_result = 0;
        open_meters(f, NULL);
        assert_string_equal(source_of(f), "plain");
        second(f);
        for (int n = 0; n < 10; n++)
                assert_int_equal(second(f)->energy_uj, 100000000);
        assert_string_equal(source_of(f), "better");
        assert_int_equal(status_of(f, PLAIN)->state, JK_METER_UNUSED);
        assert_int_equal(status_of(f, BETTER)->n_zones, 1);
        assert_true(f->sum_uj == 10 * INT64_C(100000000));

        /* And through looking for new hardware. */
        for (int n = 0; n < 200; n++)
                assert_int_equal(second(f)->energy_uj, 100000000);
        assert_string_equal(source_of(f), "better");
}

static void
a_meter_that_disagrees_is_not_used(void **state)
{
        struct fixture *f = *state;

        scripts[BETTER].open_result = 0;
        scripts[BETTER].zones[0].scale = 1.1;
        open_meters(f, NULL);
        second(f);
        for (int n = 0; n < 200; n++)
                assert_int_equal(second(f)->energy_uj, 100000000);
        assert_string_equal(source_of(f), "plain");
        assert_int_equal(status_of(f, BETTER)->state, JK_METER_UNUSED);
        assert_string_equal(status_of(f, BETTER)->error.message,
                            "package-0: not used, it counted 1100000 mJ where plain counted "
                            "1000000 mJ");
}

/* Until it counts something, a wrong unit cannot be told. */
static void
a_zone_that_sleeps_proves_nothing(void **state)
{
        struct fixture *f = *state;

        scripts[BETTER].open_result = 0;
        scripts[BETTER].zones[0].scale = 1.1;
        scripts[BETTER].zones[0].kind = scripts[PLAIN].zones[0].kind = JK_ZONE_UNCORE;
        open_meters(f, NULL);
        for (int n = 0; n < 20; n++) {
                tick(&f->sample, S, 0);
                jk_meters_read(f->meters, &f->sample);
        }
        assert_string_equal(source_of(f), "plain");
        for (int n = 0; n < 20; n++)
                assert_int_equal(second(f)->energy_uj, 100000000);
        assert_string_equal(source_of(f), "plain");
}

static void
the_prover_stands_in_when_the_proven_meter_fails(void **state)
{
        struct fixture *f = *state;

        scripts[BETTER].open_result = 0;
        open_meters(f, NULL);
        for (int n = 0; n < 5; n++)
                second(f);
        assert_string_equal(source_of(f), "better");
        scripts[BETTER].read_result = -ENODEV;
        scripts[BETTER].open_result = -EIO;
        assert_int_equal(second(f)->flags, 0); /* the tick of the failure is lost, and said to be */
        for (int n = 0; n < 5; n++)
                assert_int_equal(second(f)->energy_uj, 100000000);
        assert_string_equal(source_of(f), "plain");
}

static void
the_same_energy_under_another_name_is_used_once(void **state)
{
        struct fixture *f = *state;

        scripts[BETTER].open_result = 0;
        scripts[BETTER].n = 2;
        scripts[BETTER].zones[0].name = "package-0-die-0";
        scripts[BETTER].zones[1] = scripts[BETTER].zones[0];
        scripts[BETTER].zones[1].name = "package-1";
        scripts[BETTER].zones[1].package = 1;
        open_meters(f, NULL);
        assert_int_equal(jk_meters_zones(f->meters)->count, 2);
        assert_int_equal(jk_zone_find(jk_meters_zones(f->meters), "package-0-die-0"), -1);
        assert_int_equal(jk_zone_find(jk_meters_zones(f->meters), "package-1"), 1);
}

static void
a_zone_that_comes_later_is_appended(void **state)
{
        struct fixture *f = *state;

        open_meters(f, "plain");
        second(f);
        scripts[PLAIN].n = 2;
        scripts[PLAIN].zones[1] = scripts[PLAIN].zones[0];
        scripts[PLAIN].zones[0].name = "dram-0";
        scripts[PLAIN].zones[0].kind = JK_ZONE_DRAM;
        for (int n = 0; n < 62; n++)
                assert_int_equal(second(f)->energy_uj, 100000000);
        assert_int_equal(jk_zone_find(jk_meters_zones(f->meters), "package-0"), 0);
        assert_int_equal(jk_zone_find(jk_meters_zones(f->meters), "dram-0"), 1);
        assert_int_equal(f->sample.readings[1].energy_uj, 100000000);
}

static void
a_steady_tick_allocates_nothing(void **state)
{
        struct fixture *f = *state;
        struct mallinfo2 before, after;

        scripts[BETTER].open_result = 0;
        open_meters(f, NULL);
        for (int n = 0; n < 5; n++)
                second(f);
        before = mallinfo2();
        for (int n = 0; n < 50; n++)
                second(f);
        after = mallinfo2();
        assert_int_equal(after.uordblks, before.uordblks);
}

static void
a_new_interval_is_told_to_the_meters(void **state)
{
        struct fixture *f = *state;

        open_meters(f, "plain");
        second(f);
        assert_int_equal(scripts[PLAIN].interval_ns, S);

        /* They offer the same, so nothing changes hands. */
        jk_meters_set_interval(f->meters, 5 * S);
        second(f);
        assert_int_equal(scripts[PLAIN].interval_ns, 5 * S);
        assert_int_equal(f->sum_uj, 100000000);
        assert_int_equal(scripts[PLAIN].alive, 1);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, setup, teardown)

static const struct CMUnitTest tests[] = {
        TEST(an_unknown_name_is_refused_with_the_known_ones),
        TEST(none_opens_nothing),
        TEST(what_is_modelled_yields_to_what_is_measured),
        TEST(what_is_modelled_is_used_when_asked_for),
        TEST(the_estimate_steps_aside_when_a_meter_comes),
        TEST(the_estimate_steps_in_when_a_meter_fails),
        TEST(a_failing_meter_is_tried_again_ever_more_slowly),
        TEST(a_failing_meter_costs_only_its_own_zones),
        TEST(a_proven_meter_takes_over_without_loss),
        TEST(a_meter_that_disagrees_is_not_used),
        TEST(a_zone_that_sleeps_proves_nothing),
        TEST(the_prover_stands_in_when_the_proven_meter_fails),
        TEST(the_same_energy_under_another_name_is_used_once),
        TEST(a_zone_that_comes_later_is_appended),
        TEST(a_new_interval_is_told_to_the_meters),
        TEST(a_steady_tick_allocates_nothing),
};

JK_RUN_TESTS(tests)

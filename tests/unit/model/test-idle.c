/* SPDX-License-Identifier: Apache-2.0
 *
 * Learning idle power: machines whose true floor is known, under loads that do and do not show it.
 */
#include "tests/unit/test.h"

#include <math.h>

#include "model/idle.h"
#include "tests/unit/model/random.h"

/* Watts of a machine with a floor and a bent curve. */
static double
watts(double floor_w, double utilisation)
{
        return floor_w + 80 * pow(utilisation, 0.8);
}

static void
run(struct jk_idle *idle, double floor_w, double utilisation, int seconds)
{
        for (int i = 0; i < seconds; i++)
                jk_idle_observe(idle, (int64_t)(watts(floor_w, utilisation) * 1e6), JK_NS_PER_S,
                                utilisation, NAN);
}

static void
assert_within_error(const struct jk_idle *idle, double floor_w, double sigmas)
{
        struct jk_idle_estimate estimate = jk_idle_estimate(idle);

        assert_true(estimate.error_w > 0);
        if (fabs(estimate.power_w - floor_w) > sigmas * estimate.error_w)
                fail_msg("true floor %g W, estimate %g ± %g W", floor_w, estimate.power_w,
                         estimate.error_w);
}

static void
nothing_is_known_before_the_first_reading(void **state)
{
        struct jk_idle idle;

        (void)state;
        jk_idle_init(&idle);
        assert_true(isnan(jk_idle_estimate(&idle).power_w));
        jk_idle_observe(&idle, 30000000, JK_NS_PER_S, NAN, NAN); /* nor where CPUs are not seen */
        assert_true(isnan(jk_idle_estimate(&idle).power_w));
}

static void
an_idle_machine_shows_its_floor(void **state)
{
        struct jk_idle idle;

        (void)state;
        jk_idle_init(&idle);
        run(&idle, 30, 0, 1);
        assert_true(fabs(jk_idle_estimate(&idle).power_w - 30) < 0.5); /* at once */
        run(&idle, 30, 0, 30);
        run(&idle, 30, 1, 300);
        assert_true(fabs(jk_idle_estimate(&idle).power_w - 30) < 0.5);
        assert_true(jk_idle_estimate(&idle).error_w < 1);
}

static void
a_busy_machine_has_a_wide_error_bar_that_holds(void **state)
{
        struct jk_idle idle;
        double error_w;

        (void)state;
        jk_idle_init(&idle);
        run(&idle, 30, 1, 60);
        assert_within_error(&idle, 30, 2);
        error_w = jk_idle_estimate(&idle).error_w;
        assert_true(error_w > 10); /* nothing below full load was ever seen */

        run(&idle, 30, 0.5, 60); /* a second point makes a line */
        assert_within_error(&idle, 30, 2);
        run(&idle, 30, 0.05, 60);
        assert_within_error(&idle, 30, 2);
        assert_true(jk_idle_estimate(&idle).error_w < error_w / 3);
}

static void
a_short_dip_is_not_sustained(void **state)
{
        struct jk_idle idle;

        (void)state;
        jk_idle_init(&idle);
        run(&idle, 30, 0, 60);
        /* half a second in which the counter hardly moved (it updates when it likes) */
        jk_idle_observe(&idle, 100, JK_NS_PER_S / 2, 0, NAN);
        run(&idle, 30, 0, 60);
        assert_true(fabs(jk_idle_estimate(&idle).power_w - 30) < 2);
}

static void
the_floor_follows_the_machine_within_a_day(void **state)
{
        struct jk_idle idle;

        (void)state;
        jk_idle_init(&idle);
        run(&idle, 31, 0, 3600);
        run(&idle, 50, 0, 90000); /* the same server, seven weeks later */
        assert_true(fabs(jk_idle_estimate(&idle).power_w - 50) < 1);
        run(&idle, 31, 0, 20); /* and down again at once */
        assert_true(fabs(jk_idle_estimate(&idle).power_w - 31) < 1);
}

static void
the_estimate_is_never_negative_nor_above_the_quietest_reading(void **state)
{
        uint64_t seed = 5;

        (void)state;
        for (int round = 0; round < 200; round++) {
                struct jk_idle idle;
                double lowest_w = INFINITY;

                jk_idle_init(&idle);
                for (int block = 0; block < 40; block++) {
                        double power_w, utilisation;

                        seed = seed * UINT64_C(6364136223846793005) + 1442695040888963407u;
                        power_w = (double)(seed >> 40) / (1 << 24) * 200;
                        seed = seed * UINT64_C(6364136223846793005) + 1442695040888963407u;
                        utilisation = (double)(seed >> 40) / (1 << 24);
                        lowest_w = fmin(lowest_w, power_w);
                        jk_idle_observe(&idle, (int64_t)(power_w * 1e7), 10 * JK_NS_PER_S,
                                        utilisation, NAN);
                        assert_true(jk_idle_estimate(&idle).power_w >= 0);
                        assert_true(jk_idle_estimate(&idle).power_w <= lowest_w + 1e-3);
                        assert_true(isfinite(jk_idle_estimate(&idle).error_w));
                }
        }
}

/* A load that hardly uses the zone is, by noise, lower than no load; what uses it sets the slope.
 */
static void
of_blocks_about_as_low_the_least_busy_counts(void **state)
{
        struct jk_idle idle;

        (void)state;
        for (int order = 0; order < 2; order++) {
                jk_idle_init(&idle);
                jk_idle_observe(&idle, order ? 40000000 : 39700000, 10 * JK_NS_PER_S,
                                order ? 0.003 : 0.4, NAN);
                jk_idle_observe(&idle, order ? 39700000 : 40000000, 10 * JK_NS_PER_S,
                                order ? 0.4 : 0.003, NAN);
                jk_idle_observe(&idle, 200000000, 10 * JK_NS_PER_S, 0.6, NAN);
                assert_true(fabs(jk_idle_estimate(&idle).power_w - 3.95) < 0.05);
        }
}

/* A reading that covers a quiet minute must not be taken for a busy second at little power. */
static void
a_reading_of_another_time_teaches_nothing(void **state)
{
        struct jk_zone_table zones = { .count = 1, .zones = { { .idle_w = NAN, .parent = -1 } } };
        struct jk_sample sample = { .zones = &zones, .elapsed_ns = JK_NS_PER_S };
        struct jk_cpu_reading *cpu = jk_sample_add_cpu(&sample);
        struct jk_zone_reading *reading = &sample.readings[0];
        struct jk_model *model;

        (void)state;
        assert_int_equal(jk_model_share.open(NULL, &model, NULL), 0);
        reading->flags = JK_READING_SEEN;
        reading->energy_uj = 30000000;
        reading->elapsed_ns = JK_NS_PER_S;
        *cpu = (struct jk_cpu_reading){ .online = true, .idle_ns = 1000 };
        for (int i = 0; i < 60; i++)
                jk_model_share.observe(model, &sample);
        assert_true(fabs(jk_model_share.idle(model, 0).power_w - 30) < 0.5);

        *cpu = (struct jk_cpu_reading){ .online = true, .busy_ns = 1000 };
        reading->energy_uj = 60 * INT64_C(29900000);
        reading->elapsed_ns = 60 * JK_NS_PER_S;
        jk_model_share.observe(model, &sample);
        assert_true(fabs(jk_model_share.idle(model, 0).power_w - 30) < 0.5);

        jk_model_share.close(model);
        jk_sample_free(&sample);
}

/* ---- warmth ---- */

/* A day of a machine that is busy for three minutes of each ten, and hardly else. */
struct day {
        double leak_w;    /* per °C above 30 */
        double weather_c; /* how far the day's temperature swings */
        double heated_c;  /* at full load */
        double jitter_c;  /* by chance */
        bool is_told;     /* the temperature */
};

static struct jk_idle_estimate
after(const struct day *day, double last_c)
{
        struct jk_idle idle;
        uint64_t random = 5;

        jk_idle_init(&idle);
        for (int minute = 0; minute < 24 * 60; minute++) {
                double load = minute % 10 < 3 ? 0.6 : 0.05 * random_unit(&random);
                double temperature_c = 30 +
                                       day->weather_c * 0.5 * (1 - cos(minute / 720.0 * 3.14159)) +
                                       day->heated_c * load + day->jitter_c * random_unit(&random);
                double power_w = watts(20 + day->leak_w * (temperature_c - 30), load) *
                                 (1 + 0.002 * random_normal(&random));

                jk_idle_observe(&idle, (int64_t)(power_w * 60e6), 60 * JK_NS_PER_S, load,
                                day->is_told ? floor(temperature_c) : NAN);
        }
        for (int i = 0; i < 3; i++)
                jk_idle_observe(&idle, 1000000000, 10 * JK_NS_PER_S, 1, last_c);
        return jk_idle_estimate(&idle);
}

static void
the_floor_follows_the_temperature(void **state)
{
        struct day day = { .leak_w = 0.4, .weather_c = 15, .heated_c = 20, .jitter_c = 2 };

        (void)state;
        for (int told = 0; told < 2; told++) {
                double off_w = 0;

                day.is_told = told;
                for (int at_c = 32; at_c <= 44; at_c += 3)
                        off_w = fmax(off_w,
                                     fabs(after(&day, at_c).power_w - 20 - 0.4 * (at_c - 30)));
                print_message("# off by %.2f W of 20 to 26%s\n", off_w, told ? "" : " if not told");
                assert_true(told ? off_w < 1.2 : off_w > 4);
        }
}

static void
what_was_never_seen_is_not_extrapolated(void **state)
{
        struct day day = { .leak_w = 0.4, .weather_c = 15, .jitter_c = 2, .is_told = true };
        double warmest_w = after(&day, 47).power_w;

        (void)state;
        assert_true(fabs(after(&day, 90).power_w - warmest_w) < 0.5);
        assert_true(after(&day, -100).power_w > 18);
        assert_true(after(&day, 47).error_w > 0);
}

/* Temperature that says nothing of the floor: by chance, by load, or the wrong way round. */
static void
where_temperature_tells_nothing_the_floor_is_as_without(void **state)
{
        static const struct day days[] = {
                { .leak_w = 0, .weather_c = 15, .heated_c = 20, .jitter_c = 2 },
                { .leak_w = 0, .jitter_c = 10 },
                { .leak_w = 0, .heated_c = 50 },
                { .leak_w = -0.2, .weather_c = 15 },
                { .leak_w = 0.4 }, /* it would, but never changed */
        };

        (void)state;
        for (size_t i = 0; i < sizeof days / sizeof *days; i++) {
                struct day told = days[i];
                struct jk_idle_estimate with, without;

                told.is_told = true;
                with = after(&told, 45);
                without = after(&days[i], 45);
                assert_true(with.power_w == without.power_w && with.error_w == without.error_w);
        }
}

static const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_is_known_before_the_first_reading),
        cmocka_unit_test(an_idle_machine_shows_its_floor),
        cmocka_unit_test(a_busy_machine_has_a_wide_error_bar_that_holds),
        cmocka_unit_test(a_short_dip_is_not_sustained),
        cmocka_unit_test(the_floor_follows_the_machine_within_a_day),
        cmocka_unit_test(a_reading_of_another_time_teaches_nothing),
        cmocka_unit_test(of_blocks_about_as_low_the_least_busy_counts),
        cmocka_unit_test(the_floor_follows_the_temperature),
        cmocka_unit_test(what_was_never_seen_is_not_extrapolated),
        cmocka_unit_test(where_temperature_tells_nothing_the_floor_is_as_without),
        cmocka_unit_test(the_estimate_is_never_negative_nor_above_the_quietest_reading),
};

JK_RUN_TESTS(tests)

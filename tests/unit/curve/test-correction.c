/* SPDX-License-Identifier: Apache-2.0
 *
 * Self-correction: it finds the line that is there, slowly; a zone around the estimated one tells
 * the factor only; and what was learned stays when the meter goes, trusted less by the day.
 */
#include "tests/unit/test.h"

#include <math.h>

#include "curve/correction.h"

#define DAY_S 86400.0

/* An estimate that goes from 20 to 60 W and back every two minutes. */
static double
estimate_at(int second)
{
        return 40 + 20 * sin(2 * M_PI * second / 120);
}

static void
learn(struct jk_correction *correction, enum jk_correction_basis basis, int seconds, double factor,
      double offset_w)
{
        for (int second = 0; second < seconds; second++)
                jk_correction_learn(correction, basis, estimate_at(second),
                                    factor * estimate_at(second) + offset_w, 1);
}

static void
nothing_learned_is_nothing_changed(void **state)
{
        struct jk_correction correction = { 0 };
        struct jk_corrected corrected = jk_correction_apply(&correction, 50, 20, 40);

        (void)state;
        assert_true(corrected.power_w == 50 && corrected.idle_w == 20 && corrected.error_pct == 40);
        jk_correction_age(&correction, DAY_S);
        corrected = jk_correction_apply(&correction, 50, 20, 40);
        assert_true(corrected.power_w == 50 && corrected.error_pct == 40);
}

static void
a_meter_of_the_zone_tells_factor_and_offset(void **state)
{
        struct jk_correction correction = { 0 };
        struct jk_corrected corrected;

        (void)state;
        learn(&correction, JK_CORRECTION_SAME, 30, 1.5, 5);
        corrected = jk_correction_apply(&correction, 60, 20, 40);
        assert_true(corrected.power_w > 60 && corrected.power_w < 90); /* slowly */

        learn(&correction, JK_CORRECTION_SAME, 3600, 1.5, 5);
        corrected = jk_correction_apply(&correction, 60, 20, 40);
        assert_true(fabs(correction.factor - 1.5) < 0.03);
        assert_true(fabs(corrected.power_w - 95) < 2);
        assert_true(fabs(corrected.idle_w - 35) < 2);
        assert_true(corrected.error_pct < 5);
}

static void
a_meter_around_it_tells_the_factor_only(void **state)
{
        struct jk_correction correction = { 0 };
        struct jk_corrected corrected;

        (void)state;
        learn(&correction, JK_CORRECTION_AROUND, 3600, 1.3, 100);
        corrected = jk_correction_apply(&correction, 60, 20, 40);
        assert_true(fabs(correction.factor - 1.3) < 0.03);
        assert_true(fabs(correction.offset_w - 100) < 3);
        assert_true(fabs(corrected.power_w - (20 + 1.3 * 40)) < 2);
        assert_true(corrected.idle_w == 20);
        assert_true(corrected.error_pct < 20 && corrected.error_pct > 5);
}

static void
a_steady_machine_tells_no_factor(void **state)
{
        struct jk_correction correction = { 0 };

        (void)state;
        for (int second = 0; second < 3600; second++)
                jk_correction_learn(&correction, JK_CORRECTION_AROUND, 40, 140, 1);
        assert_true(fabs(correction.factor - 1) < 0.01);
        assert_true(fabs(jk_correction_apply(&correction, 40, 20, 40).power_w - 40) < 0.5);
        assert_true(jk_correction_apply(&correction, 40, 20, 40).error_pct > 25);
}

static void
what_was_learned_stays_and_is_trusted_less(void **state)
{
        struct jk_correction correction = { 0 };
        struct jk_corrected fresh, old;

        (void)state;
        learn(&correction, JK_CORRECTION_SAME, 3600, 1.5, 5);
        fresh = jk_correction_apply(&correction, 60, 20, 40);
        jk_correction_age(&correction, DAY_S);
        old = jk_correction_apply(&correction, 60, 20, 40);
        assert_true(old.power_w == fresh.power_w);
        assert_true(old.error_pct > fresh.error_pct + 2 && old.error_pct < 20);
        jk_correction_age(&correction, 60 * DAY_S);
        assert_true(jk_correction_apply(&correction, 60, 20, 40).error_pct > 38);
}

static void
absurd_readings_are_left_out(void **state)
{
        static const double absurd[] = { NAN, INFINITY, -1, -INFINITY };
        struct jk_correction correction = { 0 };

        (void)state;
        for (size_t i = 0; i < sizeof absurd / sizeof *absurd; i++) {
                jk_correction_learn(&correction, JK_CORRECTION_SAME, 50, absurd[i], 100);
                jk_correction_learn(&correction, JK_CORRECTION_SAME, absurd[i], 50, 100);
                jk_correction_learn(&correction, JK_CORRECTION_SAME, 50, 50,
                                    absurd[i] < 0 ? -1 : 0);
        }
        assert_true(jk_correction_apply(&correction, 50, 20, 40).power_w == 50);

        /* Zeros are possible, and break nothing. */
        for (int i = 0; i < 100; i++)
                jk_correction_learn(&correction, JK_CORRECTION_SAME, 0, 0, 10);
        assert_true(isfinite(jk_correction_apply(&correction, 50, 20, 40).power_w));
        assert_true(isfinite(jk_correction_apply(&correction, 0, 0, 40).error_pct));
}

/* A stuck sensor, one that means over minutes, a plug of another machine. */
static void
a_meter_that_shows_nothing_of_the_zone_changes_nothing(void **state)
{
        static const struct {
                enum jk_correction_basis basis;
                double measured_w;
        } blind[] = {
                { JK_CORRECTION_AROUND, 0 },
                { JK_CORRECTION_AROUND, 60 },
                { JK_CORRECTION_SAME, 0 },
        };

        (void)state;
        for (size_t i = 0; i < sizeof blind / sizeof *blind; i++) {
                struct jk_correction correction = { 0 };
                struct jk_corrected corrected;

                for (int second = 0; second < 600; second++)
                        jk_correction_learn(&correction, blind[i].basis, estimate_at(second),
                                            blind[i].measured_w, 1);
                corrected = jk_correction_apply(&correction, 40, 10, 30);
                assert_true(corrected.power_w == 40 && corrected.idle_w == 10);
                assert_true(corrected.error_pct >= 30);
        }
}

static const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_learned_is_nothing_changed),
        cmocka_unit_test(a_meter_of_the_zone_tells_factor_and_offset),
        cmocka_unit_test(a_meter_around_it_tells_the_factor_only),
        cmocka_unit_test(a_steady_machine_tells_no_factor),
        cmocka_unit_test(what_was_learned_stays_and_is_trusted_less),
        cmocka_unit_test(a_meter_that_shows_nothing_of_the_zone_changes_nothing),
        cmocka_unit_test(absurd_readings_are_left_out),
};

JK_RUN_TESTS(tests)

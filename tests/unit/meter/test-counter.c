/* SPDX-License-Identifier: Apache-2.0
 *
 * Counters: whatever one does, its deltas are never negative and never a spike, and where it is
 * right they add up to the true energy.
 */
#include "tests/unit/test.h"

#include <math.h>

#include "meter/meter.h"
#include "tests/unit/meter/tree.h"

#define S           JK_NS_PER_S
#define RANGE_ESU14 UINT64_C(262143328850)
#define RANGE_DRAM  UINT64_C(65712999613)

static const struct jk_zone package = {
        .name = "package-0", .kind = JK_ZONE_PACKAGE, .range_uj = RANGE_ESU14, .max_w = 500
};

static uint64_t
next_random(uint64_t *state)
{
        *state = *state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
        return *state >> 16;
}

static struct jk_zone_reading
count(struct jk_meter_counter *counter, const struct jk_zone *zone, uint64_t now_uj,
      struct jk_sample *sample, int64_t awake_ns, int64_t asleep_ns)
{
        struct jk_zone_reading reading = { .energy_uj = -1 };

        tick(sample, awake_ns, asleep_ns);
        jk_meter_count(counter, zone, now_uj, sample, &reading);
        assert_true(reading.energy_uj >= 0);
        assert_true((reading.flags & JK_READING_SEEN) || reading.energy_uj == 0);
        if (reading.flags & JK_READING_REFUSED)
                assert_true(reading.flags & JK_READING_REBASED);
        return reading;
}

static void
deltas_add_up_through_any_number_of_single_wraps(void **state)
{
        const uint64_t ranges[] = { RANGE_ESU14, RANGE_DRAM, 999999, 1 };
        uint64_t seed = 3;

        (void)state;
        for (size_t i = 0; i < sizeof ranges / sizeof *ranges; i++) {
                struct jk_zone zone = package;
                struct jk_meter_counter counter = { 0 };
                struct jk_sample sample = { 0 };
                uint64_t truth = next_random(&seed) % ranges[i], start = truth, wraps = 0;
                int64_t sum = 0;

                zone.range_uj = ranges[i];
                zone.max_w = NAN; /* any power is plausible: wraps alone are under test */
                count(&counter, &zone, truth % (ranges[i] + 1), &sample, 0, 0);
                for (int n = 0; n < 20000; n++) {
                        struct jk_zone_reading reading;

                        truth += next_random(&seed) % (ranges[i] + 1);
                        reading = count(&counter, &zone, truth % (ranges[i] + 1), &sample,
                                        1 + (int64_t)(next_random(&seed) % 1000000), 0);
                        if (reading.flags & JK_READING_SEEN)
                                sum += reading.energy_uj;
                        wraps += (reading.flags & JK_READING_WRAPPED) != 0;
                }
                assert_true(sum == (int64_t)(truth - start));
                assert_true(wraps > 1000);
        }
}

static void
nothing_that_a_counter_does_makes_a_spike(void **state)
{
        struct jk_meter_counter counter = { 0 };
        struct jk_sample sample = { 0 };
        uint64_t seed = 11, value = 0;
        int seen = 0, refused = 0;

        (void)state;
        for (int n = 0; n < 100000; n++) {
                int64_t awake_ns = (int64_t)(next_random(&seed) % (5 * S));
                int64_t asleep_ns = next_random(&seed) % 16 ? 0 : 3600 * S;
                struct jk_zone_reading reading;

                switch (next_random(&seed) % 4) {
                case 0: /* anything at all */
                        value = next_random(&seed) << 16 ^ next_random(&seed);
                        break;
                case 1: /* started anew */
                        value = next_random(&seed) % 1000;
                        break;
                default: /* as it should be */
                        value += next_random(&seed) % 100000000;
                }
                reading = count(&counter, &package, value, &sample, awake_ns, asleep_ns);
                seen += (reading.flags & JK_READING_SEEN) != 0;
                refused += (reading.flags & JK_READING_REFUSED) != 0;
                assert_true((double)reading.energy_uj <=
                            package.max_w * ((double)reading.elapsed_ns / 1e3 + 1e5));
        }
        assert_true(seen > 10000 && refused > 10000);
}

static void
first_reading_is_a_baseline(void **state)
{
        struct jk_meter_counter counter = { 0 };
        struct jk_sample sample = { 0 };
        struct jk_zone_reading reading;

        (void)state;
        reading = count(&counter, &package, 123456789, &sample, 0, 0);
        assert_int_equal(reading.flags, JK_READING_REBASED);
        reading = count(&counter, &package, 123456789 + 7, &sample, S, 0);
        assert_int_equal(reading.flags, JK_READING_SEEN);
        assert_int_equal(reading.energy_uj, 7);
        assert_int_equal(reading.elapsed_ns, S);
}

static void
missed_ticks_are_in_the_next_reading(void **state)
{
        struct jk_meter_counter counter = { 0 };
        struct jk_sample sample = { 0 };
        struct jk_zone_reading reading;

        (void)state;
        count(&counter, &package, 1000, &sample, 0, 0);
        tick(&sample, S, 0);
        tick(&sample, S, 0);
        reading = count(&counter, &package, 9000, &sample, S, 0);
        assert_int_equal(reading.energy_uj, 8000);
        assert_int_equal(reading.elapsed_ns, 3 * S);
}

static void
a_restart_from_zero_is_refused(void **state)
{
        struct jk_meter_counter counter = { 0 };
        struct jk_sample sample = { 0 };
        struct jk_zone_reading reading;

        (void)state;
        count(&counter, &package, 5000000000, &sample, 0, 0);
        reading = count(&counter, &package, 1000, &sample, S, 0);
        assert_int_equal(reading.flags, JK_READING_REFUSED | JK_READING_REBASED);
        assert_int_equal(reading.energy_uj, 0);
        reading = count(&counter, &package, 51000, &sample, S, 0);
        assert_int_equal(reading.flags, JK_READING_SEEN);
        assert_int_equal(reading.energy_uj, 50000);
}

static void
a_gap_beyond_the_horizon_is_a_new_baseline(void **state)
{
        struct jk_meter_counter counter = { 0 };
        struct jk_sample sample = { 0 };
        struct jk_zone_reading reading;

        (void)state; /* the horizon is 262143 J / 500 W = 524.3 s */
        count(&counter, &package, 1000, &sample, 0, 0);
        reading = count(&counter, &package, 100000001000, &sample, 524 * S, 0);
        assert_int_equal(reading.flags, JK_READING_SEEN);
        assert_true(reading.energy_uj == 100000000000);
        reading = count(&counter, &package, 110000001000, &sample, 525 * S, 0);
        assert_int_equal(reading.flags, JK_READING_REBASED);
}

static void
sleep_makes_a_counter_that_went_back_a_new_baseline(void **state)
{
        struct jk_meter_counter counter = { 0 };
        struct jk_sample sample = { 0 };
        struct jk_zone_reading reading;

        (void)state;
        count(&counter, &package, RANGE_ESU14 - 1000000, &sample, 0, 0);
        reading = count(&counter, &package, 1000000, &sample, S, 30 * S);
        assert_int_equal(reading.flags, JK_READING_REBASED);
        /* The same without sleep is a wrap. */
        count(&counter, &package, RANGE_ESU14 - 1000000, &sample, 600 * S, 0);
        reading = count(&counter, &package, 1000000, &sample, S, 0);
        assert_int_equal(reading.flags, JK_READING_SEEN | JK_READING_WRAPPED);
        assert_int_equal(reading.energy_uj, 2000001);
        /* Forward through sleep is energy, over all of the time. */
        reading = count(&counter, &package, 3000000, &sample, S, 30 * S);
        assert_int_equal(reading.flags, JK_READING_SEEN);
        assert_int_equal(reading.elapsed_ns, 31 * S);
}

static void
sleep_in_a_missed_tick_is_seen_too(void **state)
{
        struct jk_meter_counter counter = { 0 };
        struct jk_sample sample = { 0 };
        struct jk_zone_reading reading;

        (void)state;
        count(&counter, &package, RANGE_ESU14 - 1000000, &sample, 0, 0);
        tick(&sample, S, 30 * S);
        reading = count(&counter, &package, 1000000, &sample, S, 0);
        assert_int_equal(reading.flags, JK_READING_REBASED);
}

static void
without_a_range_going_back_is_a_new_baseline(void **state)
{
        struct jk_zone zone = package;
        struct jk_meter_counter counter = { 0 };
        struct jk_sample sample = { 0 };
        struct jk_zone_reading reading;

        (void)state;
        zone.range_uj = 0;
        count(&counter, &zone, 5000, &sample, 0, 0);
        reading = count(&counter, &zone, 4000, &sample, S, 0);
        assert_int_equal(reading.flags, JK_READING_REBASED);
        /* And nothing limits the gap. */
        reading = count(&counter, &zone, 5000, &sample, 100000 * S, 0);
        assert_int_equal(reading.flags, JK_READING_SEEN);
        assert_int_equal(reading.energy_uj, 1000);
}

static void
a_counter_wider_than_its_range_is_not_masked(void **state)
{
        const uint64_t start = UINT64_C(21700000000000); /* 21.7 MJ: 64 bits, range says 32 */
        struct jk_meter_counter counter = { 0 };
        struct jk_sample sample = { 0 };
        struct jk_zone zone = package;
        struct jk_zone_reading reading;

        (void)state;
        zone.range_uj = RANGE_DRAM;
        count(&counter, &zone, start, &sample, 0, 0);
        reading = count(&counter, &zone, start + 90000000, &sample, S, 0);
        assert_int_equal(reading.flags, JK_READING_SEEN);
        assert_int_equal(reading.energy_uj, 90000000);
        reading = count(&counter, &zone, 10, &sample, S, 0);
        assert_int_equal(reading.flags, JK_READING_REFUSED | JK_READING_REBASED);
}

static void
a_counter_that_stands_still_is_frozen_after_a_minute(void **state)
{
        struct jk_meter_counter counter = { 0 };
        struct jk_sample sample = { 0 };
        struct jk_zone_reading reading;

        (void)state;
        count(&counter, &package, 77000000, &sample, 0, 0);
        for (int n = 1; n < 60; n++) {
                reading = count(&counter, &package, 77000000, &sample, S, 0);
                assert_int_equal(reading.flags, JK_READING_SEEN);
        }
        for (int n = 0; n < 2000; n++) { /* far beyond the horizon */
                reading = count(&counter, &package, 77000000, &sample, S, 0);
                assert_int_equal(reading.flags, JK_READING_FROZEN);
        }
        reading = count(&counter, &package, 78000000, &sample, S, 0);
        assert_int_equal(reading.flags, JK_READING_REBASED);
        reading = count(&counter, &package, 79000000, &sample, S, 0);
        assert_int_equal(reading.flags, JK_READING_SEEN);
}

static void
energy_counted_while_frozen_is_not_lost(void **state)
{
        struct jk_meter_counter counter = { 0 };
        struct jk_sample sample = { 0 };
        struct jk_zone_reading reading = { 0 };

        (void)state;
        count(&counter, &package, 77000000, &sample, 0, 0);
        for (int n = 0; n < 100; n++)
                reading = count(&counter, &package, 77000000, &sample, S, 0);
        assert_int_equal(reading.flags, JK_READING_FROZEN);
        reading = count(&counter, &package, 577000000, &sample, S, 0);
        assert_int_equal(reading.flags, JK_READING_SEEN);
        assert_int_equal(reading.energy_uj, 500000000);
        assert_int_equal(reading.elapsed_ns, 42 * S); /* since the last reading that was believed */
}

static void
little_energy_is_not_frozen(void **state)
{
        struct jk_zone psys = { .kind = JK_ZONE_PSYS, .range_uj = 4294967295000000, .max_w = 4000 };
        struct jk_meter_counter counter = { 0 };
        struct jk_sample sample = { 0 };
        uint64_t value = 1000000;
        int64_t sum = 0;

        (void)state; /* a unit of 1 J, and 20 mW */
        count(&counter, &psys, value, &sample, 0, 0);
        for (int n = 1; n <= 500; n++) {
                struct jk_zone_reading reading;

                if (n % 50 == 0)
                        value += 1000000;
                reading = count(&counter, &psys, value, &sample, S, 0);
                assert_int_equal(reading.flags, JK_READING_SEEN);
                sum += reading.energy_uj;
        }
        assert_int_equal(sum, 10000000);
}

static void
what_may_rest_is_never_frozen(void **state)
{
        struct jk_zone uncore = { .kind = JK_ZONE_UNCORE, .range_uj = RANGE_ESU14, .max_w = 100 };
        struct jk_meter_counter counter = { 0 };
        struct jk_sample sample = { 0 };

        (void)state;
        count(&counter, &uncore, 0, &sample, 0, 0);
        for (int n = 0; n < 200; n++)
                assert_int_equal(count(&counter, &uncore, 0, &sample, S, 0).flags, JK_READING_SEEN);
}

static void
a_counter_that_never_counted_is_not_a_zero(void **state)
{
        struct jk_zone psys = { .kind = JK_ZONE_PSYS, .range_uj = RANGE_ESU14, .max_w = 4000 };
        struct jk_meter_counter counter = { 0 };
        struct jk_sample sample = { 0 };
        struct jk_zone_reading reading;

        (void)state;
        count(&counter, &psys, 0, &sample, 0, 0);
        for (int n = 0; n < 5; n++)
                assert_int_equal(count(&counter, &psys, 0, &sample, S, 0).flags, 0);
        reading = count(&counter, &psys, 60000000, &sample, S, 0);
        assert_int_equal(reading.energy_uj, 60000000);
        assert_int_equal(reading.elapsed_ns, 6 * S);
}

static void
power_is_integrated_by_trapezoids(void **state)
{
        struct jk_meter_power power = { 0 };
        struct jk_sample sample = { 0 };
        struct jk_zone_reading reading;

        (void)state;
        tick(&sample, 0, 0);
        jk_meter_integrate(&power, 10, &sample, &reading);
        assert_int_equal(reading.flags, JK_READING_REBASED);
        tick(&sample, 2 * S, 0);
        jk_meter_integrate(&power, 20, &sample, &reading);
        assert_int_equal(reading.energy_uj, 30000000);
        assert_int_equal(reading.elapsed_ns, 2 * S);
        tick(&sample, S, 60 * S); /* asleep: nobody knows */
        jk_meter_integrate(&power, 20, &sample, &reading);
        assert_int_equal(reading.flags, JK_READING_REBASED);
        tick(&sample, 121 * S, 0);
        jk_meter_integrate(&power, 20, &sample, &reading);
        assert_int_equal(reading.flags, JK_READING_REBASED);
        tick(&sample, S, 0);
        jk_meter_integrate(&power, NAN, &sample, &reading);
        assert_int_equal(reading.flags, 0);
        tick(&sample, S, 0);
        jk_meter_integrate(&power, -5, &sample, &reading);
        assert_int_equal(reading.flags, JK_READING_REBASED);
        tick(&sample, S, 0);
        jk_meter_integrate(&power, 5, &sample, &reading);
        assert_int_equal(reading.energy_uj, 2500000);
}

static const struct CMUnitTest tests[] = {
        cmocka_unit_test(deltas_add_up_through_any_number_of_single_wraps),
        cmocka_unit_test(nothing_that_a_counter_does_makes_a_spike),
        cmocka_unit_test(first_reading_is_a_baseline),
        cmocka_unit_test(missed_ticks_are_in_the_next_reading),
        cmocka_unit_test(a_restart_from_zero_is_refused),
        cmocka_unit_test(a_gap_beyond_the_horizon_is_a_new_baseline),
        cmocka_unit_test(sleep_makes_a_counter_that_went_back_a_new_baseline),
        cmocka_unit_test(sleep_in_a_missed_tick_is_seen_too),
        cmocka_unit_test(without_a_range_going_back_is_a_new_baseline),
        cmocka_unit_test(a_counter_wider_than_its_range_is_not_masked),
        cmocka_unit_test(a_counter_that_stands_still_is_frozen_after_a_minute),
        cmocka_unit_test(energy_counted_while_frozen_is_not_lost),
        cmocka_unit_test(little_energy_is_not_frozen),
        cmocka_unit_test(what_may_rest_is_never_frozen),
        cmocka_unit_test(a_counter_that_never_counted_is_not_a_zero),
        cmocka_unit_test(power_is_integrated_by_trapezoids),
};

JK_RUN_TESTS(tests)

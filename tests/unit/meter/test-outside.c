/* SPDX-License-Identifier: Apache-2.0
 *
 * Wall power: values are held and never counted twice, the lag of a meter outside is found or said
 * to be unknown, and the rest of the machine is what it is.
 */
#include "tests/unit/test.h"

#include <math.h>
#include <string.h>

#include "meter/hold.h"
#include "meter/other.h"
#include "tests/unit/meter/tree.h"

#define S     JK_NS_PER_S
#define MAX_W 50000.0

static double
next_random(uint64_t *state)
{
        *state = *state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
        return (double)(*state >> 11) / (double)(UINT64_C(1) << 53);
}

static double
noise(uint64_t *state, double width)
{
        return width * (next_random(state) + next_random(state) + next_random(state) - 1.5) * 2;
}

/* ---- holding values ---- */

struct holding {
        struct jk_hold hold;
        struct jk_sample sample;
        struct jk_zone_reading reading;
        struct jk_lag_outside outside[JK_FEED_VALUES];
        struct jk_hold_news news;
        double sum_j; /* of what was seen */
};

static void
begin(struct holding *h, enum jk_reference_unit unit)
{
        *h = (struct holding){ .hold = { .unit = unit, .interval_ns = S } };
        h->news.outside = h->outside;
        tick(&h->sample, 0, 0);
}

/* A second, with a value that came so long before its end. */
static void
second(struct holding *h, const double *value, int64_t before_ns)
{
        struct jk_feed_value values[1];

        tick(&h->sample, S, 0);
        if (value)
                values[0] = (struct jk_feed_value){
                        .said = { .value = *value },
                        .monotonic_ns = h->sample.time.monotonic_ns - before_ns,
                        .realtime_ns = h->sample.time.realtime_ns - before_ns,
                };
        jk_hold_read(&h->hold, values, value ? 1 : 0, MAX_W, &h->sample, &h->reading, &h->news);
        if (h->reading.flags & JK_READING_SEEN)
                h->sum_j += (double)h->reading.energy_uj / 1e6;
}

static void
a_value_counts_from_when_it_came_until_the_next(void **state)
{
        struct holding h;

        (void)state;
        begin(&h, JK_REFERENCE_W);
        second(&h, NULL, 0);
        assert_int_equal(h.reading.flags, 0);
        second(&h, &(double){ 100 }, S / 2);
        assert_int_equal(h.reading.flags, JK_READING_REBASED); /* of before nothing is known */
        second(&h, NULL, 0);
        assert_int_equal(h.reading.energy_uj, 100000000);
        assert_int_equal(h.reading.elapsed_ns, S);
        second(&h, &(double){ 200 }, S / 4);
        assert_int_equal(h.reading.energy_uj, 75000000 + 50000000);
        assert_int_equal(h.reading.flags, JK_READING_SEEN);
}

static void
a_silence_is_not_seen_and_what_follows_it_is_a_new_baseline(void **state)
{
        struct holding h;

        (void)state;
        begin(&h, JK_REFERENCE_W);
        for (int i = 0; i < 5; i++)
                second(&h, &(double){ 100 }, 0);
        for (int i = 0; i < 5; i++)
                second(&h, NULL, 0);
        assert_int_equal(h.reading.flags, JK_READING_SEEN); /* it may be late */
        second(&h, NULL, 0);
        assert_int_equal(h.reading.flags, JK_READING_FROZEN);
        assert_int_equal(h.reading.energy_uj, 0);
        second(&h, &(double){ 100 }, 0);
        assert_int_equal(h.reading.flags, JK_READING_REBASED);
        second(&h, &(double){ 100 }, 0);
        assert_int_equal(h.reading.flags, JK_READING_SEEN);
        assert_int_equal(h.reading.elapsed_ns, S);
}

static void
a_meter_that_is_slow_by_nature_is_waited_for_and_one_outage_does_not_make_it_slow(void **state)
{
        struct holding h;

        (void)state;
        begin(&h, JK_REFERENCE_W);
        for (int minute = 0; minute < 5; minute++)
                for (int i = 0; i < 60; i++) {
                        second(&h, i == 0 ? &(double){ 50 } : NULL, 0);
                        if (minute > 2)
                                assert_int_equal(h.reading.flags, JK_READING_SEEN);
                }

        begin(&h, JK_REFERENCE_W);
        for (int i = 0; i < 3; i++)
                second(&h, &(double){ 50 }, 0);
        for (int i = 0; i < 3600; i++)
                second(&h, NULL, 0);
        second(&h, &(double){ 50 }, 0);
        for (int i = 0; i < 6; i++)
                second(&h, NULL, 0);
        assert_int_equal(h.reading.flags, JK_READING_FROZEN);
}

static void
what_no_machine_draws_is_refused(void **state)
{
        static const double absurd[] = { 0, -5, 60000, 1e300 };
        struct holding h;

        (void)state;
        for (size_t i = 0; i < sizeof absurd / sizeof *absurd; i++) {
                begin(&h, JK_REFERENCE_W);
                second(&h, &absurd[i], 0);
                assert_int_equal(h.news.n_refused, 1);
                assert_int_equal(h.reading.flags & JK_READING_SEEN, 0);
                second(&h, &(double){ 80 }, 0);
                second(&h, &absurd[i], 0); /* the good one is held on */
                assert_int_equal(h.reading.energy_uj, 80000000);
        }
}

static void
the_same_timestamp_again_is_no_new_value(void **state)
{
        struct jk_feed_value value = { .said = { 100, 1700000000 * S } };
        struct holding h;

        (void)state;
        begin(&h, JK_REFERENCE_W);
        for (int i = 0; i < 10; i++) {
                tick(&h.sample, S, 0);
                value.monotonic_ns = h.sample.time.monotonic_ns;
                value.realtime_ns = value.said.realtime_ns + i * S;
                jk_hold_read(&h.hold, &value, 1, MAX_W, &h.sample, &h.reading, &h.news);
        }
        assert_int_equal(h.reading.flags, JK_READING_FROZEN);
}

/* As of a program whose machine had its clock set back, or of one wrong answer. */
static void
a_time_from_the_future_is_believed_no_longer_than_it_comes(void **state)
{
        struct holding h;
        int n_seen = 0;

        (void)state;
        begin(&h, JK_REFERENCE_W);
        for (int i = 0; i < 60; i++) {
                struct jk_feed_value value = { .said = { .value = 100 } };

                tick(&h.sample, S, 0);
                value.monotonic_ns = h.sample.time.monotonic_ns;
                value.realtime_ns = h.sample.time.realtime_ns;
                value.said.realtime_ns = value.realtime_ns + (i < 5 ? 7200 * S : 0);
                jk_hold_read(&h.hold, &value, 1, MAX_W, &h.sample, &h.reading, &h.news);
                n_seen += (h.reading.flags & JK_READING_SEEN) != 0;
        }
        assert_true(n_seen > 40);
}

/* It says 0 once, as one that was switched off and on: what it counted in its life is nobody's. */
static void
a_counter_that_says_0_once_is_not_made_up_for(void **state)
{
        struct holding h;
        double before_j = 0;

        (void)state;
        begin(&h, JK_REFERENCE_J);
        for (int i = 0; i < 2000; i++) {
                double counted_j = i == 100 ? 0 : 3.6e9 + 200.0 * i;

                second(&h, &counted_j, 0);
                if (i == 1000)
                        before_j = h.sum_j;
        }
        assert_true(fabs((h.sum_j - before_j) / 999 - 200) < 2);
}

/* A plug that counts whole watt-hours: at 100 W it moves every 36 s. */
static void
a_coarse_counter_of_energy_is_counted_to_its_last_step(void **state)
{
        struct holding h;
        double true_j = 0, begun_j = 0, power_w;

        (void)state;
        begin(&h, JK_REFERENCE_WH);
        for (int i = 0; i < 7200; i++) {
                double wh;

                power_w = i % 600 < 300 ? 100 : 250;
                true_j += power_w;
                wh = floor(true_j / 3600);
                second(&h, &wh, 0);
                if (h.reading.flags & JK_READING_REBASED)
                        begun_j = true_j;
        }
        assert_true(fabs(h.sum_j - (true_j - begun_j)) < 3 * 3600);
        assert_true(true_j - begun_j > 1e6);
}

static void
sleep_is_never_counted(void **state)
{
        struct holding h;

        (void)state;
        begin(&h, JK_REFERENCE_W);
        second(&h, &(double){ 100 }, 0);
        second(&h, &(double){ 100 }, 0);
        tick(&h.sample, S, 3600 * S);
        jk_hold_read(&h.hold, NULL, 0, MAX_W, &h.sample, &h.reading, &h.news);
        assert_int_equal(h.reading.flags, 0);
        second(&h, &(double){ 100 }, 0);
        assert_int_equal(h.reading.flags, JK_READING_REBASED);
}

/* ---- a machine and a plug ---- */

struct world {
        struct jk_zone_table table;
        struct jk_sample sample;
        struct jk_other other;
        struct jk_zone_reading reading;
        double uncertainty_pct;
        struct jk_error err;
        uint64_t seed;
        double inside_w[4096]; /* by second */
        int now_s;
        double lag_s, factor, base_w, noise_w;
};

static void
begin_world(struct world *w, double lag_s, double factor, double base_w, double noise_w)
{
        static const struct jk_zone zones[] = {
                { .name = "package-0", .kind = JK_ZONE_PACKAGE, .uncertainty_pct = 5 },
                { .name = "core-0", .kind = JK_ZONE_CORE, .uncertainty_pct = 5 },
                { .name = "dram-0", .kind = JK_ZONE_DRAM, .uncertainty_pct = 10 },
                { .name = "wall", .kind = JK_ZONE_WALL },
                { .name = "other", .kind = JK_ZONE_OTHER, .provenance = JK_MODELLED },
        };

        memset(w, 0, sizeof *w);
        for (size_t z = 0; z < sizeof zones / sizeof *zones; z++)
                jk_zone_add(&w->table, &zones[z]);
        jk_zone_link(&w->table);
        w->sample.zones = &w->table;
        w->lag_s = lag_s;
        w->factor = factor;
        w->base_w = base_w;
        w->noise_w = noise_w;
        w->seed = 7;
        jk_other_init(&w->other, NAN, 2);
        tick(&w->sample, 0, 0);
}

/* What the plug tells now: the mean of the second that ended lag_s ago. */
static double
told_w(struct world *w)
{
        double from_s = w->now_s - 1 - w->lag_s;
        int s = (int)floor(from_s);
        double part = from_s - s;

        return w->base_w + noise(&w->seed, w->noise_w) +
               w->factor * (w->inside_w[s] * (1 - part) + w->inside_w[s + 1] * part);
}

static void
set_reading(struct world *w, int zone, double power_w)
{
        w->sample.readings[zone] = (struct jk_zone_reading){ .energy_uj = llround(power_w * 1e6),
                                                             .elapsed_ns = S,
                                                             .flags = JK_READING_SEEN };
}

static int
world_second(struct world *w, double inside_w, bool plug)
{
        struct jk_lag_outside outside = { 0 };

        tick(&w->sample, S, 0);
        w->sample.zones = &w->table;
        w->inside_w[w->now_s++] = inside_w;
        set_reading(w, 0, inside_w * 0.8);
        set_reading(w, 1, inside_w * 0.6);
        set_reading(w, 2, inside_w * 0.2);
        plug = plug && w->now_s > w->lag_s + 3;
        if (plug)
                outside = (struct jk_lag_outside){ w->sample.time.monotonic_ns - S,
                                                   w->sample.time.monotonic_ns, told_w(w) };
        return jk_other_read(&w->other, &outside, plug ? 1 : 0, &w->sample, &w->reading,
                             &w->uncertainty_pct, &w->err);
}

/* Steps of some seconds each, as programs make them. */
static double
next_load(struct world *w, double load_w)
{
        return next_random(&w->seed) < 0.2 ? 40 + 160 * next_random(&w->seed) : load_w;
}

static void
run_world(struct world *w, int seconds)
{
        double load_w = 100;

        for (int i = 0; i < seconds; i++) {
                load_w = next_load(w, load_w);
                world_second(w, load_w, true);
        }
}

static void
any_lag_is_found_through_noise(void **state)
{
        static const double lags[] = { 0, 0.4, 1, 2.75, 5, 11.5, 29 };
        static struct world w;

        (void)state;
        for (size_t i = 0; i < sizeof lags / sizeof *lags; i++)
                for (int noise_w = 0; noise_w <= 8; noise_w += 4) {
                        begin_world(&w, lags[i], 1.2, 60, noise_w);
                        run_world(&w, 240);
                        assert_true(w.other.is_found);
                        assert_true(fabs(w.other.found.offset_s - lags[i]) < 0.5);
                        assert_true(w.other.found.error_s < 1);
                }
}

static void
without_variation_the_lag_is_not_known(void **state)
{
        static struct world w;

        (void)state;
        begin_world(&w, 3, 1.2, 60, 2);
        for (int i = 0; i < 400; i++)
                world_second(&w, 100 + noise(&w.seed, 0.5), true);
        assert_false(w.other.is_found);
        assert_true(w.reading.flags &
                    JK_READING_SEEN); /* what is left over is known all the same */
        assert_true(fabs((double)w.reading.energy_uj / 1e6 - 80) < 2);
}

static void
a_plug_of_another_machine_has_no_lag(void **state)
{
        static struct world w;
        int found = 0;

        (void)state;
        for (uint64_t seed = 1; seed <= 20; seed++) {
                struct jk_lag_search search = { 0 };
                double load_w = 100, other_w = 100;

                begin_world(&w, 0, 1, 0, 0);
                w.seed = seed;
                for (int i = 0; i < 300; i++) {
                        struct jk_lag_outside outside;

                        load_w = next_load(&w, load_w);
                        other_w = next_load(&w, other_w);
                        world_second(&w, load_w, false);
                        outside = (struct jk_lag_outside){ w.sample.time.monotonic_ns - S,
                                                           w.sample.time.monotonic_ns, other_w };
                        jk_lag_add_outside(&w.other.lag, &outside);
                }
                while (!jk_lag_search(&search, &w.other.lag))
                        ;
                found += jk_lag_conclude(&search, &w.other.lag, &(struct jk_lag_result){ 0 });
        }
        assert_int_equal(found, 0);
}

static void
a_lag_that_changes_is_followed(void **state)
{
        static struct world w;

        (void)state;
        begin_world(&w, 2, 1.2, 60, 2);
        run_world(&w, 200);
        assert_true(fabs(w.other.found.offset_s - 2) < 0.5);
        w.lag_s = 9;
        run_world(&w, 600);
        assert_true(fabs(w.other.found.offset_s - 9) < 0.5);
}

static void
other_is_what_wall_shows_beyond_the_inside(void **state)
{
        static struct world w;
        double truth_j = 0, told_j = 0, load_w = 100;

        (void)state;
        begin_world(&w, 3, 1.2, 20, 3);
        run_world(&w, 120);
        for (int i = 0; i < 300; i++) {
                load_w = next_load(&w, load_w);
                world_second(&w, load_w, true);
                assert_true(w.reading.flags & JK_READING_SEEN);
                truth_j += 20 + 0.2 * load_w;
                told_j += (double)w.reading.energy_uj / 1e6;
        }
        assert_true(fabs(told_j / truth_j - 1) < 0.02);
        assert_true(w.uncertainty_pct > 1 && w.uncertainty_pct < 60);
}

static void
without_wall_it_goes_on_ever_less_surely_and_then_is_not_seen(void **state)
{
        static struct world w;
        double before_pct;

        (void)state;
        begin_world(&w, 3, 1.2, 20, 3);
        run_world(&w, 120);
        before_pct = w.uncertainty_pct;
        for (int i = 0; i < 600; i++)
                world_second(&w, 100, false);
        assert_true(w.reading.flags & JK_READING_SEEN);
        assert_true(fabs((double)w.reading.energy_uj / 1e6 - 40) < 3);
        assert_true(w.uncertainty_pct > 2 * before_pct);
        for (int i = 0; i < 400; i++)
                world_second(&w, 100, false);
        assert_int_equal(w.reading.flags, 0);
}

static void
wall_below_the_inside_is_refused_by_name(void **state)
{
        static struct world w;
        int r = 0;

        (void)state;
        begin_world(&w, 0, 0.5, 0, 0);
        for (int i = 0; i < 60; i++)
                r = world_second(&w, 100, true);
        assert_int_equal(r, -ERANGE);
        assert_non_null(strstr(w.err.message, "wall.unit"));
        assert_int_equal(w.reading.flags, 0);
}

/* A tick without dram: what is inside is another sum. */
static void
second_without_dram(struct world *w)
{
        tick(&w->sample, S, 0);
        w->sample.zones = &w->table;
        memset(w->sample.readings, 0, sizeof w->sample.readings);
        set_reading(w, 0, 80);
        jk_other_read(&w->other, NULL, 0, &w->sample, &w->reading, &w->uncertainty_pct, NULL);
        assert_int_equal(w->reading.flags, 0);
}

static void
a_zone_inside_that_is_missed_for_a_tick_costs_that_tick(void **state)
{
        static struct world w;

        (void)state;
        begin_world(&w, 0, 1.2, 20, 0);
        run_world(&w, 60);
        assert_true(w.reading.flags & JK_READING_SEEN);
        second_without_dram(&w);
        world_second(&w, 100, false); /* wall is out: nothing could be learned anew */
        assert_true(w.reading.flags & JK_READING_SEEN);
        assert_true(fabs((double)w.reading.energy_uj / 1e6 - 40) < 3);
}

static void
a_zone_inside_that_is_gone_starts_it_anew(void **state)
{
        static struct world w;

        (void)state;
        begin_world(&w, 0, 1.2, 20, 0);
        run_world(&w, 60);
        for (int i = 0; i < 20; i++)
                second_without_dram(&w);
        world_second(&w, 100, false);
        assert_int_equal(w.reading.flags, 0);
}

static void
without_zones_inside_there_is_no_other(void **state)
{
        static struct world w;

        (void)state;
        begin_world(&w, 0, 1.2, 20, 0);
        run_world(&w, 60);
        tick(&w.sample, S, 0);
        memset(w.sample.readings, 0, sizeof w.sample.readings);
        jk_other_read(&w.other, NULL, 0, &w.sample, &w.reading, &w.uncertainty_pct, NULL);
        assert_int_equal(w.reading.flags, 0);
}

static void
the_rest_lies_in_wall_and_adds_up_without_it(void **state)
{
        static struct world w;
        bool seen[JK_ZONES_MAX] = { true, true, true, true, true };

        (void)state;
        begin_world(&w, 0, 1, 0, 0);
        assert_int_equal(w.table.zones[4].parent, 3);
        assert_true(jk_zone_counts(&w.table, seen, 3));
        assert_false(jk_zone_counts(&w.table, seen, 4));
        seen[3] = false;
        assert_true(jk_zone_counts(&w.table, seen, 0));
        assert_false(jk_zone_counts(&w.table, seen, 1));
        assert_true(jk_zone_counts(&w.table, seen, 2));
        assert_true(jk_zone_counts(&w.table, seen, 4));
}

static const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_value_counts_from_when_it_came_until_the_next),
        cmocka_unit_test(a_silence_is_not_seen_and_what_follows_it_is_a_new_baseline),
        cmocka_unit_test(
                a_meter_that_is_slow_by_nature_is_waited_for_and_one_outage_does_not_make_it_slow),
        cmocka_unit_test(what_no_machine_draws_is_refused),
        cmocka_unit_test(the_same_timestamp_again_is_no_new_value),
        cmocka_unit_test(a_time_from_the_future_is_believed_no_longer_than_it_comes),
        cmocka_unit_test(a_counter_that_says_0_once_is_not_made_up_for),
        cmocka_unit_test(a_coarse_counter_of_energy_is_counted_to_its_last_step),
        cmocka_unit_test(sleep_is_never_counted),
        cmocka_unit_test(any_lag_is_found_through_noise),
        cmocka_unit_test(without_variation_the_lag_is_not_known),
        cmocka_unit_test(a_plug_of_another_machine_has_no_lag),
        cmocka_unit_test(a_lag_that_changes_is_followed),
        cmocka_unit_test(other_is_what_wall_shows_beyond_the_inside),
        cmocka_unit_test(without_wall_it_goes_on_ever_less_surely_and_then_is_not_seen),
        cmocka_unit_test(wall_below_the_inside_is_refused_by_name),
        cmocka_unit_test(a_zone_inside_that_is_missed_for_a_tick_costs_that_tick),
        cmocka_unit_test(a_zone_inside_that_is_gone_starts_it_anew),
        cmocka_unit_test(without_zones_inside_there_is_no_other),
        cmocka_unit_test(the_rest_lies_in_wall_and_adds_up_without_it),
};

JK_RUN_TESTS(tests)

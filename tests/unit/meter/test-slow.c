/* SPDX-License-Identifier: Apache-2.0
 *
 * A sensor that does not answer: a pipe that nobody writes to stands in for it. It must cost its
 * own zones and nothing else, and they must come back.
 */
#include "tests/unit/test.h"

#include <math.h>
#include <semaphore.h>
#include <stdatomic.h>

#include "meter/meters.h"
#include "tests/unit/meter/tree.h"

/* ---- a meter with one sensor ---- */

struct jk_meter {
        struct jk_meter_zone zone;
        struct jk_meter_counter counter;
};

static atomic_bool hangs;       /* whoever asks it from now on waits */
static sem_t answers;           /* for this */
static atomic_uint_fast64_t uj; /* what it says then */
static atomic_int alive;        /* meters that are open */

static uint64_t
ask_sensor(void)
{
        if (hangs)
                sem_wait(&answers);
        return uj;
}

static int
sensor_open(const struct jk_meter_env *env, struct jk_meter **ret_meter, struct jk_error *err)
{
        struct jk_meter *meter = calloc(1, sizeof *meter);

        (void)env;
        (void)err;
        ask_sensor();
        alive++;
        meter->zone.index = -1;
        meter->zone.zone = (struct jk_zone){
                .name = "other-0",
                .source = "sensor",
                .kind = JK_ZONE_OTHER,
                .limit_w = NAN,
                .idle_w = NAN,
                .max_w = 1000,
        };
        *ret_meter = meter;
        return 0;
}

static size_t
sensor_zones(struct jk_meter *meter, struct jk_meter_zone **ret_zones)
{
        *ret_zones = &meter->zone;
        return 1;
}

static int
sensor_read(struct jk_meter *meter, struct jk_sample *sample, struct jk_error *err)
{
        uint64_t now_uj = ask_sensor();

        (void)err;
        if (meter->zone.index >= 0)
                jk_meter_count(&meter->counter, &meter->zone.zone, now_uj, sample,
                               &sample->readings[meter->zone.index]);
        return 0;
}

static void
sensor_close(struct jk_meter *meter)
{
        alive--;
        free(meter);
}

static const struct jk_meter_ops sensor = {
        .name = "sensor",
        .slow = true,
        .open = sensor_open,
        .zones = sensor_zones,
        .read = sensor_read,
        .close = sensor_close,
};

static const struct jk_meter_ops *const list[] = { &jk_meter_powercap, &sensor, NULL };

static void
let_it_answer(void)
{
        hangs = false;
        sem_post(&answers);
        usleep(50000);
}

/* ---- a machine with a counter, too ---- */

struct machine {
        struct tree tree;
        struct jk_meters *meters;
        struct jk_sample sample;
};

static void
set_up_machine(struct machine *m)
{
        *m = (struct machine){ 0 };
        uj = 1000000;
        hangs = false;
        sem_init(&answers, 0, 0);
        tree_make(&m->tree);
        tree_zone(&m->tree, "intel-rapl:0", "package-0", uj, 262143328850);
}

static void
open_machine(struct machine *m)
{
        struct jk_meter_env env = { .root = &m->tree.root, .interval_ns = JK_NS_PER_S };
        struct jk_error err;

        assert_int_equal(jk_meters_open_list(list, &env, "powercap,sensor", &m->meters, &err), 0);
}

static void
tear_down_machine(struct machine *m)
{
        jk_meters_close(m->meters);
        tree_destroy(&m->tree);
        assert_int_equal(alive, 0);
}

static const struct jk_zone_reading *
reading_of(const struct machine *m, const char *source)
{
        const struct jk_zone_table *table = jk_meters_zones(m->meters);

        for (size_t z = 0; z < table->count; z++)
                if (strcmp(table->zones[z].source, source) == 0)
                        return &m->sample.readings[z];
        return NULL;
}

/* A second with 5 J in either zone; for how long the tick was held up. */
static int64_t
second(struct machine *m)
{
        int64_t began_ns = jk_monotonic_ns();

        tick(&m->sample, JK_NS_PER_S, 0);
        uj += 5000000;
        tree_energy(&m->tree, "intel-rapl:0", uj);
        jk_meters_read(m->meters, &m->sample);
        return jk_monotonic_ns() - began_ns;
}

static const struct jk_meter_status *
status_of(const struct machine *m, const struct jk_meter_ops *ops)
{
        const struct jk_meter_status *status;
        size_t n = jk_meters_status(m->meters, &status);

        for (size_t i = 0; i < n; i++)
                if (status[i].ops == ops)
                        return &status[i];
        return NULL;
}

static void
assert_only_the_counter_is_read(const struct machine *m)
{
        const struct jk_zone_reading *reading = reading_of(m, "sensor");

        assert_int_equal(reading_of(m, "powercap")->flags, JK_READING_SEEN);
        assert_int_equal(reading_of(m, "powercap")->energy_uj, 5000000);
        assert_true(!reading || reading->flags == 0);
        assert_int_equal(status_of(m, &sensor)->state, JK_METER_FAILED);
}

static void
assert_both_are_read_within(struct machine *m, int seconds)
{
        for (int i = 0; i < seconds; i++) {
                second(m);
                if (status_of(m, &sensor)->state == JK_METER_WORKING)
                        break;
        }
        second(m);
        second(m);
        assert_int_equal(reading_of(m, "powercap")->energy_uj, 5000000);
        assert_int_equal(reading_of(m, "sensor")->flags, JK_READING_SEEN);
        assert_int_equal(reading_of(m, "sensor")->energy_uj, 5000000);
}

static void
a_sensor_that_hangs_costs_its_own_zones_until_it_answers(void **state)
{
        struct machine m;

        (void)state;
        set_up_machine(&m);
        open_machine(&m);
        assert_both_are_read_within(&m, 1);

        hangs = true;
        assert_true(second(&m) < 5 * JK_NS_PER_S);
        assert_only_the_counter_is_read(&m);
        assert_non_null(strstr(status_of(&m, &sensor)->error.message, "did not answer"));
        for (int i = 0; i < 10; i++) {
                second(&m);
                assert_only_the_counter_is_read(&m);
        }
        assert_non_null(strstr(status_of(&m, &sensor)->error.message, "does not answer"));

        let_it_answer();
        assert_both_are_read_within(&m, 61);
        tear_down_machine(&m);
}

static void
a_sensor_that_hangs_at_the_start_keeps_nobody_waiting(void **state)
{
        struct machine m;

        (void)state;
        set_up_machine(&m);
        hangs = true;
        open_machine(&m);
        second(&m);
        second(&m);
        assert_only_the_counter_is_read(&m);

        let_it_answer();
        assert_both_are_read_within(&m, 61);
        tear_down_machine(&m);
}

static void
meters_close_while_a_sensor_hangs(void **state)
{
        struct machine m;

        (void)state;
        set_up_machine(&m);
        open_machine(&m);
        assert_both_are_read_within(&m, 1);
        hangs = true;
        second(&m);
        jk_meters_close(m.meters);
        m.meters = NULL;
        let_it_answer();
        tear_down_machine(&m);
}

static const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_sensor_that_hangs_costs_its_own_zones_until_it_answers),
        cmocka_unit_test(a_sensor_that_hangs_at_the_start_keeps_nobody_waiting),
        cmocka_unit_test(meters_close_while_a_sensor_hangs),
};

JK_RUN_TESTS(tests)

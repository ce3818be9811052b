/* SPDX-License-Identifier: Apache-2.0
 *
 * An instant of three clocks: none of them is read long before the others, whatever comes between.
 */
#include "tests/unit/test.h"

#include "base/array.h"
#include "base/clock.h"

#define MONOTONIC_BEGIN INT64_C(1000000000)
#define SLEPT_NS        INT64_C(5000000000)
#define EPOCH_NS        INT64_C(1700000000000000000)

/* Clocks that go on by 50 ns with each reading, and by a pause before some of them. */
static struct {
        int readings;
        int64_t monotonic_ns;
        const int64_t *pauses_ns; /* before each reading, or NULL */
} fake;

static int64_t
read_fake(clockid_t clock)
{
        fake.monotonic_ns += 50;
        if (fake.pauses_ns) {
                fake.monotonic_ns += *fake.pauses_ns;
                fake.pauses_ns++;
        }
        fake.readings++;

        if (clock == CLOCK_BOOTTIME)
                return fake.monotonic_ns + SLEPT_NS;
        return fake.monotonic_ns + (clock == CLOCK_REALTIME ? EPOCH_NS : 0);
}

static void
begin(const int64_t *pauses_ns)
{
        fake.readings = 0;
        fake.monotonic_ns = MONOTONIC_BEGIN;
        fake.pauses_ns = pauses_ns;
}

static void
assert_near(const struct jk_instant *now, int64_t tolerance_ns)
{
        assert_in_range(now->boottime_ns - SLEPT_NS - now->monotonic_ns, 0, tolerance_ns);
        assert_in_range(now->realtime_ns - EPOCH_NS - now->monotonic_ns, 0, tolerance_ns);
}

static void
undisturbed_it_is_read_once(void **state)
{
        struct jk_instant now;

        (void)state;
        begin(NULL);
        now = jk_now_by(read_fake);
        assert_int_equal(fake.readings, 4);
        assert_near(&now, 200);
}

/* 30 ms before any one of the readings of the first two tries. */
static void
a_pause_between_two_clocks_is_no_suspend(void **state)
{
        (void)state;
        for (int first = 0; first < 4; first++)
                for (int second = 4; second < 8; second++) {
                        int64_t pauses_ns[64] = { 0 };
                        struct jk_instant now;

                        pauses_ns[first] = pauses_ns[second] = 30 * JK_NS_PER_MS;
                        begin(pauses_ns);
                        now = jk_now_by(read_fake);
                        assert_near(&now, JK_NS_PER_MS / 10);
                }
}

static void
where_it_is_always_disturbed_the_least_disturbed_counts(void **state)
{
        int64_t pauses_ns[64] = { 0 };
        struct jk_instant now;

        (void)state;
        for (size_t i = 0; i < JK_COUNT(pauses_ns); i++)
                pauses_ns[i] = 10 * JK_NS_PER_MS;
        for (size_t i = 12; i < 16; i++)
                pauses_ns[i] = JK_NS_PER_MS;
        begin(pauses_ns);
        now = jk_now_by(read_fake);
        assert_true(fake.readings <= 64);
        assert_near(&now, 3 * JK_NS_PER_MS);
}

static void
it_is_the_time_of_the_machine(void **state)
{
        struct timespec wall;
        struct jk_instant now = jk_now();

        (void)state;
        clock_gettime(CLOCK_REALTIME, &wall);
        assert_in_range((int64_t)wall.tv_sec * JK_NS_PER_S + wall.tv_nsec - now.realtime_ns, 0,
                        10 * JK_NS_PER_S);
        assert_true(now.boottime_ns >= now.monotonic_ns);
        assert_in_range(jk_monotonic_ns() - now.monotonic_ns, 0, 10 * JK_NS_PER_S);
}

static const struct CMUnitTest tests[] = {
        cmocka_unit_test(undisturbed_it_is_read_once),
        cmocka_unit_test(a_pause_between_two_clocks_is_no_suspend),
        cmocka_unit_test(where_it_is_always_disturbed_the_least_disturbed_counts),
        cmocka_unit_test(it_is_the_time_of_the_machine),
};

JK_RUN_TESTS(tests)

/* SPDX-License-Identifier: Apache-2.0
 *
 * Counters that take turns on the PMU: what a task is billed does not hang on how long its slices
 * are, and all that is billed is all that happened.
 */
#include "tests/unit/test.h"

#include <math.h>

#include "activity/bpf/scaling.h"

#define US      1000ULL
#define MS      (1000 * US)
#define TURN    (4 * MS)
#define BASE_NS (7 * MS) /* when the first reading came */

/* An event that happens twice a nanosecond, on a counter that two events share by turns. */
struct machine {
        uint64_t now_ns;
        struct jk_counter_reading counter;
        struct jk_counter_window window;
};

static void
pass(struct machine *machine, uint64_t ns, unsigned int events)
{
        while (ns > 0) {
                uint64_t left = TURN - machine->now_ns % TURN;
                uint64_t step = ns < left ? ns : left;

                if (machine->now_ns / TURN % events == 0) {
                        machine->counter.value += 2 * step;
                        machine->counter.running_ns += step;
                }
                machine->counter.enabled_ns += step;
                machine->now_ns += step;
                ns -= step;
        }
}

static uint64_t
slice(struct machine *machine, uint64_t ns, unsigned int events)
{
        pass(machine, ns, events);
        return jk_counter_scaled(&machine->window, &machine->counter);
}

static struct machine
start(unsigned int events)
{
        struct machine machine = { .now_ns = 0 };

        pass(&machine, BASE_NS, events);
        assert_int_equal(jk_counter_scaled(&machine.window, &machine.counter), 0);
        while (machine.now_ns < 3 * JK_SCALE_WINDOW_NS)
                (void)slice(&machine, 3 * MS, events);
        return machine;
}

/* Two tasks by turns, one with short slices and one with long ones: each its own, in half a minute.
 */
static void
assert_billed(uint64_t short_ns, uint64_t long_ns, unsigned int events)
{
        struct machine machine = start(events);
        uint64_t end_ns = machine.now_ns + 30000 * MS;
        double billed[2] = { 0 }, happened[2] = { 0 };

        while (machine.now_ns < end_ns) {
                billed[0] += (double)slice(&machine, short_ns, events);
                happened[0] += 2 * (double)short_ns;
                billed[1] += (double)slice(&machine, long_ns, events);
                happened[1] += 2 * (double)long_ns;
        }
        for (int i = 0; i < 2; i++)
                if (fabs(billed[i] / happened[i] - 1) > 0.05)
                        fail_msg("slices of %.3f and %.3f ms: the %s task is billed %.4f of what "
                                 "was its",
                                 (double)short_ns / 1e6, (double)long_ns / 1e6,
                                 i ? "second" : "first", billed[i] / happened[i]);
}

static void
short_slices_are_billed_like_long_ones(void **state)
{
        /* No two of them keep step with the turns: then nothing could tell whose a count was. */
        static const uint64_t lengths_us[] = { 17, 101, 997, 2011, 5021, 20771, 100571 };

        (void)state;
        for (size_t i = 0; i < sizeof lengths_us / sizeof *lengths_us; i++)
                for (size_t j = 0; j < sizeof lengths_us / sizeof *lengths_us; j++)
                        for (unsigned int events = 1; events <= 3; events++)
                                assert_billed(lengths_us[i] * US, lengths_us[j] * US, events);
}

static void
a_counter_of_its_own_is_exact(void **state)
{
        struct machine machine = start(1);

        (void)state;
        for (uint64_t ns = 1; ns < MS; ns += ns / 3 + 1)
                assert_int_equal(slice(&machine, ns, 1), 2 * ns);
}

static void
one_that_was_opened_again_starts_anew(void **state)
{
        struct machine machine = start(2);

        (void)state;
        machine.counter = (struct jk_counter_reading){ .value = 0 };
        assert_true(jk_counter_stands_still(&machine.window, &machine.counter));
        assert_int_equal(slice(&machine, MS, 1), 0);
        assert_int_equal(slice(&machine, MS, 1), 2 * MS);
}

static void
one_that_stands_still_is_told(void **state)
{
        struct machine machine = { .now_ns = 0 };

        (void)state;
        assert_false(jk_counter_stands_still(&machine.window, &machine.counter));
        machine = start(2);
        assert_true(jk_counter_stands_still(&machine.window, &machine.counter));
        pass(&machine, 1, 2);
        assert_false(jk_counter_stands_still(&machine.window, &machine.counter));
}

/* A minute without a context switch, and values that no machine counts in a slice. */
static void
long_slices_and_large_counts_do_not_overflow(void **state)
{
        struct machine machine = start(2);

        (void)state;
        (void)slice(&machine, 100000 * MS, 2);
        assert_true(fabs((double)machine.window.scale / JK_SCALE_ONE - 2) < 0.01);
        machine.counter.value += 1ULL << 62;
        assert_int_equal(slice(&machine, 0, 2), 1ULL << 62);
}

static const struct CMUnitTest tests[] = {
        cmocka_unit_test(short_slices_are_billed_like_long_ones),
        cmocka_unit_test(a_counter_of_its_own_is_exact),
        cmocka_unit_test(one_that_was_opened_again_starts_anew),
        cmocka_unit_test(one_that_stands_still_is_told),
        cmocka_unit_test(long_slices_and_large_counts_do_not_overflow),
};

JK_RUN_TESTS(tests)

/* SPDX-License-Identifier: Apache-2.0
 *
 * A feed and the programs it reads: what they print comes, one that ends or says nothing of use is
 * begun anew, and none outlives it.
 */
#include "tests/unit/test.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "reference/feed.h"

#define PATIENCE_NS (15 * JK_NS_PER_S)

static struct jk_feed *
start(const char *command)
{
        struct jk_reference_config config = { .ops = &jk_reference_program,
                                              .interval_ns = JK_NS_PER_S };
        struct jk_feed *feed;
        struct jk_error err;

        snprintf(config.command, sizeof config.command, "%s", command);
        assert_int_equal(jk_feed_start(&config, &feed, &err), 0);
        return feed;
}

/* Wait for so many values; the latest. */
static double
latest_of(struct jk_feed *feed, size_t n)
{
        int64_t until_ns = jk_monotonic_ns() + PATIENCE_NS;
        struct jk_feed_value values[JK_FEED_VALUES];
        double latest = -1;

        for (size_t got = 0; got < n && jk_monotonic_ns() < until_ns;) {
                size_t more = jk_feed_take(feed, values);

                if (more > 0)
                        latest = values[more - 1].said.value;
                got += more;
                usleep(5000);
        }
        return latest;
}

static int
trouble_of(struct jk_feed *feed, struct jk_error *err)
{
        int64_t until_ns = jk_monotonic_ns() + PATIENCE_NS;
        int r = 0;

        while (r == 0 && jk_monotonic_ns() < until_ns) {
                r = jk_feed_trouble(feed, err);
                usleep(5000);
        }
        return r;
}

static void
what_it_prints_comes_with_the_time_it_came(void **state)
{
        struct jk_feed *feed = start("echo 10; echo 1700000000 20; sleep 1000");
        struct jk_feed_value values[JK_FEED_VALUES] = { 0 };
        int64_t before_ns = jk_monotonic_ns() - PATIENCE_NS;

        (void)state;
        for (size_t got = 0; got < 2;)
                got += jk_feed_take(feed, values + got);
        assert_true(values[0].said.value == 10 && values[1].said.value == 20);
        assert_int_equal(values[1].said.realtime_ns, INT64_C(1700000000) * JK_NS_PER_S);
        assert_true(values[0].monotonic_ns > before_ns);
        assert_true(values[0].monotonic_ns <= values[1].monotonic_ns);
        assert_int_equal(jk_feed_trouble(feed, NULL), 0);
        jk_feed_stop(feed);
}

static void
one_that_ends_is_started_again(void **state)
{
        struct jk_feed *feed = start("echo $$");
        struct jk_error err;

        (void)state;
        assert_int_equal(trouble_of(feed, &err), -EPIPE);
        assert_non_null(strstr(err.message, "started again"));
        assert_true(latest_of(feed, 2) > 0);
        jk_feed_stop(feed);
}

static void
rubbish_is_told_and_good_lines_in_it_count(void **state)
{
        struct jk_feed *feed = start("echo x; echo 7; i=0; while [ $i -lt 30 ]; do echo rubbish; "
                                     "i=$((i + 1)); done; sleep 1000");
        struct jk_error err;

        (void)state;
        assert_int_equal(trouble_of(feed, &err), -EINVAL);
        assert_non_null(strstr(err.message, "rubbish"));
        assert_true(latest_of(feed, 1) == 7);
        jk_feed_stop(feed);
}

static void
a_line_without_end_costs_nothing(void **state)
{
        struct jk_feed *feed =
                start("head -c 100000 /dev/zero | tr '\\0' 9; echo; echo 5; sleep 1000");

        (void)state;
        assert_true(latest_of(feed, 1) == 5);
        jk_feed_stop(feed);
}

static void
a_command_that_is_not_there_is_told(void **state)
{
        struct jk_feed *feed = start("/nonexistent/jk 2>/dev/null");
        struct jk_error err;

        (void)state;
        assert_int_equal(trouble_of(feed, &err), -EPIPE);
        assert_non_null(strstr(err.message, "exit status 127"));
        jk_feed_stop(feed);
}

static void
none_outlives_its_feed(void **state)
{
        struct jk_feed *feed = start("trap '' TERM; sleep 1000 & echo $!; wait; sleep 1000");
        double child = latest_of(feed, 1);
        int64_t until_ns = jk_monotonic_ns() + PATIENCE_NS;

        (void)state;
        assert_true(child > 1);
        assert_int_equal(kill((pid_t)child, 0), 0);
        jk_feed_stop(feed);
        while (kill((pid_t)child, 0) == 0 && jk_monotonic_ns() < until_ns) {
                char path[64], status[256] = "";
                FILE *file;

                snprintf(path, sizeof path, "/proc/%d/stat", (int)child);
                file = fopen(path, "r");
                if (file && fgets(status, sizeof status, file) && strstr(status, ") Z")) {
                        fclose(file);
                        return; /* whoever takes in orphans is slow */
                }
                if (file)
                        fclose(file);
                usleep(5000);
        }
        assert_int_equal(kill((pid_t)child, 0), -1);
}

static void
a_flood_leaves_the_latest(void **state)
{
        struct jk_feed *feed = start("seq 1 5000; sleep 1000");
        struct jk_feed_value values[JK_FEED_VALUES];
        double latest = 0;

        (void)state;
        usleep(300000);
        for (int64_t until_ns = jk_monotonic_ns() + PATIENCE_NS;
             latest < 5000 && jk_monotonic_ns() < until_ns; usleep(5000)) {
                size_t n = jk_feed_take(feed, values);

                assert_true(n <= JK_FEED_VALUES);
                if (n > 0)
                        latest = values[n - 1].said.value;
        }
        assert_true(latest == 5000);
        jk_feed_stop(feed);
}

static double
cpu_seconds(void)
{
        struct rusage used;

        getrusage(RUSAGE_SELF, &used);
        return (double)(used.ru_utime.tv_sec + used.ru_stime.tv_sec) +
               (double)(used.ru_utime.tv_usec + used.ru_stime.tv_usec) / 1e6;
}

static void
one_that_floods_is_told_and_takes_no_cpu(void **state)
{
        double before = cpu_seconds();
        struct jk_feed *feed = start("yes 100");
        struct jk_error err;

        (void)state;
        assert_int_equal(trouble_of(feed, &err), -EOVERFLOW);
        assert_non_null(strstr(err.message, "have it say one a second"));
        usleep(3000000);
        assert_true(cpu_seconds() - before < 0.5);
        jk_feed_stop(feed);
}

/* Nor is there a child of ours left, in time that is enough for a thread to end one. */
static void
one_that_floods_ends_with_its_feed(void **state)
{
        int64_t until_ns = jk_monotonic_ns() + PATIENCE_NS;
        struct jk_feed *feed = start("yes 100");
        siginfo_t child;

        (void)state;
        assert_true(latest_of(feed, 1) == 100);
        jk_feed_stop(feed);
        while (waitid(P_ALL, 0, &child, WEXITED | WSTOPPED | WNOHANG | WNOWAIT) == 0 &&
               jk_monotonic_ns() < until_ns)
                usleep(5000);
        assert_int_equal(waitid(P_ALL, 0, &child, WEXITED | WNOHANG | WNOWAIT), -1);
}

static const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_it_prints_comes_with_the_time_it_came),
        cmocka_unit_test(one_that_ends_is_started_again),
        cmocka_unit_test(rubbish_is_told_and_good_lines_in_it_count),
        cmocka_unit_test(a_line_without_end_costs_nothing),
        cmocka_unit_test(a_command_that_is_not_there_is_told),
        cmocka_unit_test(none_outlives_its_feed),
        cmocka_unit_test(a_flood_leaves_the_latest),
        cmocka_unit_test(one_that_floods_is_told_and_takes_no_cpu),
        cmocka_unit_test(one_that_floods_ends_with_its_feed),
};

JK_RUN_TESTS(tests)

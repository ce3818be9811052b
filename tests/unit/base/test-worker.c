/* SPDX-License-Identifier: Apache-2.0
 *
 * The worker: who asks waits no longer than it wants to, and a job belongs to one thread at a time.
 */
#include "tests/unit/test.h"

#include <errno.h>
#include <semaphore.h>

#include "base/clock.h"
#include "base/worker.h"

#define LONG_NS (60 * JK_NS_PER_S)

struct job {
        sem_t may_end, left;
        int runs;
};

static void
count(void *data)
{
        ((struct job *)data)->runs++;
}

static void
wait_and_count(void *data)
{
        struct job *job = data;

        sem_wait(&job->may_end);
        job->runs++;
}

static void
leave(void *data)
{
        sem_post(&((struct job *)data)->left);
}

static struct job *
make_job(void)
{
        struct job *job = calloc(1, sizeof *job);

        assert_non_null(job);
        sem_init(&job->may_end, 0, 0);
        sem_init(&job->left, 0, 0);
        return job;
}

static void
a_job_is_done_when_run_returns(void **state)
{
        struct jk_worker *worker = jk_worker_new();
        struct job *job = make_job();

        (void)state;
        for (int i = 1; i <= 100; i++) {
                assert_int_equal(jk_worker_run(worker, count, job, LONG_NS), 0);
                assert_int_equal(job->runs, i);
                assert_false(jk_worker_is_busy(worker));
        }
        assert_false(jk_worker_free(worker, leave));
        free(job);
}

static void
a_job_that_takes_too_long_is_not_waited_for(void **state)
{
        struct jk_worker *worker = jk_worker_new();
        struct job *slow = make_job(), *other = make_job();

        (void)state;
        assert_int_equal(jk_worker_run(worker, wait_and_count, slow, JK_NS_PER_MS), -ETIMEDOUT);
        assert_true(jk_worker_is_busy(worker));
        assert_int_equal(jk_worker_run(worker, count, other, LONG_NS), -EBUSY);

        sem_post(&slow->may_end);
        while (jk_worker_is_busy(worker))
                ;
        assert_int_equal(slow->runs, 1);
        assert_int_equal(other->runs, 0);
        assert_int_equal(jk_worker_run(worker, count, other, LONG_NS), 0);
        assert_int_equal(other->runs, 1);
        assert_false(jk_worker_free(worker, leave));
        free(slow);
        free(other);
}

static void
a_worker_that_is_busy_is_left_behind_and_ends_by_itself(void **state)
{
        struct jk_worker *worker = jk_worker_new();
        struct job *job = make_job();

        (void)state;
        assert_int_equal(jk_worker_run(worker, wait_and_count, job, JK_NS_PER_MS), -ETIMEDOUT);
        assert_true(jk_worker_free(worker, leave));
        sem_post(&job->may_end);
        sem_wait(&job->left);
        assert_int_equal(job->runs, 1);
        free(job);
}

static void
one_that_never_worked_is_freed(void **state)
{
        (void)state;
        assert_false(jk_worker_free(jk_worker_new(), leave));
        assert_false(jk_worker_free(NULL, leave));
}

static const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_job_is_done_when_run_returns),
        cmocka_unit_test(a_job_that_takes_too_long_is_not_waited_for),
        cmocka_unit_test(a_worker_that_is_busy_is_left_behind_and_ends_by_itself),
        cmocka_unit_test(one_that_never_worked_is_freed),
};

JK_RUN_TESTS(tests)

/* SPDX-License-Identifier: Apache-2.0
 *
 * CPU time per package and on shared cores, as the table of threads adds it up.
 */
#include "tests/unit/test.h"

#include "activity/bpf/threads.h"

/* CPUs 0 and 1 are in package 0, CPU 10 is in package 3. */
static void
make_topology(struct jk_topology *topology)
{
        static const int numbers[] = { 0, 3 };

        for (size_t i = 0; i < 2; i++) {
                struct jk_event event = { .name = JK_EVENT_CPU_TIME, .package = numbers[i] };

                assert_int_equal(jk_event_add(&topology->events, &event), (int)i);
        }
        topology->package[0] = topology->package[1] = 1;
        topology->package[10] = 2;
        topology->n_packages = 2;
}

static struct jk_thread_record
thread_of(uint32_t tid)
{
        return (struct jk_thread_record){
                .id = { .address = 0x1000 + tid * 64, .start_ns = tid * 10 },
                .leader = 0x1000 + 5 * 64,
                .process_start_ns = 50,
                .tid = tid,
                .tgid = 5,
        };
}

struct run {
        struct jk_threads table;
        struct jk_sample sample;
        uint64_t now_ms;
};

static void
begin(struct run *run)
{
        run->sample.n_tasks = 0;
        run->now_ms++;
        jk_threads_begin(&run->table, run->now_ms, run->now_ms == 1);
}

static void
show(struct run *run, struct jk_thread_record *thread, uint16_t cpu, uint64_t more_ns)
{
        thread->cpu = cpu;
        thread->cpu_ns += more_ns;
        assert_int_equal(jk_threads_seen(&run->table, thread), 0);
}

static void
expect(struct run *run, uint64_t all, uint64_t package_0, uint64_t package_3)
{
        assert_int_equal(jk_threads_flush(&run->table, &run->sample), 0);
        assert_int_equal(run->sample.n_tasks, 1);
        assert_int_equal(run->sample.tasks[0].cpu_ns, all);
        assert_int_equal(jk_sample_task_events(&run->sample, 0)[0], package_0);
        assert_int_equal(jk_sample_task_events(&run->sample, 0)[1], package_3);
}

static void
a_process_has_the_time_of_its_threads_where_they_ran(void **state)
{
        static struct jk_topology topology;
        static const struct jk_root nowhere = JK_ROOT_CLOSED;
        struct jk_thread_record one = thread_of(5), two = thread_of(6);
        struct jk_free_event last;
        struct run run = { 0 };

        (void)state;
        topology.root = &nowhere;
        make_topology(&topology);
        jk_threads_init(&run.table, 77, &topology);
        run.sample.events = &topology.events;

        begin(&run);
        show(&run, &one, 0, 1000);
        show(&run, &two, 10, 1000);
        expect(&run, 0, 0, 0); /* baselines */

        begin(&run);
        show(&run, &one, 0, 70);
        show(&run, &two, 10, 30);
        expect(&run, 100, 70, 30);

        begin(&run); /* it moved; the other is on a CPU that nobody knows */
        show(&run, &one, 10, 5);
        show(&run, &two, 4000, 7);
        expect(&run, 12, 0, 5);

        begin(&run); /* its last word comes from where it was */
        assert_int_equal(jk_threads_exited(&run.table, &one), 0);
        last = (struct jk_free_event){ .id = one.id, .cpu_ns = one.cpu_ns + 9 };
        jk_threads_gone(&run.table, &last);
        expect(&run, 9, 0, 9);

        jk_threads_free(&run.table);
        jk_sample_free(&run.sample);
}

/* CPUs 0 and 1 are a core; its time there is shared as far as the other was busy, and not a
 * nanosecond is lost or found. */
static void
time_beside_a_busy_sibling_is_a_part_of_the_time(void **state)
{
        static struct jk_topology topology;
        static const struct jk_event shared = { .name = JK_EVENT_SHARED_TIME, .package = -1 };
        struct jk_thread_record one = thread_of(5);
        struct run run = { 0 };

        (void)state;
        make_topology(&topology);
        assert_int_equal(jk_event_add(&topology.events, &shared), 2);
        topology.shares_cores = true;
        topology.next[0] = 1 + 1;
        topology.next[1] = 0 + 1;
        jk_threads_init(&run.table, 77, &topology);
        run.sample.events = &topology.events;

        begin(&run);
        show(&run, &one, 0, 1000);
        expect(&run, 0, 0, 0);
        assert_int_equal(jk_sample_task_events(&run.sample, 0)[2], 0);

        begin(&run);
        topology.busy[0] = 1;
        topology.busy[1] = 0.3F;
        show(&run, &one, 0, 1000);
        expect(&run, 1000, 1000, 0);
        assert_int_equal(jk_sample_task_events(&run.sample, 0)[2], 300);

        begin(&run); /* it moved to the other, and then to where nobody is beside it */
        show(&run, &one, 1, 77);
        show(&run, &one, 10, 500);
        expect(&run, 577, 77, 500);
        assert_int_equal(jk_sample_task_events(&run.sample, 0)[2], 77);

        jk_threads_free(&run.table);
        jk_sample_free(&run.sample);
}

static const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_process_has_the_time_of_its_threads_where_they_ran),
        cmocka_unit_test(time_beside_a_busy_sibling_is_a_part_of_the_time),
};

JK_RUN_TESTS(tests)

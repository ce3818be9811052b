/* SPDX-License-Identifier: Apache-2.0
 *
 * The table of threads, without a kernel: whatever order the iterator and the events tell it in,
 * each process is booked what its threads used, once.
 */
#include "tests/unit/test.h"

#include <string.h>

#include "activity/bpf/threads.h"

enum { SELF = 77, MS = 1000000 };

static struct jk_thread_record
thread_of(uint32_t tgid, uint32_t tid, uint64_t cpu_ns)
{
        return (struct jk_thread_record){
                .id = { .address = 0x1000 + tid * 64, .start_ns = tid * 10 },
                .leader = 0x1000 + tgid * 64,
                .process_start_ns = tgid * 10,
                .cpu_ns = cpu_ns,
                .tid = tid,
                .tgid = tgid,
                .threads = 1,
                .comm = "test",
        };
}

static struct jk_free_event
gone(const struct jk_thread_record *thread, uint64_t cpu_ns)
{
        return (struct jk_free_event){ .id = thread->id, .cpu_ns = cpu_ns };
}

/* A tick begins; the sample is emptied. */
static void
begin(struct jk_threads *table, struct jk_sample *sample, uint64_t ms, bool baseline)
{
        sample->n_tasks = 0;
        jk_threads_begin(table, ms, baseline);
}

/* A tick ends whose pass left out the threads that did not run. */
static void
finish_without_idle(struct jk_threads *table, struct jk_sample *sample)
{
        assert_int_equal(jk_threads_flush(table, sample), 0);
}

static void
finish(struct jk_threads *table, struct jk_sample *sample)
{
        jk_threads_settle(table);
        finish_without_idle(table, sample);
}

static const struct jk_task_record *
only_task(const struct jk_sample *sample)
{
        assert_int_equal(sample->n_tasks, 1);
        return &sample->tasks[0];
}

/* Cycles, instructions, misses. */
static void
count_fields(struct jk_threads *table)
{
        table->counters[0].at = offsetof(struct jk_task_record, cycles);
        table->counters[1].at = offsetof(struct jk_task_record, instructions);
        table->counters[2].at = offsetof(struct jk_task_record, llc_misses);
        table->n_counters = 3;
}

#define SET_UP()                                                                                   \
        struct jk_threads table;                                                                   \
        struct jk_sample sample = { 0 };                                                           \
        (void)state;                                                                               \
        jk_threads_init(&table, SELF, NULL);                                                       \
        count_fields(&table)

#define TEAR_DOWN()                                                                                \
        jk_threads_free(&table);                                                                   \
        jk_sample_free(&sample)

static void
the_first_tick_books_nothing(void **state)
{
        SET_UP();
        struct jk_thread_record leader = thread_of(5, 5, 1000 * MS);

        begin(&table, &sample, 1, true);
        jk_threads_seen(&table, &leader);
        finish(&table, &sample);
        assert_int_equal(only_task(&sample)->flags, JK_TASK_NEW);
        assert_int_equal(only_task(&sample)->cpu_ns, 0);

        begin(&table, &sample, 2, false);
        leader.cpu_ns += 7;
        jk_threads_seen(&table, &leader);
        finish(&table, &sample);
        assert_int_equal(only_task(&sample)->flags, 0);
        assert_int_equal(only_task(&sample)->cpu_ns, 7);
        TEAR_DOWN();
}

static void
an_estimate_taken_back_is_made_up_for(void **state)
{
        static const uint64_t said[] = { 100, 90, 95, 130 };
        static const uint64_t booked[] = { 100, 0, 0, 30 };
        SET_UP();
        struct jk_thread_record leader = thread_of(5, 5, 0);

        begin(&table, &sample, 1, true);
        jk_threads_seen(&table, &leader);
        finish(&table, &sample);
        for (size_t i = 0; i < 4; i++) {
                begin(&table, &sample, 10 + i, false);
                leader.cpu_ns = said[i];
                jk_threads_seen(&table, &leader);
                finish(&table, &sample);
                assert_int_equal(sample.n_tasks, booked[i] > 0);
                if (booked[i])
                        assert_int_equal(only_task(&sample)->cpu_ns, booked[i]);
        }
        TEAR_DOWN();
}

/* Its exit, and its last word, may come before or after the iteration that still shows it. */
static void
a_thread_that_ends_during_the_iteration_is_booked_once(void **state)
{
        for (int order = 0; order < 3; order++) {
                SET_UP();
                struct jk_thread_record leader = thread_of(5, 5, 10), exited = leader;
                struct jk_free_event free_event = gone(&leader, 33);
                uint64_t cpu = 0;

                exited.cpu_ns = 30;
                exited.state = JK_THREAD_LAST;
                begin(&table, &sample, 1, false);
                if (order == 0)
                        jk_threads_seen(&table, &leader);
                jk_threads_exited(&table, &exited);
                if (order == 1)
                        jk_threads_seen(&table, &leader);
                if (order == 2)
                        jk_threads_gone(&table, &free_event);
                finish(&table, &sample);
                cpu += only_task(&sample)->cpu_ns;
                assert_true(only_task(&sample)->flags & JK_TASK_NEW);
                assert_int_equal(!!(only_task(&sample)->flags & JK_TASK_ENDED), order == 2);

                if (order < 2) {
                        begin(&table, &sample, 2, false);
                        jk_threads_gone(&table, &free_event);
                        finish(&table, &sample);
                        cpu += only_task(&sample)->cpu_ns;
                        assert_int_equal(only_task(&sample)->flags, JK_TASK_ENDED);
                }
                assert_int_equal(cpu, 33);
                assert_int_equal(table.by_id.count + table.by_pid.count + table.ending, 0);
                TEAR_DOWN();
        }
}

static void
a_zombie_is_ended_and_does_not_come_back(void **state)
{
        SET_UP();
        struct jk_thread_record leader = thread_of(5, 5, 10);

        begin(&table, &sample, 1, false);
        jk_threads_seen(&table, &leader);
        finish(&table, &sample);
        leader.cpu_ns = 15;
        leader.state = JK_THREAD_SETTLED | JK_THREAD_LAST;
        begin(&table, &sample, 2, false);
        jk_threads_seen(&table, &leader);
        finish(&table, &sample);
        assert_int_equal(only_task(&sample)->flags, JK_TASK_ENDED);
        assert_int_equal(only_task(&sample)->cpu_ns, 5);

        begin(&table, &sample, 3, false);
        finish_without_idle(&table, &sample);
        assert_int_equal(sample.n_tasks, 0);
        begin(&table, &sample, 4, false);
        jk_threads_seen(&table, &leader);
        finish(&table, &sample);
        assert_int_equal(sample.n_tasks, 0);
        assert_int_equal(table.by_pid.count, 1);
        begin(&table, &sample, 7, false);
        finish(&table, &sample);
        assert_int_equal(sample.n_tasks, 0);
        assert_int_equal(table.by_pid.count, 0);
        TEAR_DOWN();
}

static void
a_lost_exit_ends_the_task_and_a_lost_last_word_is_not_waited_for_long(void **state)
{
        SET_UP();
        struct jk_thread_record lost = thread_of(5, 5, 10), silent = thread_of(6, 6, 10);

        begin(&table, &sample, 1, false);
        jk_threads_seen(&table, &lost);
        jk_threads_seen(&table, &silent);
        finish(&table, &sample);

        begin(&table, &sample, 100, false);
        silent.state = JK_THREAD_LAST;
        jk_threads_exited(&table, &silent);
        finish(&table, &sample);
        assert_int_equal(only_task(&sample)->pid, 5);
        assert_int_equal(only_task(&sample)->flags, JK_TASK_ENDED);

        begin(&table, &sample, 2100, false);
        finish_without_idle(&table, &sample);
        assert_int_equal(sample.n_tasks, 0);
        begin(&table, &sample, 4100, false);
        finish_without_idle(&table, &sample);
        assert_int_equal(only_task(&sample)->pid, 6);
        assert_int_equal(only_task(&sample)->flags, JK_TASK_ENDED);
        TEAR_DOWN();
}

static void
a_thread_that_takes_long_to_exit_is_waited_for(void **state)
{
        SET_UP();
        struct jk_thread_record leader = thread_of(5, 5, 10);
        struct jk_free_event last;

        begin(&table, &sample, 1, false);
        jk_threads_seen(&table, &leader);
        finish(&table, &sample);
        leader.state = JK_THREAD_LAST;
        for (uint64_t ms = 2000; ms < 20000; ms += 1000) {
                begin(&table, &sample, ms, false);
                leader.cpu_ns++;
                if (ms == 2000)
                        jk_threads_exited(&table, &leader);
                else
                        jk_threads_seen(&table, &leader);
                finish_without_idle(&table, &sample);
                assert_int_equal(only_task(&sample)->flags, 0);
        }

        begin(&table, &sample, 20000, false);
        last = gone(&leader, leader.cpu_ns + 7);
        jk_threads_gone(&table, &last);
        finish_without_idle(&table, &sample);
        assert_int_equal(only_task(&sample)->flags, JK_TASK_ENDED);
        assert_int_equal(only_task(&sample)->cpu_ns, 7);
        TEAR_DOWN();
}

/* The slab of task_structs gives an address out again at once. */
static void
an_address_that_is_used_again_is_another_thread(void **state)
{
        SET_UP();
        struct jk_thread_record old = thread_of(5, 5, 3600ULL * 1000 * MS), young, exited;
        uint64_t cpu = 0;

        begin(&table, &sample, 1, true);
        jk_threads_seen(&table, &old);
        finish(&table, &sample);

        /* The iterator shows the young one before the old one's exit is read. */
        young = thread_of(9, 9, 4);
        young.id.address = old.id.address;
        exited = old;
        exited.cpu_ns += 2;
        exited.state = JK_THREAD_LAST;
        begin(&table, &sample, 2, false);
        jk_threads_seen(&table, &young);
        jk_threads_exited(&table, &exited);
        finish(&table, &sample);
        for (size_t i = 0; i < sample.n_tasks; i++)
                cpu += sample.tasks[i].cpu_ns;
        assert_int_equal(sample.n_tasks, 2);
        assert_int_equal(cpu, 6);
        TEAR_DOWN();
}

/* execve() in a thread: it becomes the leader, with the leader's pid and start time. */
static void
a_thread_that_becomes_the_leader_brings_its_own_past(void **state)
{
        SET_UP();
        struct jk_thread_record leader = thread_of(5, 5, 10), thread = thread_of(5, 6, 900 * MS);
        struct jk_thread_record executed = leader, exited = leader;

        leader.counters[0] = 50;
        thread.counters[0] = 50;
        begin(&table, &sample, 1, true);
        jk_threads_seen(&table, &leader);
        jk_threads_seen(&table, &thread);
        finish(&table, &sample);

        executed.id.address = executed.leader = thread.id.address;
        executed.cpu_ns = thread.cpu_ns + 5;
        executed.counters[0] = 3; /* counted from 0 in the new leader's storage */
        exited.cpu_ns += 2;
        begin(&table, &sample, 2, false);
        jk_threads_seen(&table, &executed);
        jk_threads_exited(&table, &exited);
        finish(&table, &sample);
        assert_int_equal(only_task(&sample)->cpu_ns, 7);
        assert_int_equal(only_task(&sample)->cycles, 3);
        assert_int_equal(only_task(&sample)->flags, 0);
        TEAR_DOWN();
}

static void
a_change_of_identity_is_told_without_activity(void **state)
{
        SET_UP();
        struct jk_thread_record leader = thread_of(SELF, SELF, 10);

        begin(&table, &sample, 1, true);
        jk_threads_seen(&table, &leader);
        finish(&table, &sample);
        assert_int_equal(only_task(&sample)->flags, JK_TASK_NEW | JK_TASK_SELF);

        for (int change = 0; change < 3; change++) {
                leader.uid += change == 0;
                leader.cgroup += change == 1;
                leader.comm[0] = change == 2 ? 'T' : leader.comm[0];
                begin(&table, &sample, 10 + (uint64_t)change, false);
                jk_threads_seen(&table, &leader);
                finish(&table, &sample);
                assert_int_equal(only_task(&sample)->flags, JK_TASK_SELF);
        }
        begin(&table, &sample, 20, false);
        jk_threads_seen(&table, &leader);
        finish(&table, &sample);
        assert_int_equal(sample.n_tasks, 0);
        TEAR_DOWN();
}

/* Cycles in the record, another event in the sample's second column: the first is another's. */
static void
what_has_no_field_in_a_record_is_an_event_of_the_sample(void **state)
{
        static const struct jk_event_table events = {
                .events = { { "other", -1 }, { "page-faults", -1 } }, .count = 2
        };
        struct jk_thread_record leader = thread_of(5, 5, 0), other = thread_of(6, 6, 0);
        SET_UP();

        table.n_counters = 2;
        table.counters[1] = (struct jk_counter_place){ .is_event = true, .at = 1 };
        sample.events = &events;
        leader.counters[0] = leader.counters[1] = 1000;
        begin(&table, &sample, 1, true);
        jk_threads_seen(&table, &leader);
        jk_threads_seen(&table, &other);
        finish(&table, &sample);

        begin(&table, &sample, 2, false);
        leader.counters[1] += 7; /* it did nothing else, and is listed for that */
        jk_threads_seen(&table, &leader);
        finish_without_idle(&table, &sample);
        assert_int_equal(only_task(&sample)->cycles, 0);
        assert_int_equal(jk_sample_task_events(&sample, 0)[0], 0);
        assert_int_equal(jk_sample_task_events(&sample, 0)[1], 7);

        begin(&table, &sample, 3, false);
        leader.counters[0] += 5;
        jk_threads_seen(&table, &leader);
        finish_without_idle(&table, &sample);
        assert_int_equal(only_task(&sample)->cycles, 5);
        assert_int_equal(jk_sample_task_events(&sample, 0)[1], 0);
        TEAR_DOWN();
}

static void
faults_go_on_counting_where_they_wrap(void **state)
{
        SET_UP();
        struct jk_thread_record leader = thread_of(5, 5, 10);

        leader.minor_faults = UINT32_MAX - 4;
        begin(&table, &sample, 1, true);
        jk_threads_seen(&table, &leader);
        finish(&table, &sample);
        leader.minor_faults += 10;
        begin(&table, &sample, 2, false);
        jk_threads_seen(&table, &leader);
        finish(&table, &sample);
        assert_int_equal(only_task(&sample)->minor_faults, 10);
        TEAR_DOWN();
}

/* ---- the law: whatever happens, what was used is booked once ---- */

enum { LIVES = 40, TICKS = 400 };

struct life {
        struct jk_thread_record record;
        bool alive, exited;
};

static uint32_t
next_random(uint64_t *seed, uint32_t below)
{
        *seed = *seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
        return (uint32_t)(*seed >> 33) % below;
}

/* One thread's part of a tick: it is born, runs, is shown (once more after it ran on, or with a
 * value that is too old), ends, or speaks its last word. Returns what it used. */
static uint64_t
live(struct jk_threads *table, struct life *life, uint32_t *tid, uint64_t *seed)
{
        struct jk_thread_record stale = life->record;
        uint64_t used = next_random(seed, 5 * MS);

        if (!life->alive) {
                if (next_random(seed, 3))
                        return 0;
                ++*tid;
                life->record = thread_of(*tid, *tid, 0);
                /* Addresses come back. */
                life->record.id.address = life->record.leader =
                        64 + 64 * next_random(seed, 8) + 1024 * (uint64_t)(life->record.tid);
                life->alive = true;
                life->exited = false;
                stale = life->record;
        }

        if (life->exited) {
                struct jk_free_event event;

                life->record.cpu_ns += used;
                event = gone(&life->record, life->record.cpu_ns);
                jk_threads_gone(table, &event);
                life->alive = false;
                return used;
        }

        life->record.cpu_ns += used;
        jk_threads_seen(table, &life->record);
        if (next_random(seed, 4) == 0)
                jk_threads_seen(table, &stale);
        if (next_random(seed, 4) == 0) {
                struct jk_thread_record last = life->record;

                last.state = JK_THREAD_LAST;
                jk_threads_exited(table, &last);
                life->exited = true;
        }
        return used;
}

static void
what_was_used_is_booked_once(void **state)
{
        SET_UP();
        struct life lives[LIVES] = { 0 };
        uint64_t seed = 42, used = 0, booked = 0;
        uint32_t tid = 100;
        size_t new = 0, ended = 0;

        for (uint64_t t = 0; t < TICKS; t++) {
                begin(&table, &sample, 1000 + t * 10, false);
                for (size_t i = 0; i < LIVES; i++)
                        used += live(&table, &lives[i], &tid, &seed);
                finish(&table, &sample);
                for (size_t i = 0; i < sample.n_tasks; i++) {
                        booked += sample.tasks[i].cpu_ns;
                        new += !!(sample.tasks[i].flags & JK_TASK_NEW);
                        ended += !!(sample.tasks[i].flags & JK_TASK_ENDED);
                }
        }
        assert_int_equal(booked, used);
        assert_int_equal(new, tid - 100);
        assert_true(ended > 1000);
        assert_int_equal(new - ended, table.by_pid.count);
        assert_true(table.n_threads <= LIVES);
        TEAR_DOWN();
}

static const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_first_tick_books_nothing),
        cmocka_unit_test(an_estimate_taken_back_is_made_up_for),
        cmocka_unit_test(a_thread_that_ends_during_the_iteration_is_booked_once),
        cmocka_unit_test(a_zombie_is_ended_and_does_not_come_back),
        cmocka_unit_test(a_lost_exit_ends_the_task_and_a_lost_last_word_is_not_waited_for_long),
        cmocka_unit_test(a_thread_that_takes_long_to_exit_is_waited_for),
        cmocka_unit_test(an_address_that_is_used_again_is_another_thread),
        cmocka_unit_test(a_thread_that_becomes_the_leader_brings_its_own_past),
        cmocka_unit_test(a_change_of_identity_is_told_without_activity),
        cmocka_unit_test(what_has_no_field_in_a_record_is_an_event_of_the_sample),
        cmocka_unit_test(faults_go_on_counting_where_they_wrap),
        cmocka_unit_test(what_was_used_is_booked_once),
};

JK_RUN_TESTS(tests)

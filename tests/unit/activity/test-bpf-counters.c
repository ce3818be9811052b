/* SPDX-License-Identifier: Apache-2.0
 *
 * The hardware counters of the BPF collector against programs whose instructions are known. Needs a
 * PMU: skipped without one. The loads share one CPU, so that each has to be told from the other;
 * and where the machine is emulated, one clock counts for all CPUs, so there it must be the only
 * one.
 */
#include "tests/unit/activity/bpf-live.h"

#include <inttypes.h>
#include <sched.h>
#include <string.h>

#include "activity/events/events.h"

/* ---- loads ---- */

#if defined(__aarch64__)
#define COUNTED_LOOP                                                                               \
        "1: nop; nop; nop; nop; nop; nop\n\t"                                                      \
        "subs %0, %0, #1\n\t"                                                                      \
        "b.ne 1b"
#elif defined(__x86_64__)
#define COUNTED_LOOP                                                                               \
        "1: nop; nop; nop; nop; nop; nop\n\t"                                                      \
        "dec %0\n\t"                                                                               \
        "jnz 1b"
#endif

#define LOOP_INSTRUCTIONS 8 /* each time around */

/* So many instructions, and a handful around them. */
static void
execute(uint64_t instructions)
{
#ifdef COUNTED_LOOP
        uint64_t rounds = instructions / LOOP_INSTRUCTIONS;

        if (rounds)
                __asm__ volatile(COUNTED_LOOP : "+r"(rounds) : : "cc");
#else
        (void)instructions;
#endif
}

static void
keep_to_first_cpu(void)
{
        cpu_set_t set;

        CPU_ZERO(&set);
        CPU_SET(0, &set);
        assert_int_equal(sched_setaffinity(0, sizeof set, &set), 0);
}

static void
execute_there(void *data)
{
        keep_to_first_cpu();
        execute(*(const uint64_t *)data);
}

/* One end of two pipes: waits for its turn, executes, and gives the turn away. */
struct player {
        int from, to;
        int turns;
        uint64_t instructions; /* per turn */
};

static void
play(void *data)
{
        const struct player *player = data;
        char turn;

        keep_to_first_cpu();
        for (int i = 0; i < player->turns; i++) {
                if (read(player->from, &turn, 1) != 1)
                        _exit(1);
                execute(player->instructions);
                if (write(player->to, &turn, 1) != 1)
                        _exit(1);
        }
}

/* ---- what was counted ---- */

/* The third is what most CPUs have beside the two that are held to the truth here. */
static void
open_pmu(struct fixture *f)
{
        struct jk_root root = JK_ROOT_CLOSED;
        struct jk_counted events[3];
        struct jk_error err = { "" };
        struct jk_pmus pmus;
        size_t n;
        int fd;

#ifndef COUNTED_LOOP
        JK_SKIP("no loop of known length is written for this CPU");
#endif
        assert_int_equal(jk_root_open("/", &root, &err), 0);
        jk_pmus_read(&pmus, &root);
        if (jk_events_resolve(&pmus, "cycles,instructions,stalled-cycles-frontend", 3, events, &n,
                              &err) < 0)
                fail_msg("%s", err.message);
        jk_root_close(&root);
        fd = jk_event_open(&events[0], 0, 0, true, -1);
        if (fd < 0)
                JK_SKIP("this machine has no hardware counters");
        close(fd);

        open_counting(f, NULL, events, n);
        assert_true(f->sample.task_fields & JK_TASK_INSTRUCTIONS);
        assert_true(f->sample.task_fields & JK_TASK_CYCLES);
}

/* Until both are seen to have ended; the ticks come after them, so as not to work beside them. */
static void
reap_and_look(struct fixture *f, const pid_t pids[2], struct seen seen[2])
{
        for (int i = 0; i < 2; i++) {
                seen[i] = (struct seen){ 0 };
                reap(pids[i]);
        }
        for (int tries = 0; tries < 50 && !(seen[0].ended && seen[1].ended); tries++) {
                live_sleep_ms(20);
                tick(f);
                for (int i = 0; i < 2; i++)
                        look(f, pids[i], 0, &seen[i]);
        }
        for (int i = 0; i < 2; i++)
                print_message("# %" PRIu64 " instructions, %" PRIu64 " cycles in %.3f ms\n",
                              seen[i].instructions, seen[i].cycles, (double)seen[i].cpu_ns / 1e6);
}

static void
assert_counted(uint64_t got, uint64_t least, double above_pct)
{
        if (got < least || (double)got > (double)least * (1 + above_pct / 100))
                fail_msg("%" PRIu64 " counted of %" PRIu64 ": %.3f %%", got, least,
                         (double)got / (double)least * 100);
}

static void
instructions_are_those_that_each_task_executed(void **state)
{
        uint64_t wanted[2] = { 400000000, 200000000 };
        struct fixture f;
        struct seen seen[2];
        pid_t pids[2];

        (void)state;
        open_pmu(&f);
        for (int i = 0; i < 2; i++)
                pids[i] = spawn(execute_there, &wanted[i]);
        reap_and_look(&f, pids, seen);

        for (int i = 0; i < 2; i++)
                assert_counted(seen[i].instructions, wanted[i], 1);
        close_fixture(&f);
}

static void
cycles_go_with_instructions_at_one_rate(void **state)
{
        uint64_t wanted = 100000000;
        struct fixture f;
        struct seen seen[2];
        pid_t pids[2];
        double rate;

        (void)state;
        open_pmu(&f);
        for (int i = 0; i < 2; i++)
                pids[i] = spawn(execute_there, &wanted);
        reap_and_look(&f, pids, seen);

        /* Both had the same CPU by turns, so its frequency was the same for both. */
        assert_true(seen[1].cycles > 0 && seen[1].cpu_ns > 0);
        rate = (double)seen[0].cycles / (double)seen[1].cycles;
        assert_true(rate > 0.98 && rate < 1.02);
        rate = (double)(seen[0].cycles + seen[1].cycles) /
               (double)(seen[0].cpu_ns + seen[1].cpu_ns); /* GHz */
        assert_true(rate > 0.1 && rate < 10);
        close_fixture(&f);
}

/* Two that take turns, the first of which executes so much in each. */
static void
take_turns(struct fixture *f, int turns, uint64_t per_turn, struct seen seen[2])
{
        struct player players[2] = {
                { .turns = turns, .instructions = per_turn },
                { .turns = turns },
        };
        int there[2], back[2];
        pid_t pids[2];

        assert_int_equal(pipe(there), 0);
        assert_int_equal(pipe(back), 0);
        players[0].from = back[0], players[0].to = there[1];
        players[1].from = there[0], players[1].to = back[1];
        for (int i = 0; i < 2; i++)
                pids[i] = spawn(play, &players[i]);
        assert_int_equal(write(back[1], "", 1), 1);
        reap_and_look(f, pids, seen);
        for (int i = 0; i < 2; i++) {
                close(there[i]);
                close(back[i]);
        }
}

/* Both do the same but for what one executes in its turns, and so do their counts; but for some
 * hundred instructions in each turn, as one is preempted where the other waits. */
static void
tasks_that_switch_at_each_turn_do_not_swap_counts(void **state)
{
        enum { TURNS = 1000, PER_TURN = 200000 };
        struct fixture f;
        struct seen seen[2];

        (void)state;
        open_pmu(&f);
        take_turns(&f, TURNS, PER_TURN, seen);
        assert_counted(seen[0].instructions - seen[1].instructions, TURNS * PER_TURN, 1);
        close_fixture(&f);
}

/* ---- what it costs ---- */

static struct jk_bpf_program_stats
stats_of(const struct fixture *f, const char *name)
{
        struct jk_bpf_program_stats all[16];
        size_t n = jk_bpf_stats(f->collector, all, sizeof all / sizeof all[0]);

        for (size_t i = 0; i < n && i < sizeof all / sizeof all[0]; i++)
                if (strcmp(all[i].name, name) == 0)
                        return all[i];
        fail_msg("there is no program %s", name);
        return (struct jk_bpf_program_stats){ "" };
}

/* By the kernel's clock at each run, and by the instructions per nanosecond of who ran. On an
 * emulated CPU, which executes so many in each nanosecond, that is how many it takes; how long a
 * real one takes over them it does not tell. The bound is a third more than was found. */
static void
a_switch_costs_no_more_instructions_than_it_did(void **state)
{
        enum { TURNS = 2000 };
        struct jk_bpf_program_stats stats;
        double executed, used_ns, ns_each;
        struct fixture f;
        struct seen seen[2];
        size_t counters;
        int stats_fd;

        (void)state;
        open_pmu(&f);
        stats_fd = jk_bpf_stats_enable();
        assert_true(stats_fd >= 0);
        take_turns(&f, TURNS, 0, seen);
        close(stats_fd);
        stats = stats_of(&f, "jk_switch");
        counters = f.collector->n_counted;
        close_fixture(&f);

        assert_true(stats.runs >= 2 * TURNS);
        executed = (double)(seen[0].instructions + seen[1].instructions);
        used_ns = (double)(seen[0].cpu_ns + seen[1].cpu_ns);
        ns_each = (double)stats.ns / (double)stats.runs;
        print_message("# %zu counters, %" PRIu64
                      " switches, %.0f ns each, %.0f instructions each; %.0f "
                      "instructions in each turn\n",
                      counters, stats.runs, ns_each, ns_each * executed / used_ns,
                      executed / (2 * TURNS));
        assert_true(ns_each > 0);
        assert_true(ns_each * executed / used_ns <= 1800);
}

static const struct CMUnitTest tests[] = {
        cmocka_unit_test(instructions_are_those_that_each_task_executed),
        cmocka_unit_test(cycles_go_with_instructions_at_one_rate),
        cmocka_unit_test(tasks_that_switch_at_each_turn_do_not_swap_counts),
        cmocka_unit_test(a_switch_costs_no_more_instructions_than_it_did),
};

JK_RUN_TESTS(tests)

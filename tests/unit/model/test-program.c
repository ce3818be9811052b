/* SPDX-License-Identifier: Apache-2.0
 *
 * Models as programs: what they are told, which answers are refused, and that a program that dies,
 * hangs or prints rubbish costs its ticks the model and nothing else. The programs are scripts of
 * the shell.
 */
#include "tests/unit/model/world.h"

#include <jansson.h>
#include <signal.h>
#include <stdio.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "model/program.h"

#define GREET "echo '{\"version\":1}'; read hello; "

/* ---- lines ---- */

static void
a_tick_is_told_by_names(void **state)
{
        struct world world;
        jk_autotext struct jk_text text = { 0 };
        json_t *json, *row;

        (void)state;
        world_start(&world);
        world_add(&world, 2, 0.1);
        world.programs[0].running = 1;
        world_tick(&world, 1);
        strcpy(world.sample.tasks[0].comm, "a\"b\\\n\xff\"");
        world.sample.tasks[0].flags = JK_TASK_NEW | JK_TASK_SELF;
        jk_program_write_tick(&text, &world.sample);
        json = json_loads(text.data, 0, NULL);
        assert_non_null(json);
        assert_null(strchr(text.data, '\n'));

        row = json_array_get(json_object_get(json_object_get(json, "tasks"), "rows"), 0);
        assert_string_equal(json_string_value(json_array_get(row, 5)), "ns");
        assert_string_equal(json_string_value(json_array_get(row, 6)),
                            "a\"b\\\xef\xbf\xbd\xef\xbf\xbd\"");
        assert_int_equal(json_integer_value(json_array_get(row, 7)), world.sample.tasks[0].cpu_ns);
        assert_int_equal(json_array_size(json_object_get(json, "zones")), WORLD_ZONES);
        json_decref(json);
        world_end(&world);
}

static void
answers_that_cannot_be_booked_are_refused(void **state)
{
        static const struct {
                const char *line, *says;
        } bad[] = {
                { "", "no JSON" },
                { "rubbish", "no JSON" },
                { "[]", "no JSON object" },
                { "{\"zones\":[]}", "no \"tick\"" },
                { "{\"tick\":1,\"zones\":[]}", "answered for tick 1 when it was asked for 0" },
                { "{\"tick\":0}", "no list \"zones\"" },
                { "{\"tick\":0,\"zones\":[4]}", "no name" },
                { "{\"tick\":0,\"zones\":[{\"zone\":\"gpu-7\"}]}", "no zone 'gpu-7'" },
                { "{\"tick\":0,\"zones\":[{\"zone\":\"dram-0\",\"wieghts\":[]}]}",
                  "an answer has no \"wieghts\"" },
                { "{\"tick\":0,\"zones\":[{\"zone\":\"dram-0\",\"weights\":[1]}]}",
                  "not a list of 2" },
                { "{\"tick\":0,\"zones\":[{\"zone\":\"dram-0\",\"weights\":[1,-1]}]}",
                  "weights is not a number from 0 on" },
                { "{\"tick\":0,\"zones\":[{\"zone\":\"dram-0\",\"weights\":[1,NaN]}]}", "no JSON" },
                { "{\"tick\":0,\"zones\":[{\"zone\":\"dram-0\",\"weights\":[1,1e999]}]}",
                  "no JSON" },
                { "{\"tick\":0,\"zones\":[{\"zone\":\"dram-0\",\"weights\":[1.5e308,1.5e308]}]}",
                  "too large" },
                { "{\"tick\":0,\"zones\":[{\"zone\":\"dram-0\",\"weights\":[1,null]}]}",
                  "not a number" },
                { "{\"tick\":0,\"zones\":[{\"zone\":\"dram-0\",\"idle_w\":-1}]}", "idle_w" },
                { "{\"tick\":0,\"zones\":[{\"zone\":\"dram-0\",\"idle_w\":1,\"idle_uj\":1}]}",
                  "one is enough" },
                { "{\"tick\":0,\"zones\":[{\"zone\":\"dram-0\"},{\"zone\":\"dram-0\"}]}",
                  "answered twice" },
                { "{\"tick\":0,\"zones\":[{\"zone\":\"dram-0\",\"blind\":1}]}", "neither" },
        };
        struct jk_answers answers = { 0 };
        struct world world;

        (void)state;
        world_start(&world);
        world_add(&world, 2, 0.1);
        world_add(&world, 1, 0.1);
        world_tick(&world, 1);
        for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
                struct jk_error err = { "" };

                assert_int_equal(jk_program_parse_answer(bad[i].line, strlen(bad[i].line),
                                                         &world.sample, &answers, &err),
                                 -EBADMSG);
                if (!strstr(err.message, bad[i].says))
                        fail_msg("%s: \"%s\" does not say \"%s\"", bad[i].line, err.message,
                                 bad[i].says);
                assert_false(answers.zones[WORLD_DRAM].given);
        }
        jk_answers_free(&answers);
        world_end(&world);
}

static void
weights_for_all_zones_give_way_to_a_zones_own(void **state)
{
        static const char line[] = "{\"tick\":0,\"weights_by_pid\":{\"101\":4},\"zones\":["
                                   "{\"zone\":\"package-0\"},"
                                   "{\"zone\":\"dram-0\",\"weights\":[2,1]}]}";
        struct jk_answers answers = { 0 };
        struct jk_error err = { "" };
        struct world world;
        const double *row;

        (void)state;
        world_start(&world);
        world_add(&world, 2, 0.1);
        world_add(&world, 1, 0.1);
        world_tick(&world, 1);
        if (jk_program_parse_answer(line, strlen(line), &world.sample, &answers, &err) < 0)
                fail_msg("%s", err.message);
        row = answers.weights + 2 * answers.zones[WORLD_PACKAGE].row;
        assert_true(answers.zones[WORLD_PACKAGE].has_weights && row[0] == 0 && row[1] == 4);
        row = answers.weights + 2 * answers.zones[WORLD_DRAM].row;
        assert_true(answers.zones[WORLD_DRAM].has_weights && row[0] == 2 && row[1] == 1);
        jk_answers_free(&answers);
        world_end(&world);
}

/* ---- programs ---- */

struct trial {
        struct world world;
        struct jk_model *model, *share;
        char path[64];
};

static int
try_open(struct trial *trial, const char *script, struct jk_error *err)
{
        char command[128];
        FILE *file;

        snprintf(trial->path, sizeof trial->path, "/tmp/jk-program-%d.sh", (int)getpid());
        file = fopen(trial->path, "w");
        assert_non_null(file);
        fputs(script, file);
        fclose(file);

        trial->model = trial->share = NULL;
        snprintf(command, sizeof command, "sh  %s ", trial->path);
        return jk_model_program.open(command, &trial->model, err);
}

static void
begin(struct trial *trial, const char *script)
{
        struct jk_error err = { "" };

        world_start(&trial->world);
        world_add(&trial->world, 2, 0.1);
        world_add(&trial->world, 1, 0.1);
        trial->world.programs[0].running = trial->world.programs[1].running = 1;
        if (try_open(trial, script, &err) < 0)
                fail_msg("%s", err.message);
        assert_int_equal(jk_model_share.open(NULL, &trial->share, &err), 0);
}

static void
end(struct trial *trial)
{
        jk_model_program.close(trial->model);
        jk_model_share.close(trial->share);
        world_end(&trial->world);
        unlink(trial->path);
}

/* A tick as the engine takes it (live) or as it comes out of a recording: how long it took. The
 * clock of the world is not this machine's: how old a sample is tells neither. */
static int64_t
tick(struct trial *trial, bool live)
{
        int64_t before, took;

        world_tick(&trial->world, 1);
        if (live)
                trial->world.sample.flags |= JK_SAMPLE_LIVE;
        before = jk_monotonic_ns();
        jk_model_program.observe(trial->model, &trial->world.sample);
        took = jk_monotonic_ns() - before;
        jk_model_share.observe(trial->share, &trial->world.sample);
        return took;
}

static bool
is_share(struct trial *trial)
{
        double weights[2][2];
        struct jk_split split[2] = { { .task_weights = weights[0] },
                                     { .task_weights = weights[1] } };

        jk_model_program.split(trial->model, &trial->world.sample, WORLD_PACKAGE, &split[0]);
        jk_model_share.split(trial->share, &trial->world.sample, WORLD_PACKAGE, &split[1]);
        for (size_t i = 0; i < 2; i++)
                assert_true(isfinite(weights[0][i]) && weights[0][i] >= 0);
        return weights[0][0] == weights[1][0] && weights[0][1] == weights[1][1] &&
               split[0].idle_uj == split[1].idle_uj;
}

/* Answers every tick, counting them itself: they begin with tick 0. */
#define ANSWER                                                                                     \
        "echo '{\"tick\":'$n',\"zones\":[{\"zone\":\"package-0\",\"weights\":[3,1],"               \
        "\"idle_w\":2,\"idle_error_w\":0.5,\"uncertainty_pct\":7,\"expected_w\":50}]}'; "          \
        "n=$((n+1)); "

static void
a_program_that_answers_divides(void **state)
{
        struct trial trial;
        double weights[2] = { 0 };
        struct jk_split split = { .task_weights = weights };

        (void)state;
        begin(&trial, GREET "n=0; while read t; do " ANSWER "done");
        for (int i = 0; i < 20; i++) {
                tick(&trial, false);
                assert_false(is_share(&trial));
        }
        jk_model_program.split(trial.model, &trial.world.sample, WORLD_PACKAGE, &split);
        assert_true(weights[0] == 3 && weights[1] == 1);
        assert_true(split.idle_uj == 2e6 && split.uncertainty_pct == 7);
        assert_true(split.irq_weight == 0 && !split.blind);
        assert_true(jk_model_program.idle(trial.model, WORLD_PACKAGE).power_w == 2);
        assert_true(jk_model_program.idle(trial.model, WORLD_PACKAGE).error_w == 0.5);
        assert_true(jk_model_program.expect(trial.model, WORLD_PACKAGE).power_w == 50);
        assert_true(jk_model_program.expect(trial.model, WORLD_PACKAGE).error_pct > 0);
        assert_true(isnan(jk_model_program.expect(trial.model, WORLD_DRAM).power_w));
        end(&trial);
}

static void
one_that_does_not_speak_is_not_opened(void **state)
{
        static const struct {
                const char *script, *says;
        } bad[] = {
                { "exit 3", "it ended with exit status 3" },
                { "echo hello", "no JSON" },
                { "echo '{}'", "no \"version\"" },
                { "echo '{\"version\":2}'", "it speaks version 2" },
        };

        (void)state;
        for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
                struct jk_error err = { "" };
                struct trial trial;

                assert_true(try_open(&trial, bad[i].script, &err) < 0);
                if (!strstr(err.message, bad[i].says))
                        fail_msg("%s: \"%s\"", bad[i].script, err.message);
                unlink(trial.path);
        }
}

static void
rubbish_is_divided_by_cpu_time(void **state)
{
        struct trial trial;

        (void)state;
        begin(&trial, GREET "while read t; do echo '~~~'; done");
        for (int i = 0; i < 10; i++) {
                tick(&trial, false);
                assert_true(is_share(&trial));
        }
        end(&trial);
}

static void
an_answer_for_another_tick_is_refused(void **state)
{
        struct trial trial;

        (void)state;
        begin(&trial, GREET "n=0; while read t; do n=$((n+1)); " ANSWER "n=$((n-1)); done");
        for (int i = 0; i < 10; i++) {
                tick(&trial, false);
                assert_true(is_share(&trial));
        }
        end(&trial);
}

/* A line too many does not make all later answers those of the tick before. */
static void
an_unasked_line_costs_no_later_tick(void **state)
{
        struct trial trial;
        int good = 0;

        (void)state;
        begin(&trial,
              GREET "n=0; while read t; do " ANSWER "[ $n = 3 ] && echo '{\"tick\":3}'; done");
        for (int i = 0; i < 20; i++) {
                tick(&trial, false);
                usleep(20000); /* or the line comes only after the next tick is asked for */
                good += !is_share(&trial);
        }
        assert_true(good >= 19);
        end(&trial);
}

static void
the_tick_does_not_wait_for_a_program_that_hangs(void **state)
{
        struct trial trial;

        (void)state;
        begin(&trial, GREET "sleep 60");
        for (int i = 0; i < 5; i++) {
                int64_t took_ns = tick(&trial, true);

                assert_true(is_share(&trial));
                if (took_ns > 500 * JK_NS_PER_MS) /* 20 ms, on a machine that is busy */
                        fail_msg("it took %lld ns", (long long)took_ns);
        }
        end(&trial);
}

/* In a replay there is time: what is late in the run is not late in it. That holds for a recording
 * of a moment ago, too. */
static void
a_replay_waits_for_a_slow_one(void **state)
{
        struct trial trial;

        (void)state;
        begin(&trial, GREET "n=0; while read t; do sleep 0.2; " ANSWER "done");
        for (int i = 0; i < 3; i++) {
                world_tick(&trial.world, 1);
                trial.world.sample.time = jk_now();
                jk_model_program.observe(trial.model, &trial.world.sample);
                jk_model_share.observe(trial.share, &trial.world.sample);
                assert_false(is_share(&trial));
        }
        trial.world.sample.time = trial.world.now;
        tick(&trial, true);
        assert_true(is_share(&trial));
        end(&trial);
}

/* What it prints without an end does not hold the tick. */
static void
one_that_prints_what_nobody_asked_for_is_ended(void **state)
{
        struct trial trial;
        int64_t before;

        (void)state;
        begin(&trial, GREET "yes");
        before = jk_monotonic_ns();
        for (int i = 0; i < 3; i++) {
                tick(&trial, false);
                assert_true(is_share(&trial));
        }
        assert_true(jk_monotonic_ns() - before < 4 * JK_NS_PER_S);
        end(&trial);
}

/* A late answer is not taken for a later tick's, and the program goes on after it. */
static void
one_that_was_late_once_goes_on(void **state)
{
        struct trial trial;

        (void)state;
        begin(&trial, GREET "n=0; while read t; do [ $n = 1 ] && sleep 0.3; " ANSWER "done");
        tick(&trial, false);
        assert_false(is_share(&trial));
        tick(&trial, true);
        assert_true(is_share(&trial));
        tick(&trial, false); /* waits for the late answer, asks, and is told of tick 1 + 1 */
        assert_false(is_share(&trial));
        end(&trial);
}

/* Or a replay would take for ever: after one wait it goes on without it, until it is started again
 * a second of the recording later. */
static void
one_that_hangs_in_a_replay_is_ended(void **state)
{
        struct trial trial;
        int64_t before;

        (void)state;
        begin(&trial, GREET "sleep 60");
        before = jk_monotonic_ns();
        tick(&trial, false);
        assert_true(is_share(&trial));
        assert_true(jk_monotonic_ns() - before >= 5 * JK_NS_PER_S);

        before = jk_monotonic_ns();
        for (int i = 0; i < 9; i++) {
                world_tick(&trial.world, 0.1);
                jk_model_program.observe(trial.model, &trial.world.sample);
        }
        assert_true(jk_monotonic_ns() - before < 4 * JK_NS_PER_S);
        end(&trial);
}

static void
one_that_dies_is_started_again(void **state)
{
        struct trial trial;
        int good = 0, runs_again = 0;

        (void)state;
        begin(&trial, GREET "read t; exit 1");
        for (int i = 0; i < 60; i++) {
                tick(&trial, false);
                assert_true(is_share(&trial));
        }
        end(&trial);

        /* It answers for the tick it is asked for, three times. */
        begin(&trial, GREET "for i in 1 2 3; do read t; n=${t#*:}; n=${n%%,*}; " ANSWER "done");
        for (int i = 0; i < 60; i++) {
                bool was_good = good > 0 && !is_share(&trial);

                tick(&trial, false);
                good += !is_share(&trial);
                runs_again += !was_good && !is_share(&trial);
        }
        assert_true(good >= 9 && runs_again >= 3);
        end(&trial);
}

static const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_tick_is_told_by_names),
        cmocka_unit_test(answers_that_cannot_be_booked_are_refused),
        cmocka_unit_test(weights_for_all_zones_give_way_to_a_zones_own),
        cmocka_unit_test(a_program_that_answers_divides),
        cmocka_unit_test(one_that_does_not_speak_is_not_opened),
        cmocka_unit_test(rubbish_is_divided_by_cpu_time),
        cmocka_unit_test(an_answer_for_another_tick_is_refused),
        cmocka_unit_test(an_unasked_line_costs_no_later_tick),
        cmocka_unit_test(the_tick_does_not_wait_for_a_program_that_hangs),
        cmocka_unit_test(a_replay_waits_for_a_slow_one),
        cmocka_unit_test(one_that_prints_what_nobody_asked_for_is_ended),
        cmocka_unit_test(one_that_was_late_once_goes_on),
        cmocka_unit_test(one_that_hangs_in_a_replay_is_ended),
        cmocka_unit_test(one_that_dies_is_started_again),
};

JK_RUN_TESTS(tests)

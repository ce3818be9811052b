/* SPDX-License-Identifier: Apache-2.0
 *
 * A recording is a file that others may have written: what its names hold never speaks to the
 * terminal, whatever command reads it, in what it prints and in what it complains about.
 */
#include "tests/unit/record/samples.h"

#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "cmd/command.h"
#include "record/recording.h"

#define HOSTILE   "\x1b]0;a\x07\x1b[2J\n\r\xc2\x9b"
#define TICKS     300
#define WORDS_MAX 10

static const struct jk_about about = {
        .program = HOSTILE,
        .host = HOSTILE "h",
        .cpu = HOSTILE "c",
        .model = "program:" HOSTILE,
        .activity = HOSTILE "a",
        .interval_ns = JK_NS_PER_S,
        .ledger = JK_LEDGER_DEFAULTS,
};

static const char *
name_user(void *data, uid_t uid)
{
        (void)data;
        (void)uid;
        return HOSTILE "u";
}

static void
make_hostile(struct chaos *c)
{
        for (size_t i = 0; i < c->m.zones.count; i++) {
                struct jk_zone *zone = &c->m.zones.zones[i];

                snprintf(zone->name, sizeof zone->name, HOSTILE "%zu", i);
                memcpy(zone->source, HOSTILE, sizeof HOSTILE);
                memcpy(zone->path, HOSTILE, sizeof HOSTILE);
        }
        for (size_t i = 0; i < c->m.sample.n_tasks; i++)
                memcpy(c->m.sample.tasks[i].comm, HOSTILE, JK_COMM_SIZE - 1);
}

/* Zone 0 draws as the event says, so that model select has to choose it. */
static void
explain_by_event(struct chaos *c, unsigned int tick)
{
        struct jk_sample *sample = &c->m.sample;
        uint64_t count = tick * 7919 % 1000;

        sample->flags |= JK_SAMPLE_TASKS;
        sample->elapsed_ns = JK_NS_PER_S;
        for (size_t i = 0; i < sample->n_tasks; i++)
                jk_sample_task_events(sample, i)[0] = i == 0 ? count : 0;
        sample->readings[0] = (struct jk_zone_reading){
                .energy_uj = (int64_t)(5000000 + 50000 * count),
                .elapsed_ns = JK_NS_PER_S,
                .flags = JK_READING_SEEN,
        };
}

static void
record(const char *path)
{
        struct jk_recording_place place = { .file = path };
        struct jk_event_table events = { .count = 0 };
        struct jk_recorder *recorder = NULL;
        struct jk_error err = { "" };
        struct chaos c;

        if (jk_recorder_open(&place, &about, NULL, &recorder, &err) < 0)
                fail_msg("%s", err.message);
        add_event(&events, HOSTILE "e", -1);
        chaos_start(&c, 5, about.ledger);
        for (int tick = 0; tick < TICKS; tick++) {
                c.m.sample.events = &events;
                if (tick > 0)
                        chaos_tick(&c);
                fill_cpus(&c);
                fill_tasks(&c);
                fill_events(&c);
                make_hostile(&c);
                if (tick > 0 && c.m.sample.n_tasks > 0)
                        explain_by_event(&c, (unsigned int)tick);
                if (tick == 0)
                        jk_sample_add_cgroup(&c.m.sample, 1, JK_CGROUP_APPEARED, "/" HOSTILE);
                jk_recorder_take(recorder, &c.m.sample, name_user, NULL);
        }
        teardown(&c.m);
        assert_int_equal(jk_recorder_close(recorder, NULL, &err), 0);
}

/* What a command writes to stdout and stderr, which must not be nothing. */
static size_t
run(const struct jk_command *command, const char *const words[], char *ret_said, size_t size)
{
        char path[] = "/tmp/jk-hostile-said-XXXXXX";
        int said = mkstemp(path), out = dup(STDOUT_FILENO), err = dup(STDERR_FILENO), argc = 0;
        char *argv[WORDS_MAX + 1] = { NULL };
        ssize_t n;

        assert_true(said >= 0 && out >= 0 && err >= 0);
        for (; words[argc]; argc++)
                argv[argc] = (char *)words[argc]; /* moved about, not written to */
        fflush(stdout);
        dup2(said, STDOUT_FILENO);
        dup2(said, STDERR_FILENO);
        command->main(command, argc, argv);
        fflush(stdout);
        dup2(out, STDOUT_FILENO);
        dup2(err, STDERR_FILENO);
        n = pread(said, ret_said, size, 0);
        close(said);
        close(out);
        close(err);
        unlink(path);
        assert_true(n > 0);
        return (size_t)n;
}

static void
assert_speaks_to_no_terminal(const char *what, const char *said, size_t n)
{
        for (size_t i = 0; i < n; i++) {
                unsigned char c = (unsigned char)said[i];

                if (c == '\r' && i + 1 < n && said[i + 1] == '\n') /* as CSV has it */
                        continue;
                if ((c < 0x20 && c != '\n') || c == 0x7f ||
                    (c == 0xc2 && i + 1 < n && (unsigned char)said[i + 1] < 0xa0))
                        fail_msg("%s: byte %zu is %02x: %.200s", what, i, c,
                                 said + (i < 100 ? 0 : i - 100));
        }
}

static void
nothing_in_a_recording_speaks_to_the_terminal(void **state)
{
        static char path[64], curve[64], zone[] = HOSTILE "0", said[1 << 20];
        static const char *const commands[][WORDS_MAX] = {
                { "replay", path },
                { "replay", "--model", "share", path },
                { "replay", "--model", "share", "--all", "--by", "task", path },
                { "replay", "--model", "share", "--output", "json", path },
                { "replay", "--model", "share", "--output", "csv", path },
                { "replay", "--model", "share", "--output", "metrics", path },
                { "replay", "--output", "hwpc", path },
                { "model", "evaluate", "--model", "adaptive,share", path },
                { "model", "evaluate", "--zone", zone, path },
                { "model", "train", "--zone", zone, "-o", curve, path },
                { "model", "train", "--zone", "nothing", "-o", curve, path },
                { "model", "select", "--gain", "0", path },
                { "model", "select", "--zone", zone, "--gain", "0", path },
        };

        (void)state;
        snprintf(path, sizeof path, "/tmp/jk-hostile-%d.jkr", (int)getpid());
        snprintf(curve, sizeof curve, "/tmp/jk-hostile-%d.json", (int)getpid());
        unlink(path);
        record(path);
        for (size_t i = 0; i < JK_COUNT(commands); i++) {
                const struct jk_command *command = strcmp(commands[i][0], "model") == 0
                                                           ? &jk_command_model
                                                           : &jk_command_replay;
                char what[128];
                size_t n;

                snprintf(what, sizeof what, "command %zu, %s %s", i, commands[i][0],
                         commands[i][1] == path ? "" : commands[i][1]);
                n = run(command, commands[i], said, sizeof said);
                if (getenv("JK_SHOW"))
                        printf("# %s: %zu bytes: %.300s\n", what, n, said);
                assert_speaks_to_no_terminal(what, said, n);
                memset(said, 0, sizeof said);
        }
        unlink(path);
        unlink(curve);
}

static const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_in_a_recording_speaks_to_the_terminal),
};

JK_RUN_TESTS(tests)

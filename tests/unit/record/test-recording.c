/* SPDX-License-Identifier: Apache-2.0
 *
 * Recordings: what is read is what was written, whatever it was and wherever the file ends, and a
 * replay's books equal the run's.
 */
#include "tests/unit/record/samples.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/text.h"
#include "record/disguise.h"
#include "record/recording.h"

#define TICKS 200

static char path[128];
static struct jk_error err;

static const struct jk_about about = {
        .program = "joulekeeper test",
        .host = "here",
        .model = "share",
        .activity = "bpf",
        .interval_ns = JK_NS_PER_S,
        .ledger = JK_LEDGER_DEFAULTS,
};

static const char *
name_user(void *data, uid_t uid)
{
        static char name[16];

        (void)data;
        snprintf(name, sizeof name, "user-%u", uid);
        return uid == 2 ? NULL : name;
}

static int
new_file(void **state)
{
        (void)state;
        snprintf(path, sizeof path, "/tmp/joulekeeper-recording-%d", getpid());
        unlink(path);
        memset(&err, 0, sizeof err);
        return 0;
}

static int
no_file(void **state)
{
        (void)state;
        unlink(path);
        return 0;
}

static struct jk_recorder *
open_recorder_at(const struct jk_recording_place *place)
{
        struct jk_recorder *recorder = NULL;

        if (jk_recorder_open(place, &about, NULL, &recorder, &err) < 0)
                fail_msg("%s", err.message);
        return recorder;
}

static struct jk_recorder *
open_recorder(void)
{
        struct jk_recording_place place = { .file = path };

        return open_recorder_at(&place);
}

static struct jk_reader *
open_reader(void)
{
        struct jk_reader *reader = NULL;
        int r = jk_reader_open(path, &reader, &err);

        if (r < 0)
                fail_msg("%s", err.message);
        return reader;
}

/* A run of a machine on which anything happens: recorded, and booked. Its last snapshot is the
 * shelf's. */
static struct jk_snapshot *
run(struct chaos *c, uint64_t seed, struct jk_recorder *recorder)
{
        struct jk_snapshot *snapshot;

        chaos_start(c, seed, about.ledger);
        snapshot = end_tick(&c->m);
        jk_recorder_take(recorder, &c->m.sample, name_user, NULL);
        for (int tick = 1; tick < TICKS; tick++) {
                chaos_tick(c);
                snapshot = end_tick(&c->m);
                jk_recorder_take(recorder, &c->m.sample, name_user, NULL);
        }
        return snapshot;
}

static void
assert_same_accounts(const struct jk_snapshot *a, const struct jk_snapshot *b)
{
        for (int d = 0; d < JK_DIMENSION_MAX; d++) {
                assert_int_equal(a->n_entries[d], b->n_entries[d]);
                for (size_t i = 0; i < a->n_entries[d]; i++) {
                        const struct jk_entry *x = &a->entries[d][i], *y = &b->entries[d][i];
                        char id[4200], other[4200];

                        jk_entry_id(a, x, id, sizeof id);
                        jk_entry_id(b, y, other, sizeof other);
                        assert_string_equal(id, other);
                        assert_string_equal(jk_snapshot_string(a, x->name),
                                            jk_snapshot_string(b, y->name));
                        assert_int_equal(x->flags, y->flags);
                        assert_int_equal(x->cpu_ns, y->cpu_ns);
                        for (size_t part = 0; part < 3; part++)
                                assert_memory_equal(jk_entry_part_uj(a, x, part),
                                                    jk_entry_part_uj(b, y, part),
                                                    a->n_zones * sizeof(int64_t));
                }
        }
}

/* Book what the reader reads; ends with a snapshot, as run() does. */
static struct jk_snapshot *
replay(struct machine *m, struct jk_reader *reader, const struct jk_model_ops *ops)
{
        struct jk_snapshot *snapshot = NULL;
        int r;

        setup(m, jk_reader_about(reader)->ledger);
        use_model(m, ops);
        while ((r = jk_reader_next(reader, &m->sample, &err)) > 0) {
                assert_int_equal(jk_ledger_book(m->ledger, &m->sample, m->ops, m->model), 0);
                snapshot = jk_shelf_blank(&m->shelf);
                assert_int_equal(jk_ledger_publish(m->ledger, &m->sample, NULL, NULL, snapshot), 0);
                jk_shelf_publish(&m->shelf, snapshot);
        }
        assert_int_equal(r, 0);
        return snapshot;
}

static void
a_replay_equals_the_run(void **state)
{
        (void)state;
        for (uint64_t seed = 1; seed < 6; seed++) {
                struct jk_recorder *recorder = open_recorder();
                struct jk_reader *reader;
                struct chaos c;
                struct jk_snapshot *ran = run(&c, seed, recorder), *replayed;
                struct machine again;

                assert_int_equal(jk_recorder_close(recorder, NULL, &err), 0);
                reader = open_reader();
                replayed = replay(&again, reader, c.m.ops);
                assert_int_equal(jk_reader_ticks(reader), TICKS);
                assert_false(jk_reader_is_cut(reader));
                assert_int_equal(replayed->machine_uj, ran->machine_uj);
                assert_same_accounts(ran, replayed);

                jk_reader_close(reader);
                teardown(&again);
                teardown(&c.m);
                unlink(path);
        }
}

/* ---- sample by sample ---- */

static void
every_sample_is_read_as_it_was_written(void **state)
{
        struct jk_recorder *recorder = open_recorder();
        struct jk_sample read_back = { 0 };
        struct jk_reader *reader = NULL;
        struct jk_event_table events;
        struct chaos c;

        (void)state;
        for (int round = 0; round < 2; round++) {
                chaos_start(&c, 77, about.ledger);
                events.count = 0;
                for (int tick = 0; tick < TICKS; tick++) {
                        if (tick > 0)
                                tick_of_anything(&c, &events);
                        if (round == 0) {
                                jk_recorder_take(recorder, &c.m.sample, name_user, NULL);
                                continue;
                        }
                        assert_int_equal(jk_reader_next(reader, &read_back, &err), 1);
                        assert_same_sample(&c.m.sample, &read_back);
                }
                assert_true(events.count > 3);
                teardown(&c.m);
                if (round == 0) {
                        assert_int_equal(jk_recorder_close(recorder, NULL, &err), 0);
                        reader = open_reader();
                }
        }
        assert_int_equal(jk_reader_next(reader, &read_back, &err), 0);
        assert_string_equal(jk_reader_user(reader, 1), "user-1");
        assert_null(jk_reader_user(reader, 2));
        assert_string_equal(jk_reader_about(reader)->host, "here");
        jk_reader_close(reader);
        jk_sample_free(&read_back);
}

/* ---- size ---- */

#define CROWD 300

/* In place of the fields of a task. */
static void
move_to_events(struct jk_sample *sample)
{
        struct jk_task_record *task = &sample->tasks[sample->n_tasks - 1];
        uint64_t *counts = jk_sample_task_events(sample, sample->n_tasks - 1);

        counts[0] = task->cycles;
        counts[1] = task->instructions;
        counts[2] = task->llc_misses;
        task->cycles = task->instructions = task->llc_misses = 0;
}

/* A tick of many tasks, from one that ran for some microseconds to one that never slept, with
 * counters: what is known of their ratios makes the numbers no more random than they are. */
static void
add_crowd(struct chaos *c, double ipc[static CROWD])
{
        for (int i = 0; i < CROWD; i++) {
                double scale = pow(10, 3.5 + 5.5 * (double)i / CROWD);
                double noise = 0.7 + (double)roll(c, 1000) / 1667;
                struct jk_task_record *task = run_task(&c->m, 1000 + 7 * i, 17 + (uint64_t)i % 9,
                                                       (uid_t)i % 4, (uint64_t)(scale * noise));

                task->cycles =
                        (uint64_t)((double)task->cpu_ns * (2.6 + (double)roll(c, 1000) / 5000));
                task->instructions = (uint64_t)((double)task->cycles * ipc[i] *
                                                (0.9 + (double)roll(c, 1000) / 5000));
                task->llc_misses = (uint64_t)((double)task->instructions *
                                              (0.001 + (double)roll(c, 1000) / 1000000));
                task->minor_faults = roll(c, 4) ? 0 : roll(c, 100);
                task->resident_bytes = (UINT64_C(1) << 24) + 4096 * (roll(c, 4) ? 0 : roll(c, 99));
                task->threads = 1 + (uint32_t)i % 3;
                if (c->m.sample.events)
                        move_to_events(&c->m.sample);
        }
}

/* What one costs on average, with three counters: fields of its own, or events. */
static double
bytes_per_active_task(const struct jk_event_table *events)
{
        struct jk_recorder *recorder = open_recorder();
        struct jk_recorder_report report;
        double ipc[CROWD];
        struct chaos c;

        chaos_start(&c, 3, about.ledger);
        c.m.sample.events = events;
        for (int i = 0; i < CROWD; i++)
                ipc[i] = 0.3 + (double)roll(&c, 1000) / 400;
        for (int tick = 0; tick < 2 * 60; tick++) {
                begin_tick(&c.m, JK_NS_PER_S);
                add_crowd(&c, ipc);
                jk_recorder_take(recorder, &c.m.sample, name_user, NULL);
        }
        teardown(&c.m);
        assert_int_equal(jk_recorder_close(recorder, &report, &err), 0);

        return (double)report.bytes / (2 * 60 * CROWD);
}

static void
an_active_task_costs_few_bytes(void **state)
{
        static const struct jk_event_table events = {
                .events = { { "CYCLES", -1 }, { "INSTRUCTIONS", -1 }, { "LLC_MISSES", -1 } },
                .count = 3,
        };
        double each = bytes_per_active_task(NULL), by_events;

        (void)state;
        unlink(path);
        by_events = bytes_per_active_task(&events);
        print_message(
                "# %.1f bytes per active task and tick, with three counters; %.1f as events\n",
                each, by_events);
        assert_true(each <= 15);
        assert_true(by_events <= 15);
}

/* ---- files that are not as they were written ---- */

static size_t
load(unsigned char *bytes, size_t size)
{
        int fd = open(path, O_RDONLY);
        ssize_t n = read(fd, bytes, size);

        assert_true(n > 0);
        close(fd);
        return (size_t)n;
}

static void
store(const unsigned char *bytes, size_t length)
{
        int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);

        assert_int_equal(write(fd, bytes, length), (ssize_t)length);
        close(fd);
}

/* What was read, in a number: after each tick of the last read_all(). */
static uint64_t digests[1000];

static uint64_t
digest(uint64_t before, const struct jk_sample *sample)
{
        uint64_t value = before * 31 + sample->sequence;

        for (size_t i = 0; i < sample->n_tasks; i++)
                value = value * 31 + sample->tasks[i].cpu_ns + (uint64_t)sample->tasks[i].pid;
        for (size_t i = 0; i < sample->zones->count; i++)
                value = value * 31 + (uint64_t)sample->readings[i].energy_uj;
        return value;
}

/* Read all that there is: the ticks, or the error, and whether it was said to be cut. */
static int
read_all(uint64_t *ret_ticks, bool *ret_cut)
{
        struct jk_sample sample = { 0 };
        struct jk_reader *reader;
        int r = jk_reader_open(path, &reader, &err);

        *ret_ticks = 0;
        *ret_cut = false;
        if (r < 0)
                return r;
        for (size_t n = 0; (r = jk_reader_next(reader, &sample, &err)) > 0; n++)
                digests[n] = digest(n > 0 ? digests[n - 1] : 0, &sample);
        *ret_ticks = jk_reader_ticks(reader);
        *ret_cut = jk_reader_is_cut(reader);
        jk_reader_close(reader);
        jk_sample_free(&sample);
        return r;
}

static unsigned char whole[1 << 20], broken[1 << 20];

/* Wait until all that was taken is written: the length of the file. */
static uint64_t
written(struct jk_recorder *recorder, uint64_t ticks)
{
        struct jk_recorder_report report;

        do {
                jk_recorder_report(recorder, &report);
                assert_int_equal(report.dropped, 0);
                usleep(100);
        } while (report.ticks < ticks);
        return report.bytes;
}

#define LARGE_TICKS 80 /* more than zstd gives at once */

/* Where each tick of a recording is whole; its length. */
static size_t
record_large(uint64_t ret_ends[static LARGE_TICKS])
{
        struct jk_recorder *recorder = open_recorder();
        double ipc[CROWD];
        struct chaos c;

        chaos_start(&c, 5, about.ledger);
        for (int i = 0; i < CROWD; i++)
                ipc[i] = 1;
        for (uint64_t tick = 0; tick < LARGE_TICKS; tick++) {
                if (tick > 0)
                        chaos_tick(&c);
                add_crowd(&c, ipc);
                jk_recorder_take(recorder, &c.m.sample, name_user, NULL);
                ret_ends[tick] = written(recorder, tick + 1);
        }
        teardown(&c.m);
        assert_int_equal(jk_recorder_close(recorder, NULL, &err), 0);
        return load(whole, sizeof whole);
}

static void
assert_ticks_until(size_t end, uint64_t wanted, size_t length)
{
        uint64_t ticks;
        bool cut;
        int r;

        store(whole, end);
        r = read_all(&ticks, &cut);
        assert_int_equal(ticks, wanted);
        if (ticks > 0) {
                assert_int_equal(r, 0);
                assert_int_equal(cut, end < length);
        }
}

static void
wherever_it_ends_all_whole_ticks_are_read(void **state)
{
        uint64_t ends[LARGE_TICKS];
        size_t length = record_large(ends);
        struct chaos c = { .seed = 3 };

        (void)state;
        for (uint64_t tick = 0; tick < LARGE_TICKS; tick++) {
                size_t next = tick + 1 < LARGE_TICKS ? ends[tick + 1] : length;
                size_t between = ends[tick] + roll(&c, next - ends[tick]);

                assert_ticks_until(ends[tick] - 1, tick, length);
                assert_ticks_until(ends[tick], tick + 1, length);
                assert_ticks_until(between, tick + 1, length);
        }
        assert_ticks_until(length, LARGE_TICKS, length);
}

static size_t
record_one(void)
{
        struct jk_recorder *recorder = open_recorder();
        struct chaos c;

        run(&c, 5, recorder);
        teardown(&c.m);
        assert_int_equal(jk_recorder_close(recorder, NULL, &err), 0);
        return load(whole, sizeof whole);
}

static void
a_byte_that_is_wrong_is_found(void **state)
{
        size_t length = record_one();
        struct chaos c = { .seed = 4711 };
        uint64_t right[TICKS], all;
        size_t refused = 0;
        bool whole_one;

        (void)state;
        assert_int_equal(read_all(&all, &whole_one), 0);
        assert_int_equal(all, TICKS);
        memcpy(right, digests, sizeof right);
        for (int round = 0; round < 600; round++) {
                uint64_t ticks;
                bool cut;
                int r;

                memcpy(broken, whole, length);
                broken[roll(&c, length)] ^= (unsigned char)(1U << roll(&c, 8));
                store(broken, length);
                r = read_all(&ticks, &cut);
                if (r < 0) {
                        refused++;
                        assert_true(r == -EBADMSG || r == -ENOMEM);
                        assert_non_null(strstr(err.message, path));
                }
                /* What is read is right, and it is said that something is missing. */
                assert_true(ticks <= TICKS);
                assert_true(r < 0 || cut || ticks == TICKS);
                if (ticks > 0)
                        assert_int_equal(digests[ticks - 1], right[ticks - 1]);
        }
        assert_true(refused > 500);
}

static void
what_is_no_recording_is_refused(void **state)
{
        static const char text[] = "timestamp,sensor,target\n";
        uint64_t ticks;
        bool cut;

        (void)state;
        store((const unsigned char *)text, sizeof text);
        assert_int_equal(read_all(&ticks, &cut), -EBADMSG);
        assert_non_null(strstr(err.message, "no recording"));
        unlink(path);
        assert_int_equal(read_all(&ticks, &cut), -ENOENT);
}

/* ---- files ---- */

static void
a_file_that_is_there_is_not_overwritten(void **state)
{
        struct jk_recording_place place = { .file = path };
        struct jk_recorder *recorder;

        (void)state;
        store((const unsigned char *)"mine", 4);
        assert_int_equal(jk_recorder_open(&place, &about, NULL, &recorder, &err), -EEXIST);
        assert_int_equal(load(whole, sizeof whole), 4);
}

static void
what_is_abandoned_leaves_no_file(void **state)
{
        (void)state;
        jk_recorder_abandon(open_recorder());
        assert_int_equal(access(path, F_OK), -1);
}

/* The files of a folder by name, so by age; their number. */
static int
list(const char *folder, char names[static 100][160])
{
        struct dirent **found;
        int n = scandir(folder, &found, NULL, alphasort), kept = 0;

        assert_true(n >= 0);
        for (int i = 0; i < n; i++) {
                if (found[i]->d_name[0] != '.' && kept < 100)
                        snprintf(names[kept++], 160, "%.60s/%.90s", folder, found[i]->d_name);
                free(found[i]);
        }
        free(found);
        return kept;
}

/* Each can be read by itself; together they are the run. */
static void
a_file_that_is_full_gives_way_to_another(void **state)
{
        struct jk_recording_place place = { .directory = path, .file_bytes = 2000 };
        char folder[128], names[100][160];
        struct jk_recorder *recorder;
        uint64_t all = 0;
        struct chaos c;
        int n;

        (void)state;
        snprintf(folder, sizeof folder, "%s", path);
        assert_int_equal(mkdir(folder, 0700), 0);
        recorder = open_recorder_at(&place);
        chaos_start(&c, 9, about.ledger);
        for (uint64_t tick = 0; tick < 100; tick++) {
                if (tick > 0)
                        chaos_tick(&c);
                jk_recorder_take(recorder, &c.m.sample, name_user, NULL);
                written(recorder, tick + 1);
        }
        teardown(&c.m);
        assert_int_equal(jk_recorder_close(recorder, NULL, &err), 0);

        n = list(folder, names);
        assert_in_range(n, 5, 99);
        for (int i = 0; i < n; i++) {
                uint64_t ticks;
                bool cut;

                snprintf(path, sizeof path, "%.127s", names[i]);
                assert_int_equal(read_all(&ticks, &cut), 0);
                assert_false(cut);
                all += ticks;
                unlink(path);
        }
        assert_int_equal(all, 100);
        assert_int_equal(rmdir(folder), 0);
}

static void
make(const char *folder, const char *name, size_t bytes)
{
        char file[160];
        int fd;

        snprintf(file, sizeof file, "%s/%s", folder, name);
        fd = open(file, O_WRONLY | O_CREAT | O_EXCL, 0600);
        assert_true(fd >= 0);
        assert_int_equal(ftruncate(fd, (off_t)bytes), 0);
        close(fd);
}

/* The oldest of ours go, as many as have to; what is not ours stays. */
static void
only_what_is_ours_is_ever_deleted(void **state)
{
        static const char *const stay[] = {
                "backup.zst",
                "joulekeeper-20200101T000000Z.jkr.bak",
                "joulekeeper-2020.jkr",
                "joulekeeper-20210103T000000Z.jkr",
        };
        struct jk_recording_place place = { .directory = path, .keep_bytes = 5000 };
        char names[100][160];

        (void)state;
        assert_int_equal(mkdir(path, 0700), 0);
        for (size_t i = 0; i < JK_COUNT(stay); i++)
                make(path, stay[i], 3000);
        make(path, "joulekeeper-20210101T000000Z.jkr", 3000);
        make(path, "joulekeeper-20210102T000000Z-1.jkr", 3000);
        jk_recorder_close(open_recorder_at(&place), NULL, &err);

        assert_int_equal(list(path, names), JK_COUNT(stay) + 1);
        for (size_t i = 0; i < JK_COUNT(stay); i++) {
                char file[160];

                snprintf(file, sizeof file, "%s/%s", path, stay[i]);
                assert_int_equal(unlink(file), 0);
        }
        list(path, names);
        unlink(names[0]);
        assert_int_equal(rmdir(path), 0);
}

/* ---- what cannot be ---- */

static void
a_header_with_absurd_limits_is_refused(void **state)
{
        static const char *const absurd[] = {
                "",
                "[]",
                "{",
                "{\"format\":1}",
                "{\"format\":1,\"interval_ns\":1000000000,\"ended_tasks_max\":-1}",
                "{\"format\":1,\"interval_ns\":1000000000,\"ended_tasks_max\":1000001}",
                "{\"format\":1,\"interval_ns\":1000000000,\"ended_retention_ns\":-1}",
                "{\"format\":1,\"interval_ns\":9000000000000000000}",
        };
        struct jk_about read;

        (void)state;
        for (size_t i = 0; i < JK_COUNT(absurd); i++)
                assert_int_equal(jk_about_read(absurd[i], &read, &err), -EBADMSG);
        assert_int_equal(jk_about_read("{\"format\":2,\"interval_ns\":1}", &read, &err),
                         -EPROTONOSUPPORT);
}

/* A user may make cgroups below one another beyond any limit of a path. */
static void
whatever_is_written_can_be_read(void **state)
{
        struct jk_disguiser *disguiser = jk_disguiser_new();
        struct jk_disguise disguise = jk_disguiser_disguise(disguiser);
        struct jk_recording_place place = { .file = path };
        struct jk_recorder *recorder;
        static char deep[20001];
        uint64_t ticks;
        struct chaos c;
        bool cut;

        (void)state;
        for (size_t i = 0; i < sizeof deep - 1; i++)
                deep[i] = i % 2 ? 'a' : '/';
        assert_int_equal(jk_recorder_open(&place, &about, &disguise, &recorder, &err), 0);
        chaos_start(&c, 1, about.ledger);
        jk_sample_add_cgroup(&c.m.sample, 4711, JK_CGROUP_APPEARED, deep);
        run_task(&c.m, 7, 4711, 1, 1000)->flags |= JK_TASK_NEW;
        jk_recorder_take(recorder, &c.m.sample, name_user, NULL);
        chaos_tick(&c);
        assert_int_equal(jk_recorder_describe(recorder, &about), 0); /* a header, so all again */
        jk_recorder_take(recorder, &c.m.sample, name_user, NULL);
        assert_int_equal(jk_recorder_close(recorder, NULL, &err), 0);
        teardown(&c.m);
        jk_disguiser_free(disguiser);

        assert_int_equal(read_all(&ticks, &cut), 0);
        assert_int_equal(ticks, 2);
}

/* A model may have been told a file, or a command; a meter outside, an address. */
static void
anonymised_it_tells_no_file_and_no_command(void **state)
{
        static const char command[] = "program: /home/alice/read-plug";
        struct jk_disguiser *disguiser = jk_disguiser_new();
        struct jk_disguise disguise = jk_disguiser_disguise(disguiser);
        struct jk_about told = { .host = "alices-laptop",
                                 .model = "program:/home/alice/a b=c,dram=share,psys=events:/w" };
        struct jk_text out[2] = { { 0 }, { 0 } };
        struct machine m;

        (void)state;
        jk_about_anonymise(&told);
        assert_string_equal(told.model, "program,dram=share,psys=events");
        assert_string_equal(told.host, "");
        assert_true(told.anonymised);

        begin_first_tick(&m, about.ledger);
        memcpy(m.zones.zones[0].path, command, sizeof command);
        for (int i = 0; i < 2; i++) {
                struct jk_encoder *encoder = jk_encoder_new(i == 0 ? NULL : &disguise);

                jk_encode_header(encoder, "{}", &out[i]);
                assert_int_equal(jk_encode_sample(encoder, &m.sample, NULL, NULL, &out[i]), 0);
                assert_int_equal(memmem(out[i].data, out[i].length, "alice", 5) != NULL, i == 0);
                jk_encoder_free(encoder);
                jk_text_free(&out[i]);
        }
        teardown(&m);
        jk_disguiser_free(disguiser);
}

/* ---- ticks that are not there ---- */

/* What happened to cgroups in ticks that were dropped is made up for by the next header. */
static void
cgroups_of_dropped_ticks_are_made_up_for(void **state)
{
        struct jk_encoder *encoder = jk_encoder_new(NULL);
        struct jk_decoder *decoder = jk_decoder_new();
        jk_autotext struct jk_text header = { 0 };
        struct jk_sample read_back = { 0 };
        struct machine m;

        (void)state;
        jk_about_write(&about, &header);
        begin_first_tick(&m, about.ledger);
        for (int tick = 0; tick < 3; tick++) {
                jk_autotext struct jk_text out = { 0 };
                struct jk_wire in;

                if (tick > 0)
                        begin_tick(&m, JK_NS_PER_S);
                if (tick == 0) {
                        jk_sample_add_cgroup(&m.sample, 1, JK_CGROUP_APPEARED, "/stays");
                        jk_sample_add_cgroup(&m.sample, 2, JK_CGROUP_APPEARED, "/goes");
                        jk_sample_add_cgroup(&m.sample, 3, JK_CGROUP_APPEARED, "/old");
                }
                if (tick == 1) {
                        jk_sample_add_cgroup(&m.sample, 2, JK_CGROUP_VANISHED, "/goes");
                        jk_sample_add_cgroup(&m.sample, 3, JK_CGROUP_APPEARED, "/new");
                        jk_sample_add_cgroup(&m.sample, 4, JK_CGROUP_APPEARED, "/comes");
                        jk_encoder_skip(encoder, &m.sample);
                        continue;
                }
                jk_encode_header(encoder, header.data, &out);
                assert_int_equal(jk_encode_sample(encoder, &m.sample, NULL, NULL, &out), 0);
                in = (struct jk_wire){ .at = (const unsigned char *)out.data,
                                       .end = (const unsigned char *)out.data + out.length };
                while (jk_wire_left(&in) > 0) {
                        enum jk_message kind = (enum jk_message) * in.at++;
                        size_t length;
                        const void *body = jk_wire_get_bytes(&in, 1 << 20, &length);

                        assert_true(jk_decode(decoder, kind, body, length, &read_back, &err) >= 0);
                        in.at += 4; /* its checksum */
                }
        }

        assert_int_equal(read_back.n_cgroups, 3);
        for (size_t i = 0; i < 3; i++) {
                const struct jk_cgroup_event *event = &read_back.cgroups[i];
                const char *path_ = jk_sample_cgroup_path(&read_back, event);

                assert_string_equal(path_, event->id == 2   ? "/goes"
                                           : event->id == 3 ? "/new"
                                                            : "/comes");
                assert_int_equal(event->kind,
                                 event->id == 2 ? JK_CGROUP_VANISHED : JK_CGROUP_APPEARED);
        }
        teardown(&m);
        jk_sample_free(&read_back);
        jk_decoder_free(decoder);
        jk_encoder_free(encoder);
}

/* ---- names ---- */

static void
disguised_names_tell_nothing_and_stay_the_same(void **state)
{
        static const struct {
                const char *path, *wanted;
        } rows[] = {
                { "/", "/" },
                { "/system.slice/nginx.service", "/system.slice/group-1.service" },
                { "/system.slice/secret-x.scope/a", "/system.slice/group-2.scope/group-3" },
                { "/user.slice/nginx.service", "/user.slice/group-1.service" },
                { "/kubepods/burstable/pod1", "/kubepods/burstable/group-4" },
        };
        struct jk_disguiser *disguiser = jk_disguiser_new();
        struct jk_disguise disguise = jk_disguiser_disguise(disguiser);

        (void)state;
        for (size_t i = 0; i < JK_COUNT(rows); i++)
                assert_string_equal(disguise.path(disguise.data, rows[i].path), rows[i].wanted);
        assert_string_equal(disguise.name(disguise.data, "alice"), "name-1");
        assert_string_equal(disguise.name(disguise.data, "bob"), "name-2");
        assert_string_equal(disguise.name(disguise.data, "alice"), "name-1");
        assert_string_equal(disguise.name(disguise.data, "root"), "root");
        jk_disguiser_free(disguiser);
}

#define WITH_FILE(function) cmocka_unit_test_setup_teardown(function, new_file, no_file)

static const struct CMUnitTest tests[] = {
        WITH_FILE(a_replay_equals_the_run),
        WITH_FILE(every_sample_is_read_as_it_was_written),
        WITH_FILE(an_active_task_costs_few_bytes),
        WITH_FILE(wherever_it_ends_all_whole_ticks_are_read),
        WITH_FILE(a_byte_that_is_wrong_is_found),
        WITH_FILE(what_is_no_recording_is_refused),
        WITH_FILE(a_file_that_is_there_is_not_overwritten),
        WITH_FILE(what_is_abandoned_leaves_no_file),
        WITH_FILE(a_file_that_is_full_gives_way_to_another),
        WITH_FILE(only_what_is_ours_is_ever_deleted),
        WITH_FILE(whatever_is_written_can_be_read),
        cmocka_unit_test(a_header_with_absurd_limits_is_refused),
        cmocka_unit_test(anonymised_it_tells_no_file_and_no_command),
        cmocka_unit_test(cgroups_of_dropped_ticks_are_made_up_for),
        cmocka_unit_test(disguised_names_tell_nothing_and_stay_the_same),
};

JK_RUN_TESTS(tests)

/* SPDX-License-Identifier: Apache-2.0
 *
 * Files of recordings: all that is whole is read wherever they end, what is wrong in them is found,
 * they give way to one another, and nothing that is not ours is touched.
 */
#include "tests/unit/record/recordings.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>

#include "record/disguise.h"

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

static const struct CMUnitTest tests[] = {
        WITH_FILE(wherever_it_ends_all_whole_ticks_are_read),
        WITH_FILE(a_byte_that_is_wrong_is_found),
        WITH_FILE(what_is_no_recording_is_refused),
        WITH_FILE(whatever_is_written_can_be_read),
        WITH_FILE(a_file_that_is_there_is_not_overwritten),
        WITH_FILE(what_is_abandoned_leaves_no_file),
        WITH_FILE(a_file_that_is_full_gives_way_to_another),
        WITH_FILE(only_what_is_ours_is_ever_deleted),
};

JK_RUN_TESTS(tests)

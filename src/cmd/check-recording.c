/* SPDX-License-Identifier: Apache-2.0
 *
 * Checking recordings that others sent: see check-recording.h.
 */
#include "cmd/check-recording.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/array.h"
#include "base/cleanup.h"
#include "base/units.h"

#define POWER_MAX_W 1e6 /* of a zone: a hundred times what any machine draws */
#define TICKS_MAX   10000000

/* ---- content ---- */

static int
check_about(const struct jk_about *about, struct jk_error *err)
{
        if (!about->anonymised)
                return jk_fail(err, EINVAL,
                               "it holds names of programs, users and cgroups, which training does "
                               "not need; joulekeeper model send leaves them out");
        if (!about->cpu[0] && about->identity.n_cpus == 0)
                return jk_fail(err, EINVAL, "it does not tell of which CPU it is");
        return 0;
}

static int
check_reading(const struct jk_zone *zone, const struct jk_zone_reading *reading, uint64_t tick,
              struct jk_error *err)
{
        if (!(reading->flags & JK_READING_SEEN) || reading->elapsed_ns <= 0)
                return 0;
        if (reading->energy_uj >= 0 &&
            jk_power_w(reading->energy_uj, reading->elapsed_ns) <= POWER_MAX_W)
                return 0;

        return jk_fail(err, EINVAL, "tick %llu: %s has %lld uJ in %lld ns, which cannot be",
                       (unsigned long long)tick, zone->name, (long long)reading->energy_uj,
                       (long long)reading->elapsed_ns);
}

static int
check_sample(const struct jk_sample *sample, struct jk_recording_facts *facts, struct jk_error *err)
{
        int r = 0;

        for (size_t i = 0; r == 0 && i < sample->zones->count; i++) {
                const struct jk_zone *zone = &sample->zones->zones[i];

                if (zone->provenance != JK_MODELLED)
                        facts->measured |= 1U << zone->kind;
                r = check_reading(zone, &sample->readings[i], facts->ticks, err);
        }
        return r;
}

/* As many ticks as are asked for. */
static int
read_ticks(struct jk_reader *reader, uint64_t most, struct jk_recording_facts *facts,
           struct jk_error *err)
{
        __attribute__((cleanup(jk_sample_free))) struct jk_sample sample = { 0 };
        int r = 0;

        while (facts->ticks < most && (r = jk_reader_next(reader, &sample, err)) > 0) {
                facts->ticks++;
                r = check_about(jk_reader_about(reader), err);
                if (r == 0)
                        r = check_sample(&sample, facts, err);
                if (r < 0)
                        return r;
        }
        if (r < 0)
                return r;
        facts->cut = jk_reader_is_cut(reader);
        return 0;
}

/* A pipe would make it wait, and a link may lead anywhere. */
static int
check_file(const char *path, struct jk_error *err)
{
        jk_autoclose int fd = open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
        struct stat status;

        if (fd < 0 && errno != ELOOP && errno != ENXIO)
                return jk_fail(err, errno, "%s: %m", path);
        if (fd >= 0 && fstat(fd, &status) < 0)
                return jk_fail(err, errno, "%s: %m", path);
        if (fd < 0 || !S_ISREG(status.st_mode))
                return jk_fail(err, EINVAL, "%s: it is no regular file", path);
        return 0;
}

static int
look(const char *path, uint64_t most, struct jk_recording_facts *facts, struct jk_error *err)
{
        struct jk_reader *reader;
        int r = check_file(path, err);

        if (r == 0)
                r = jk_reader_open(path, &reader, err);
        if (r < 0)
                return r;

        facts->about = *jk_reader_about(reader);
        r = check_about(&facts->about, err);
        if (r == 0)
                r = read_ticks(reader, most, facts, err);
        jk_reader_close(reader);
        return r;
}

/* ---- the file ---- */

static int
sum_up(const char *path, char ret_hex[static JK_SHA256_HEX_SIZE], struct jk_error *err)
{
        jk_autoclose int fd = open(path, O_RDONLY | O_CLOEXEC);
        char buffer[64 * 1024];
        struct jk_sha256 sha;
        ssize_t n;

        if (fd < 0)
                return jk_fail(err, errno, "%s: %m", path);

        jk_sha256_begin(&sha);
        while ((n = read(fd, buffer, sizeof buffer)) != 0) {
                if (n < 0 && errno == EINTR)
                        continue;
                if (n < 0)
                        return jk_fail(err, errno, "%s: %m", path);
                jk_sha256_add(&sha, buffer, (size_t)n);
        }
        jk_sha256_end(&sha, ret_hex);
        return 0;
}

int
jk_recording_check(const char *path, struct jk_recording_facts *ret_facts, struct jk_error *err)
{
        struct jk_recording_facts facts = { 0 };
        int r = look(path, TICKS_MAX + 1, &facts, err);

        if (r == 0 && facts.ticks > TICKS_MAX)
                r = jk_fail(err, EINVAL, "it has more than %d ticks; send it in parts", TICKS_MAX);
        if (r == 0 && facts.ticks == 0)
                r = jk_fail(err, EINVAL, "there is no whole tick in it");
        if (r == 0 && !facts.measured)
                r = jk_fail(err, EINVAL,
                            "nothing was measured in it: there is nothing to learn from what was "
                            "estimated");
        if (r == 0)
                r = sum_up(path, facts.sha256, err);
        if (r < 0)
                return r;

        *ret_facts = facts;
        return 0;
}

int
jk_recording_glance(const char *path, struct jk_recording_facts *ret_facts, struct jk_error *err)
{
        struct jk_recording_facts facts = { 0 };
        int r = look(path, 1, &facts, err);

        if (r == 0)
                *ret_facts = facts;
        return r;
}

/* SPDX-License-Identifier: Apache-2.0
 *
 * Training by the recordings that were taken: see learn.h. Recordings are of one group if their
 * machines have the same CPU and as many of it: then all have the same power to expect.
 */
#include <dirent.h>
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/array.h"
#include "base/cleanup.h"
#include "base/text.h"
#include "cmd/check-recording.h"
#include "cmd/learn-made.h"
#include "cmd/learn.h"
#include "cmd/train.h"
#include "meter/cpu-model.h"
#include "serve/intake.h"

/* What every machine shows of itself: who fetches a model goes by nothing else. */
#define FEATURES "utilisation,cpu,recent"

#define FOLDS     5
#define TICKS_MAX 200000 /* of all recordings of a model: some 70 MB while it is trained */

static const enum jk_zone_kind kinds[] = {
        JK_ZONE_PACKAGE, JK_ZONE_DRAM, JK_ZONE_PSYS, JK_ZONE_BATTERY, JK_ZONE_WALL,
};

struct recording {
        char key[17]; /* of its group */
        char architecture[17];
        unsigned int measured;
        char *path;
};

struct learning {
        const char *directory, *models, *skip;
        FILE *out;
        struct recording *recordings;
        size_t n, capacity;
};

static void
free_learning(struct learning *learning)
{
        for (size_t i = 0; i < learning->n; i++)
                free(learning->recordings[i].path);
        free(learning->recordings);
}

/* ---- groups ---- */

static void
tell_group(const struct jk_about *about, struct recording *recording)
{
        const struct jk_cpu_identity *cpu = &about->identity;
        char text[512], digest[JK_SHA256_HEX_SIZE];
        int length = snprintf(text, sizeof text, "%s|%s|%d|%d|%d|%u|%u|%d|%d|%d|%d", about->cpu,
                              cpu->vendor, cpu->family, cpu->model, cpu->stepping, cpu->implementer,
                              cpu->part, cpu->siblings, cpu->cores, cpu->hypervisor, cpu->n_cpus);

        jk_sha256_hex(text, (size_t)length, digest);
        snprintf(recording->key, sizeof recording->key, "%.12s", digest);
        snprintf(recording->architecture, sizeof recording->architecture, "%.16s",
                 cpu->n_cpus > 0 ? jk_cpu_find(cpu)->name : "cpu");
}

static int
is_recording(const struct dirent *entry)
{
        size_t length = strlen(entry->d_name), n = strlen(JK_INTAKE_SUFFIX);

        return entry->d_name[0] != '.' && length > n &&
               strcmp(entry->d_name + length - n, JK_INTAKE_SUFFIX) == 0;
}

/* One that its owner put there may be anything: it is said, and passed over. */
static int
add(struct learning *learning, const char *name, struct jk_error *err)
{
        jk_autofree struct jk_recording_facts *facts = malloc(sizeof *facts);
        jk_autotext struct jk_text path = { 0 };
        struct jk_error why = { "" };
        struct recording *recording;

        jk_text_printf(&path, "%s/%s", learning->directory, name);
        if (!facts || path.failed ||
            jk_array_grow(&learning->recordings, &learning->capacity, learning->n + 1) < 0)
                return jk_fail(err, ENOMEM, "out of memory");
        if (jk_recording_glance(path.data, facts, &why) < 0) {
                fprintf(learning->out, "left %s\n", why.message);
                return 0;
        }

        recording = &learning->recordings[learning->n];
        *recording = (struct recording){ .measured = facts->measured };
        tell_group(&facts->about, recording);
        recording->path = strdup(path.data);
        if (!recording->path)
                return jk_fail(err, ENOMEM, "out of memory");
        learning->n++;
        return 0;
}

static int
by_group(const void *a, const void *b)
{
        const struct recording *one = a, *other = b;
        int order = strcmp(one->key, other->key);

        return order != 0 ? order : strcmp(one->path, other->path);
}

static int
list(struct learning *learning, struct jk_error *err)
{
        struct dirent **entries;
        int n = scandir(learning->directory, &entries, is_recording, alphasort), r = 0;

        if (n < 0)
                return jk_fail(err, errno, "%s: %m", learning->directory);
        for (int i = 0; i < n; i++) {
                if (r == 0)
                        r = add(learning, entries[i]->d_name, err);
                free(entries[i]);
        }
        free(entries);
        if (learning->n > 0)
                qsort(learning->recordings, learning->n, sizeof *learning->recordings, by_group);
        return r;
}

/* ---- a model ---- */

struct lesson {
        const struct learning *learning;
        char name[48];
        enum jk_zone_kind kind;
        const char **paths;
        size_t n;
};

static int
train(const struct lesson *lesson, struct jk_model_file *file, struct jk_error *err)
{
        const struct jk_training training = {
                .paths = lesson->paths,
                .n_paths = lesson->n,
                .zone = jk_zone_kind_name(lesson->kind),
                .ticks_max = TICKS_MAX / lesson->n,
                .fit = { .features = FEATURES, .n_folds = FOLDS, .by_machine = true },
        };
        struct jk_fit_errors errors;
        const char *cut = NULL;
        int r = jk_train(&training, file, &errors, &cut, err);

        if (r == 0 && !(isfinite(errors.mae_w) && isfinite(errors.mape_pct)))
                r = jk_fail(err, ENODATA, "how far off it would be cannot be told");
        if (r == 0)
                snprintf(file->name, sizeof file->name, "%s", lesson->name);
        return r;
}

static int
train_and_save(const struct lesson *lesson, const struct jk_made *made, struct jk_error *err)
{
        jk_autofree struct jk_model_file *file = malloc(sizeof *file);
        int r = file ? train(lesson, file, err) : jk_fail(err, ENOMEM, "out of memory");

        if (r == 0)
                r = jk_made_save(made, file, err);
        if (r == 0)
                fprintf(lesson->learning->out,
                        "trained %s: %d ticks of %zu recordings, held out (%s) %.2f W, %.1f %%\n",
                        lesson->name, file->error.n, lesson->n, file->error.method,
                        file->error.mae_w, file->error.mape_pct);
        fflush(lesson->learning->out);
        return r < 0 ? r : 1;
}

/* 1: it was; 0: it need not be. */
static int
make(const struct lesson *lesson, struct jk_error *err)
{
        const struct jk_made made = {
                .directory = lesson->learning->models,
                .name = lesson->name,
                .paths = lesson->paths,
                .n = lesson->n,
        };
        int r = jk_made_check(&made, err);

        return r > 0 ? train_and_save(lesson, &made, err) : r;
}

static bool
is_in(const char *name, const char *names)
{
        size_t length = strlen(name);

        for (const char *at = names; at && *at; at += strcspn(at, ","), at += *at == ',')
                if (strcspn(at, ",") == length && strncmp(at, name, length) == 0)
                        return true;
        return false;
}

/* … and may be over when it is tried again. */
static bool
is_of_machine(int r)
{
        static const int errors[] = { ENOMEM, EMFILE, ENFILE, EIO,    EROFS,  EACCES,
                                      EPERM,  ENOSPC, EDQUOT, ENOENT, ENOTDIR };

        for (size_t i = 0; i < JK_COUNT(errors); i++)
                if (r == -errors[i])
                        return true;
        return false;
}

/* Of a group's recordings, those in which the kind was measured. */
static int
teach(const struct learning *learning, const struct recording *group, size_t n,
      enum jk_zone_kind kind, struct jk_error *err)
{
        jk_autofree const char **paths = calloc(n, sizeof *paths);
        struct lesson lesson = { .learning = learning, .kind = kind, .paths = paths };
        struct jk_error why = { "" };
        int r;

        if (!paths)
                return jk_fail(err, ENOMEM, "out of memory");
        for (size_t i = 0; i < n; i++)
                if (group[i].measured & 1U << kind)
                        paths[lesson.n++] = group[i].path;
        if (lesson.n == 0)
                return 0;

        snprintf(lesson.name, sizeof lesson.name, "trained-%s-%.8s-%s", group->architecture,
                 group->key, jk_zone_kind_name(kind));
        if (is_in(lesson.name, learning->skip))
                return 0;
        fprintf(learning->out, "training %s\n", lesson.name);
        fflush(learning->out);
        r = make(&lesson, &why);
        if (r < 0)
                fprintf(learning->out, "%s %s: %s\n", is_of_machine(r) ? "failed" : "left",
                        lesson.name, why.message);
        else if (r == 0)
                fprintf(learning->out, "known %s\n", lesson.name);
        fflush(learning->out);
        return 0;
}

int
jk_learn_train(const char *directory, const char *models, const char *skip, FILE *out,
               struct jk_error *err)
{
        __attribute__((cleanup(free_learning))) struct learning learning = {
                .directory = directory,
                .models = models,
                .skip = skip,
                .out = out,
        };
        int r = list(&learning, err);

        for (size_t first = 0, n; r == 0 && first < learning.n; first += n) {
                const struct recording *group = &learning.recordings[first];

                for (n = 1; first + n < learning.n && strcmp(group[n].key, group->key) == 0;)
                        n++;
                for (size_t i = 0; r == 0 && i < JK_COUNT(kinds); i++)
                        r = teach(&learning, group, n, kinds[i], err);
        }
        return r;
}

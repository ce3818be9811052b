/* SPDX-License-Identifier: Apache-2.0
 *
 * Model files that were made from recordings: see learn-made.h. The list is written first, with the
 * checksums of the file that is to come and of the one before it, so that whatever of the two is
 * there after a crash is known.
 */
#include "cmd/learn-made.h"

#include <fcntl.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/sha256.h"
#include "base/text.h"
#include "cmd/check-recording.h"

static void
release(json_t **json)
{
        json_decref(*json);
}

#define autojson __attribute__((cleanup(release)))

static int
name_file(const struct jk_made *made, const char *ending, struct jk_text *path,
          struct jk_error *err)
{
        jk_text_printf(path, "%s/%s%s", made->directory, made->name, ending);
        return path->failed ? jk_fail(err, ENOMEM, "out of memory") : 0;
}

/* The SHA-256 of the model file that is there; "" if there is none. */
static int
sum_up(const struct jk_made *made, char ret_hex[static JK_SHA256_HEX_SIZE], struct jk_error *err)
{
        jk_autotext struct jk_text path = { 0 }, text = { 0 };
        int r = name_file(made, ".json", &path, err);

        ret_hex[0] = '\0';
        if (r < 0)
                return r;
        if (access(path.data, F_OK) < 0)
                return errno == ENOENT ? 0 : jk_fail(err, errno, "%s: %m", path.data);
        r = jk_model_text_read(path.data, &text, err);
        if (r == 0)
                jk_sha256_hex(text.data ? text.data : "", text.length, ret_hex);
        return r;
}

static const char *
base_name(const char *path)
{
        const char *slash = strrchr(path, '/');

        return slash ? slash + 1 : path;
}

/* ---- is it to be made? ---- */

static bool
is_same_list(const struct jk_made *made, const json_t *list)
{
        const json_t *recordings = json_object_get(list, "recordings");

        if (json_array_size(recordings) != made->n)
                return false;
        for (size_t i = 0; i < made->n; i++) {
                const char *file =
                        json_string_value(json_object_get(json_array_get(recordings, i), "file"));

                if (!file || strcmp(file, base_name(made->paths[i])) != 0)
                        return false;
        }
        return true;
}

static bool
has_sum(const json_t *list, const char *key, const char *sha256)
{
        const char *value = json_string_value(json_object_get(list, key));

        return value && strcmp(value, sha256) == 0;
}

int
jk_made_check(const struct jk_made *made, struct jk_error *err)
{
        jk_autotext struct jk_text path = { 0 };
        char sha256[JK_SHA256_HEX_SIZE];
        autojson json_t *list = NULL;
        int r = sum_up(made, sha256, err);

        if (r == 0)
                r = name_file(made, ".recordings", &path, err);
        if (r < 0)
                return r;
        if (!*sha256)
                return 1;

        list = json_load_file(path.data, 0, NULL);
        if (has_sum(list, "sha256", sha256))
                return !is_same_list(made, list);
        if (has_sum(list, "before", sha256))
                return 1;
        return jk_fail(err, EEXIST,
                       "there is a file of that name that was not made from recordings, or was "
                       "changed since; it stays: take it away to have one made");
}

/* ---- writing ---- */

static json_t *
describe(const char *path, struct jk_error *err)
{
        jk_autofree struct jk_recording_facts *facts = malloc(sizeof *facts);
        json_t *entry;

        if (!facts) {
                jk_fail(err, ENOMEM, "out of memory");
                return NULL;
        }
        if (jk_recording_check(path, facts, err) < 0)
                return NULL;
        entry = json_pack("{s:s,s:s,s:s,s:I}", "file", base_name(path), "sha256", facts->sha256,
                          "machine", facts->about.host, "ticks", (json_int_t)facts->ticks);
        if (!entry)
                jk_fail(err, ENOMEM, "%s: it cannot be described", path);
        return entry;
}

static int
write_list(const char *path, json_t *list, struct jk_error *err)
{
        jk_autotext struct jk_text aside = { 0 };
        jk_autoclose int fd = -1;
        int r = 0;

        jk_text_printf(&aside, "%s.XXXXXX", path);
        if (aside.failed)
                return jk_fail(err, ENOMEM, "out of memory");
        fd = mkostemp(aside.data, O_CLOEXEC);
        if (fd < 0)
                return jk_fail(err, errno, "%s: it cannot be written: %m", path);
        if (json_dumpfd(list, fd, JSON_INDENT(2)) < 0 || fsync(fd) < 0 || fchmod(fd, 0644) < 0 ||
            rename(aside.data, path) < 0)
                r = jk_fail(err, errno ? errno : EIO, "%s: it cannot be written: %m", path);
        if (r < 0)
                unlink(aside.data);
        return r;
}

static int
save_list(const struct jk_made *made, const char *sha256, const char *before, struct jk_error *err)
{
        json_t *recordings = json_array();
        autojson json_t *list = json_pack("{s:s,s:s,s:s,s:o}", "model", made->name, "sha256",
                                          sha256, "before", before, "recordings", recordings);
        jk_autotext struct jk_text path = { 0 };
        int r = name_file(made, ".recordings", &path, err);

        if (r == 0 && !list)
                r = jk_fail(err, ENOMEM, "out of memory");
        for (size_t i = 0; r == 0 && i < made->n; i++) {
                json_t *entry = describe(made->paths[i], err);

                r = entry ? json_array_append_new(recordings, entry) : -EINVAL;
        }
        return r < 0 ? r : write_list(path.data, list, err);
}

int
jk_made_save(const struct jk_made *made, const struct jk_model_file *file, struct jk_error *err)
{
        char sha256[JK_SHA256_HEX_SIZE], before[JK_SHA256_HEX_SIZE];
        jk_autotext struct jk_text text = { 0 }, path = { 0 };
        int r = sum_up(made, before, err);

        if (r == 0)
                r = jk_model_file_print(file, &text, err);
        if (r < 0)
                return r;

        jk_sha256_hex(text.data, text.length, sha256);
        r = save_list(made, sha256, before, err);
        if (r == 0)
                r = name_file(made, ".json", &path, err);
        return r < 0 ? r : jk_model_file_save(file, path.data, err);
}

/* SPDX-License-Identifier: Apache-2.0
 *
 * Checking the recordings that came: see learn.h.
 */
#include <dirent.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/text.h"
#include "cmd/check-recording.h"
#include "cmd/learn.h"
#include "serve/intake.h"

#define ID_LENGTH   (JK_INTAKE_ID_SIZE - 1)
#define NAME_DIGITS 32 /* of a SHA-256 */

static int
is_incoming(const struct dirent *entry)
{
        const char *name = entry->d_name;

        return strlen(name) == ID_LENGTH + strlen(JK_INTAKE_SUFFIX) &&
               strspn(name, "0123456789abcdef") == ID_LENGTH &&
               strcmp(name + ID_LENGTH, JK_INTAKE_SUFFIX) == 0;
}

static int
bring_to_disk(const char *path)
{
        jk_autoclose int fd = open(path, O_RDONLY | O_CLOEXEC);

        return fd < 0 || fsync(fd) < 0 ? -errno : 0;
}

/* The same recording twice is one file: its name is of its content. */
static int
keep(const char *path, const char *directory, const struct jk_recording_facts *facts,
     struct jk_error *err)
{
        jk_autotext struct jk_text kept = { 0 };
        int r = bring_to_disk(path); /* whose failure is of the machine, whatever its number */

        if (r < 0)
                return jk_fail(err, EIO, "it cannot be kept: %s", strerror(-r));
        jk_text_printf(&kept, "%s/%.*s" JK_INTAKE_SUFFIX, directory, NAME_DIGITS, facts->sha256);
        if (kept.failed)
                return jk_fail(err, ENOMEM, "out of memory");
        if (rename(path, kept.data) < 0)
                return jk_fail(err, EIO, "it cannot be kept: %m");

        r = bring_to_disk(directory);
        if (r < 0) /* it is there, and taken */
                fprintf(stderr, "joulekeeper model learn: %s: bringing it to the disk: %s\n",
                        directory, strerror(-r));
        return 0;
}

/* The reader's messages begin with the path, which is nobody's who sent it. */
static const char *
without_path(const char *message, const char *path)
{
        size_t length = strlen(path);

        if (strncmp(message, path, length) != 0 || strncmp(message + length, ": ", 2) != 0)
                return message;

        return message + length + 2;
}

bool
jk_learn_is_content(int r)
{
        return r == -EBADMSG || r == -EINVAL || r == -EPROTONOSUPPORT || r == -ENODATA;
}

static void
check(const char *directory, const char *name, FILE *out)
{
        jk_autofree struct jk_recording_facts *facts = malloc(sizeof *facts);
        jk_autotext struct jk_text path = { 0 };
        struct jk_error why = { "out of memory" };
        int r = -ENOMEM;

        fprintf(out, "checking %.*s\n", ID_LENGTH, name);
        fflush(out);
        jk_text_printf(&path, "%s/" JK_INTAKE_INCOMING "/%s", directory, name);
        if (facts && !path.failed)
                r = jk_recording_check(path.data, facts, &why);
        if (r == 0)
                r = keep(path.data, directory, facts, &why);
        if (r == 0) {
                fprintf(out, "taken %.*s %s %llu %s\n", ID_LENGTH, name, facts->sha256,
                        (unsigned long long)facts->ticks, facts->cut ? "cut" : "whole");
        } else {
                if (jk_learn_is_content(r))
                        unlink(path.data);
                fprintf(out, "%s %.*s %s\n", jk_learn_is_content(r) ? "refused" : "later",
                        ID_LENGTH, name,
                        path.failed ? why.message : without_path(why.message, path.data));
        }
        fflush(out);
}

int
jk_learn_check(const char *directory, const char *only, FILE *out, struct jk_error *err)
{
        jk_autotext struct jk_text incoming = { 0 };
        struct dirent **entries;
        int n;

        jk_text_printf(&incoming, "%s/" JK_INTAKE_INCOMING, directory);
        if (incoming.failed)
                return jk_fail(err, ENOMEM, "out of memory");

        n = scandir(incoming.data, &entries, is_incoming, alphasort);
        if (n < 0)
                return errno == ENOENT ? 0 : jk_fail(err, errno, "%s: %m", incoming.data);
        for (int i = 0; i < n; i++) {
                if (!only || strncmp(entries[i]->d_name, only, ID_LENGTH) == 0)
                        check(directory, entries[i]->d_name, out);
                free(entries[i]);
        }
        free(entries);
        return 0;
}

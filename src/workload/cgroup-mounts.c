/* SPDX-License-Identifier: Apache-2.0
 *
 * Finding the cgroup hierarchy: see cgroup-mounts.h. Mount points are taken from mountinfo, never
 * guessed first: cpuacct may be mounted as "cpuacct", "cpu,cpuacct" or anywhere else. Below a
 * root other than "/", a live proc/self/mountinfo still tells mount points as this process sees
 * them, below the root's path; a fixture's tells them as that machine saw them.
 */
#include "workload/cgroup-mounts.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/array.h"
#include "base/cleanup.h"

/* What each kind of hierarchy surely has in its directories: guards against a mount that is hidden
 * by another one, and against the wrong root. */
static const char *const witness[JK_CGROUP_MODE_MAX] = {
        [JK_CGROUP_UNIFIED] = "cgroup.controllers",
        [JK_CGROUP_V1] = "cpuacct.usage",
};

/* Where to look when no mount table can be read (sys/ of a machine without its proc/). */
static const struct {
        enum jk_cgroup_mode mode;
        const char *path;
} usual_places[] = {
        { JK_CGROUP_UNIFIED, "sys/fs/cgroup" },
        { JK_CGROUP_UNIFIED, "sys/fs/cgroup/unified" },
        { JK_CGROUP_V1, "sys/fs/cgroup/cpuacct" },
        { JK_CGROUP_V1, "sys/fs/cgroup/cpu,cpuacct" },
};

/* ---- one line ---- */

static bool
is_octal(char c)
{
        return c >= '0' && c <= '7';
}

/* \040 and the like, in place: the kernel escapes blank, tab, newline and backslash. */
static void
unescape(char *field)
{
        char *out = field;

        for (const char *in = field; *in; out++) {
                if (in[0] == '\\' && is_octal(in[1]) && is_octal(in[2]) && is_octal(in[3])) {
                        *out = (char)((in[1] - '0') * 64 + (in[2] - '0') * 8 + (in[3] - '0'));
                        in += 4;
                } else {
                        *out = *in++;
                }
        }
        *out = '\0';
}

/* Whether a comma-separated list has the word. */
static bool
list_has(const char *list, const char *word)
{
        size_t length = strlen(word);

        for (const char *p = list; p; p = strchr(p, ',')) {
                p += *p == ',';
                if (strncmp(p, word, length) == 0 && (p[length] == ',' || p[length] == '\0'))
                        return true;
        }
        return false;
}

static enum jk_cgroup_mode
mode_of(const char *type, const char *options)
{
        if (strcmp(type, "cgroup2") == 0)
                return JK_CGROUP_UNIFIED;
        if (strcmp(type, "cgroup") == 0 && list_has(options, "cpuacct"))
                return JK_CGROUP_V1;
        return JK_CGROUP_NONE;
}

bool
jk_cgroup_mount_parse(char *line, struct jk_cgroup_mount *ret_mount)
{
        enum { FIELDS_MAX = 32 };
        char *fields[FIELDS_MAX + 1] = { NULL }, *rest = line;
        char *source, *point, *type, *options;
        size_t n = 0, dash;

        while (n < FIELDS_MAX && (fields[n] = strsep(&rest, " \n")))
                n += fields[n][0] != '\0';
        fields[n] = NULL;

        for (dash = 6; dash < n && strcmp(fields[dash], "-") != 0; dash++)
                ;
        if (dash + 3 <
            n) { /* mountinfo: ID PARENT MAJ:MIN ROOT POINT OPTIONS … - TYPE DEVICE SUPER */
                source = fields[3];
                point = fields[4];
                type = fields[dash + 1];
                options = fields[dash + 3];
        } else if (n >= 4) { /* mounts: DEVICE POINT TYPE OPTIONS 0 0 */
                source = NULL;
                point = fields[1];
                type = fields[2];
                options = fields[3];
        } else {
                return false;
        }

        if (mode_of(type, options) == JK_CGROUP_NONE || point[0] != '/')
                return false;

        unescape(point);
        if (source)
                unescape(source);
        *ret_mount = (struct jk_cgroup_mount){
                .mode = mode_of(type, options),
                .source = source && source[0] == '/' ? source : "/",
                .point = point,
        };
        return true;
}

const char *
jk_cgroup_of_process(char *text, enum jk_cgroup_mode mode)
{
        static const char deleted[] = " (deleted)";
        char *line;

        while ((line = strsep(&text, "\n"))) {
                char *hierarchy = strsep(&line, ":");
                char *controllers = strsep(&line, ":");
                size_t length;

                if (!line || line[0] != '/')
                        continue;
                if (mode == JK_CGROUP_UNIFIED ? strcmp(hierarchy, "0") != 0 || controllers[0]
                                              : !list_has(controllers, "cpuacct"))
                        continue;

                length = strlen(line);
                if (length > strlen(deleted) &&
                    strcmp(line + length - strlen(deleted), deleted) == 0)
                        line[length - strlen(deleted)] = '\0';
                return line;
        }

        return NULL;
}

/* ---- choosing ---- */

struct candidate {
        char *path; /* below the root */
        char *source;
        char *own; /* the point of a mount with source "/" */
};

static void
candidate_free(struct candidate *candidate)
{
        free(candidate->path);
        free(candidate->source);
        free(candidate->own);
}

static bool
is_hierarchy(const struct jk_root *root, const char *path, enum jk_cgroup_mode mode)
{
        char file[PATH_MAX];
        int n = snprintf(file, sizeof file, "%s/%s", path, witness[mode]);

        return n > 0 && (size_t)n < sizeof file && jk_root_exists(root, file);
}

/* The mount point as a path below the root, or NULL if it does not lie there. `real` is the root's
 * own path without links and without a slash at its end. */
static const char *
below_root(const struct jk_root *root, const char *real, const struct jk_cgroup_mount *mount)
{
        size_t length = strlen(real);
        const char *point = mount->point;

        if (length > 0 && strncmp(point, real, length) == 0 && point[length] == '/' &&
            is_hierarchy(root, point + length + 1, mount->mode))
                return point + length + 1;

        point = point[1] ? point + 1 : ".";
        return is_hierarchy(root, point, mount->mode) ? point : NULL;
}

/* The more of the hierarchy a mount shows, the better: "/../.." over "/" over "/docker/x". */
static int
rank(const char *source)
{
        int depth = 0;

        for (const char *p = source; strncmp(p, "/..", 3) == 0; p += 3)
                depth++;
        if (depth > 0)
                return 1 + depth;

        return strcmp(source, "/") == 0 ? 1 : 0;
}

static int
consider(struct candidate *best, const char *path, const struct jk_cgroup_mount *mount)
{
        if (strcmp(mount->source, "/") == 0 && !best->own) {
                best->own = strdup(mount->point);
                if (!best->own)
                        return -ENOMEM;
        }
        if (!path || (best->path && rank(mount->source) <= rank(best->source)))
                return 0;

        free(best->path);
        free(best->source);
        best->path = strdup(path);
        best->source = strdup(mount->source);
        return best->path && best->source ? 0 : -ENOMEM;
}

static int
read_table(const struct jk_root *root, const char *table, struct candidate *best)
{
        jk_autofree char *line = NULL, *resolved = realpath(root->path, NULL);
        jk_autofclose FILE *file = NULL;
        const char *real = resolved && strcmp(resolved, "/") != 0 ? resolved : "";
        size_t size = 0;
        int fd, r = 0;

        fd = jk_root_open_file(root, table);
        if (fd < 0)
                return fd;
        file = fdopen(fd, "re");
        if (!file) {
                close(fd);
                return -ENOMEM;
        }

        while (r == 0 && getline(&line, &size, file) >= 0) {
                struct jk_cgroup_mount mount;

                if (jk_cgroup_mount_parse(line, &mount))
                        r = consider(&best[mount.mode], below_root(root, real, &mount), &mount);
        }
        return r;
}

static int
try_usual_places(const struct jk_root *root, struct candidate *best)
{
        int r = 0;

        for (size_t i = 0; r == 0 && i < JK_COUNT(usual_places); i++) {
                struct jk_cgroup_mount mount = { .mode = usual_places[i].mode,
                                                 .source = "/",
                                                 .point = "/" };

                if (!best[mount.mode].path && is_hierarchy(root, usual_places[i].path, mount.mode))
                        r = consider(&best[mount.mode], usual_places[i].path, &mount);
        }
        return r;
}

/* Whether somebody keeps the unified hierarchy of a hybrid host: its pid 1 is then not in the root.
 */
static bool
unified_is_kept(const struct jk_root *root)
{
        char text[8192];
        const char *path;

        if (jk_root_read(root, "proc/1/cgroup", text, sizeof text) < 0)
                return false;

        path = jk_cgroup_of_process(text, JK_CGROUP_UNIFIED);
        return path && strcmp(path, "/") != 0;
}

static enum jk_cgroup_mode
decide(const struct jk_root *root, const struct candidate *best)
{
        if (best[JK_CGROUP_UNIFIED].path && (!best[JK_CGROUP_V1].path || unified_is_kept(root)))
                return JK_CGROUP_UNIFIED;

        return best[JK_CGROUP_V1].path ? JK_CGROUP_V1 : JK_CGROUP_NONE;
}

/* Hand the chosen candidate's strings over. */
static void
take(const struct jk_root *root, struct candidate *best, struct jk_cgroup_choice *ret_choice)
{
        enum jk_cgroup_mode mode = decide(root, best);
        struct jk_cgroup_choice choice = { .mode = mode };

        choice.hybrid = best[JK_CGROUP_UNIFIED].path && best[JK_CGROUP_V1].path;
        choice.path = jk_steal(best[mode].path);
        choice.source = jk_steal(best[mode].source);
        if (choice.source && strncmp(choice.source, "/..", 3) == 0)
                choice.our_root = jk_steal(best[mode].own);
        *ret_choice = choice;
}

int
jk_cgroup_choose(const struct jk_root *root, struct jk_cgroup_choice *ret_choice)
{
        static const char *const tables[] = { "proc/self/mountinfo", "proc/mounts" };
        struct candidate best[JK_CGROUP_MODE_MAX] = { 0 };
        int r = -ENOENT;

        for (size_t i = 0; r < 0 && r != -ENOMEM && i < JK_COUNT(tables); i++)
                r = read_table(root, tables[i], best);
        if (r != -ENOMEM)
                r = try_usual_places(root, best);
        if (r == 0)
                take(root, best, ret_choice);

        for (size_t i = 0; i < JK_COUNT(best); i++)
                candidate_free(&best[i]);
        return r;
}

void
jk_cgroup_choice_free(struct jk_cgroup_choice *choice)
{
        free(choice->path);
        free(choice->source);
        free(choice->our_root);
        *choice = (struct jk_cgroup_choice){ 0 };
}

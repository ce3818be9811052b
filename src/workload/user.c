/* SPDX-License-Identifier: Apache-2.0
 *
 * Names of users: see user.h. The file is kept as one text, in which lines are cut into strings;
 * a uid maps to where its name begins.
 */
#include "workload/user.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/map.h"

#define LOOK_EVERY_NS (5 * JK_NS_PER_S)
#define FILE_MAX      (4 * 1024 * 1024) /* some 50,000 users; what is beyond is shown by number */

struct jk_users {
        int root_fd;
        int64_t next_look_ns;
        struct stat seen; /* the file that text was read from; zeroed: none */
        char *text;
        struct jk_map names; /* uid -> offset in text */
};

/* ---- the parser ---- */

int
jk_passwd_line(char **text, uid_t *ret_uid, const char **ret_name)
{
        char *line = strsep(text, "\n");
        char *name = strsep(&line, ":");
        char *password = strsep(&line, ":");
        char *number = strsep(&line, ":");
        uint64_t uid;

        /* "+" and "-" begin the entries that the compat service of NSS reads. */
        if (!name || !password || !number || !line || strchr("+-#", name[0]) || !name[0])
                return -EBADMSG;
        if (number[0] < '0' || number[0] > '9' || jk_parse_u64(number, &uid) < 0 ||
            uid >= UINT32_MAX)
                return -EBADMSG;

        *ret_uid = (uid_t)uid;
        *ret_name = name;
        return 0;
}

/* ---- the file ---- */

static bool
is_same(const struct stat *a, const struct stat *b)
{
        return a->st_dev == b->st_dev && a->st_ino == b->st_ino && a->st_size == b->st_size &&
               a->st_mtim.tv_sec == b->st_mtim.tv_sec && a->st_mtim.tv_nsec == b->st_mtim.tv_nsec;
}

/* The whole of a regular file (a pipe in its place must not hold the tick), or NULL. */
static char *
read_text(const struct jk_users *users, size_t *ret_length)
{
        jk_autoclose int fd =
                openat(users->root_fd, "etc/passwd", O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
        jk_autofree char *text = NULL;
        struct stat found;
        size_t size, length = 0;
        ssize_t n;

        if (fd < 0 || fstat(fd, &found) < 0 || !S_ISREG(found.st_mode))
                return NULL;

        size = found.st_size < FILE_MAX ? (size_t)found.st_size : FILE_MAX;
        text = malloc(size + 1);
        while (text && length < size && (n = read(fd, text + length, size - length)) > 0)
                length += (size_t)n;
        if (!text)
                return NULL;

        text[length] = '\0';
        *ret_length = length;
        return jk_steal(text);
}

static void
forget(struct jk_users *users)
{
        free(users->text);
        users->text = NULL;
        jk_map_clear(&users->names);
}

/* The first entry of a uid counts, as with getpwuid(3). A NUL in the file ends a line's use, not
 * the file. */
static void
index_names(struct jk_users *users, size_t length)
{
        char *end = users->text + length;
        char *p = users->text;

        while (p && p < end) {
                char *next = memchr(p, '\n', (size_t)(end - p)), *line = p;
                const char *name;
                uid_t uid;

                if (next)
                        *next++ = '\0';
                if (jk_passwd_line(&line, &uid, &name) == 0 &&
                    !jk_map_get(&users->names, uid, NULL) &&
                    jk_map_put(&users->names, uid, (uint32_t)(name - users->text)) < 0)
                        return;
                p = next;
        }
}

void
jk_users_refresh(struct jk_users *users)
{
        int64_t now = jk_monotonic_ns();
        struct stat found;
        size_t length = 0;

        if (now < users->next_look_ns)
                return;
        users->next_look_ns = now + LOOK_EVERY_NS;

        if (fstatat(users->root_fd, "etc/passwd", &found, 0) < 0) {
                forget(users);
                users->seen = (struct stat){ 0 };
                return;
        }
        if (users->text && is_same(&found, &users->seen))
                return;

        forget(users);
        users->seen = found;
        users->text = read_text(users, &length);
        if (users->text)
                index_names(users, length);
}

/* ---- open, close, ask ---- */

int
jk_users_open(const struct jk_root *root, struct jk_users **ret_users, struct jk_error *err)
{
        struct jk_users *users = calloc(1, sizeof *users);

        if (!users)
                return jk_fail(err, ENOMEM, "names of users: out of memory");
        users->root_fd = openat(root->fd, ".", O_PATH | O_DIRECTORY | O_CLOEXEC);
        if (users->root_fd < 0) {
                int r = jk_fail(err, errno, "names of users: %s: %m", root->path);

                free(users);
                return r;
        }

        jk_users_refresh(users);
        *ret_users = users;
        return 0;
}

void
jk_users_close(struct jk_users *users)
{
        if (!users)
                return;

        forget(users);
        jk_map_free(&users->names);
        close(users->root_fd);
        free(users);
}

const char *
jk_users_name(const struct jk_users *users, uid_t uid)
{
        uint32_t offset;

        return jk_map_get(&users->names, uid, &offset) ? users->text + offset : NULL;
}

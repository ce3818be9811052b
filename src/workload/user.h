/* SPDX-License-Identifier: Apache-2.0
 *
 * Names of users, from etc/passwd below the root. The C library's lookup (NSS) is not used: it may
 * ask the network, and the tick must not wait. Users of a directory service are shown by number.
 */
#pragma once

#include <stddef.h>
#include <sys/types.h>

#include "base/root.h"

struct jk_users;

/* 0 or a negative errno; without the file no name is known, until it appears. */
int jk_users_open(const struct jk_root *root, struct jk_users **ret_users, struct jk_error *err);
void jk_users_close(struct jk_users *users);

/* The name, or NULL; valid until the next call of jk_users_refresh(). */
const char *jk_users_name(const struct jk_users *users, uid_t uid);

/* Read the file again if it changed; looks at most every five seconds. Call it once a tick. */
void jk_users_refresh(struct jk_users *users);

/* Take the line at *text (which is changed) apart and move *text to the next: 0 with uid and name,
 * or -EBADMSG for a line that names no user. Pure. */
int jk_passwd_line(char **text, uid_t *ret_uid, const char **ret_name);

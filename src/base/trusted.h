/* SPDX-License-Identifier: Apache-2.0
 *
 * Whether a file may be trusted with the rights of this process, as its code will be run in it.
 */
#pragma once

#include "base/error.h"

/* Follow the links of an absolute path to a regular file that nobody but root and this process's
 * user can change or put another in the place of: it and each directory down to it belongs to one
 * of the two and can be written by nobody else. (A directory that others may write to, as /tmp, is
 * good enough if it is sticky: what is not theirs they can neither rename nor remove.) Returns 0
 * and the path without links, which the caller frees; or a negative errno, -EPERM if it is not to
 * be trusted. */
int jk_trusted_file(const char *path, char **ret_path, struct jk_error *err);

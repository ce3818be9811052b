/* SPDX-License-Identifier: Apache-2.0
 *
 * Which tasks hold an SGX enclave: those that have /dev/sgx_enclave open (/proc/PID/fd) or mapped
 * (/proc/PID/maps), as Documentation/arch/x86/sgx.rst has it. A task can only come to one, or lose
 * it, by running, so only tasks that did something are looked at: when they are new or execute, a
 * second later, and then ever more seldom, down to every ten seconds. At most twenty a second are
 * looked at (fewer that are large), as it takes longer than all else that a tick does with a task;
 * where more are due, they take turns.
 */
#pragma once

#include "base/root.h"
#include "sample/sample.h"

struct jk_enclaves;

/* Whether this machine has the kernel's SGX driver. */
bool jk_enclaves_exist(const struct jk_root *root);

/* 0, with NULL where there is no driver; -ENOMEM, or a negative errno if there is no procfs. */
int jk_enclaves_open(const struct jk_root *root, const struct jk_root *proc_root,
                     struct jk_enclaves **ret_enclaves, struct jk_error *err);
void jk_enclaves_close(struct jk_enclaves *enclaves);

/* Set JK_TASK_ENCLAVE on the records of tasks that hold one, as far as is known: a task that nobody
 * may inspect, or of which memory for it ran out, is not marked. NULL does nothing. Allocates
 * nothing once its table has grown. */
void jk_enclaves_mark(struct jk_enclaves *enclaves, struct jk_sample *sample);

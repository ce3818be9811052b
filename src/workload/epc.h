/* SPDX-License-Identifier: Apache-2.0
 *
 * Enclave memory (EPC) by cgroup: the line `sgx_epc BYTES` of misc.current, where cgroup v2 has the
 * controller misc and the kernel counts EPC there (Documentation/admin-guide/cgroup-v2.rst, Misc).
 * It is read every ten seconds, and only in groups whose parent has some, as a group's count holds
 * those of its children.
 */
#pragma once

#include "sample/sample.h"
#include "workload/cgroup.h"

struct jk_epc;

/* 0, with NULL where EPC is not counted; or -ENOMEM. */
int jk_epc_open(struct jk_cgroups *cgroups, struct jk_epc **ret_epc);
void jk_epc_close(struct jk_epc *epc);

/* When it is time, append to sample->epc every group that has some, or no longer has; else nothing.
 * After jk_cgroups_publish(). NULL does nothing. 0 or -ENOMEM. */
int jk_epc_read(struct jk_epc *epc, struct jk_sample *sample);

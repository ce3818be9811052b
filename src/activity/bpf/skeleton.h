/* SPDX-License-Identifier: Apache-2.0
 *
 * The skeleton of the BPF programs, as bpftool generates it. It is included through this file
 * because its functions are static: not every includer uses all of them.
 */
#pragma once

#include <stdbool.h>

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wunused-function"
#include "activity.skel.h"
#pragma GCC diagnostic pop

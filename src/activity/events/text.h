/* SPDX-License-Identifier: Apache-2.0
 *
 * The texts that events are named by: lists of names as people write them, terms and formats as the
 * kernel has them in sys/bus/event_source/devices/PMU/events and …/format
 * (Documentation/ABI/testing/sysfs-bus-event_source-devices-events and -format). Pure.
 */
#pragma once

#include <sched.h>
#include <stddef.h>
#include <stdint.h>

/* config, config1 and config2 of struct perf_event_attr. */
#define JK_EVENT_CONFIGS 3

#define JK_PMU_NAME_SIZE  40
#define JK_TERM_NAME_SIZE 32

/* The next name of a list: commas part names, but not between the slashes of one
 * (cpu/event=0xd1,umask=1/), and blanks around a name do not count. 1: there is one; 0: that was
 * all; -EINVAL: a name is missing, or a second slash; -ENAMETOOLONG. */
int jk_event_next_name(const char **list, char *ret_name, size_t size);

struct jk_event_term {
        char name[JK_TERM_NAME_SIZE];
        uint64_t value; /* 1 if none is given: "edge" */
};

/* The next of "event=0xd1,umask=0x20,edge": 1; 0: that was all; -EINVAL: this is no term. */
int jk_event_next_term(const char **terms, struct jk_event_term *ret_term);

/* Put a value into the bits that a format says: "config:0-7,32-35", lowest bits first. 0; -EINVAL:
 * the format is none; -ERANGE: the value has more bits. ret_configs is untouched on failure. */
int jk_event_put(const char *format, uint64_t value, uint64_t ret_configs[static JK_EVENT_CONFIGS]);

/* "cpu/event=0xd1/": the PMU's name, and where its terms begin and how long they are. 0, or -EINVAL
 * if it is not of this form. */
int jk_event_split(const char *name, char ret_pmu[static JK_PMU_NAME_SIZE], const char **ret_terms,
                   size_t *ret_length);

/* "r01c2": 0, or -EINVAL. */
int jk_event_raw(const char *name, uint64_t *ret_config);

/* "0-3,8": 0, or -EINVAL. CPUs that have no room in the set are left out. */
int jk_event_cpus(const char *list, cpu_set_t *ret_cpus);

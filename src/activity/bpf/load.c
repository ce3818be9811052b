/* SPDX-License-Identifier: Apache-2.0
 *
 * Loading the BPF programs, and saying what is missing where they do not load. Without the walk of
 * the tasks nothing is lost but speed. The iterator and the exit tracepoint are needed; where one
 * of the others does not load, those two are tried alone.
 */
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <linux/capability.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "activity/bpf/collector.h"
#include "activity/bpf/skeleton.h"
#include "base/cleanup.h"
#include "base/log.h"

#define BTF_PATH "/sys/kernel/btf/vmlinux"

/* The initial pid namespace: PROC_PID_INIT_INO of include/linux/proc_ns.h. */
#define INITIAL_PID_NAMESPACE 0xEFFFFFFCU

/* The verifier tells its reasons in many lines at once: each becomes one of ours. */
__attribute__((format(printf, 2, 0))) static int
log_libbpf(enum libbpf_print_level level, const char *format, va_list arguments)
{
        jk_autofree char *text = NULL;
        char *rest, *line;
        int n;

        (void)level;
        n = vasprintf(&text, format, arguments);
        if (n < 0) {
                text = NULL;
                return n;
        }

        rest = text;
        while ((line = strsep(&rest, "\n")))
                if (*line)
                        jk_log_debug("%s", line);
        return n;
}

/* ---- why not ---- */

static bool
have_capability(int capability)
{
        struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
        struct __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3] = { 0 };

        if (syscall(SYS_capget, &header, data) < 0)
                return false;
        return data[capability / 32].effective & (1U << capability % 32);
}

static bool
kernel_is_locked_down(void)
{
        char state[128];
        struct jk_root host = JK_ROOT_CLOSED;
        bool locked;

        if (jk_root_open("/", &host, NULL) < 0)
                return false;
        locked = jk_root_read(&host, "sys/kernel/security/lockdown", state, sizeof state) > 0 &&
                 strstr(state, "[confidentiality]");
        jk_root_close(&host);
        return locked;
}

static bool
kernel_is_old(char release[static 65])
{
        struct utsname name;
        int major = 0, minor = 0;

        if (uname(&name) < 0)
                return false;
        snprintf(release, 65, "%s", name.release);
        return sscanf(name.release, "%d.%d", &major, &minor) == 2 &&
               (major < 5 || (major == 5 && minor < 15));
}

/* What a person can do about a failure to load. */
static int
explain(int code, struct jk_error *err)
{
        char release[65] = "";

        code = code < 0 ? -code : code;
        if (access(BTF_PATH, R_OK) < 0)
                return jk_fail(err, EOPNOTSUPP,
                               "bpf: " BTF_PATH ": %m; use a kernel built with "
                               "CONFIG_DEBUG_INFO_BTF=y (distributions' kernels are)");
        if (!have_capability(CAP_SYS_ADMIN) &&
            !(have_capability(CAP_BPF) && have_capability(CAP_PERFMON)))
                return jk_fail(err, EPERM,
                               "bpf: not permitted: CAP_BPF %s, CAP_PERFMON %s; run as root or "
                               "grant both (AmbientCapabilities=CAP_BPF CAP_PERFMON)",
                               have_capability(CAP_BPF) ? "granted" : "missing",
                               have_capability(CAP_PERFMON) ? "granted" : "missing");
        if (kernel_is_locked_down())
                return jk_fail(err, EPERM,
                               "bpf: the kernel is locked down in confidentiality mode, which "
                               "forbids reading its memory; boot with lockdown=integrity or none");
        if (kernel_is_old(release))
                return jk_fail(err, EOPNOTSUPP, "bpf: kernel %s is too old; use 5.15 or later",
                               release);
        if (code == ENOSYS)
                return jk_fail(err, EOPNOTSUPP,
                               "bpf: the kernel lacks the bpf system call; use one built with "
                               "CONFIG_BPF_SYSCALL=y");
        if (code == EPERM || code == EACCES)
                return jk_fail(err, EPERM,
                               "bpf: loading the programs: %s; a seccomp filter or security module "
                               "forbids bpf(2) here: in a container, allow it and CAP_BPF, "
                               "CAP_PERFMON",
                               strerror(code));
        return jk_fail(err, code,
                       "bpf: loading the programs: %s; run with --log-level debug for the kernel's "
                       "reason",
                       strerror(code));
}

/* The iterator shows the caller's pid namespace, the tracepoints show all: they must be one. */
static int
check_pid_namespace(struct jk_error *err)
{
        struct stat namespace;

        if (stat("/proc/self/ns/pid", &namespace) == 0 && namespace.st_ino != INITIAL_PID_NAMESPACE)
                return jk_fail(err, EOPNOTSUPP,
                               "bpf: this is not the machine's own pid namespace; share it "
                               "(hostPID: true, --pid=host)");
        return 0;
}

/* ---- which cgroups ---- */

/* The number of the v1 hierarchy that carries cpuacct: "2:cpu,cpuacct:/path" in proc/self/cgroup.
 * 0, the number of v2, if there is none. */
static int
cpuacct_hierarchy(void)
{
        jk_autofclose FILE *file = fopen("/proc/self/cgroup", "re");
        jk_autofree char *line = NULL;
        size_t size = 0;

        while (file && getline(&line, &size, file) > 0) {
                char *controllers = strchr(line, ':');
                char *rest = controllers ? controllers + 1 : NULL;

                for (char *name; rest && (name = strsep(&rest, ",:"));)
                        if (strcmp(name, "cpuacct") == 0)
                                return atoi(line);
                        else if (name[0] == '/')
                                break;
        }
        return 0;
}

/* ---- loading ---- */

static void
set_up(struct jk_activity *programs, const struct jk_activity_env *env,
       const struct jk_bpf_options *options, size_t n_counters)
{
        uint32_t ring_bytes;

        if (jk_cgroups_mode(env->cgroups) == JK_CGROUP_V1) {
                programs->rodata->hierarchy = cpuacct_hierarchy();
                programs->rodata->use_v1 = programs->rodata->hierarchy != 0;
        }
        if (options && options->ring_bytes)
                bpf_map__set_max_entries(programs->maps.events, options->ring_bytes);
        ring_bytes = bpf_map__max_entries(programs->maps.events);
        programs->rodata->wake_bytes = ring_bytes / 4;
        programs->rodata->walk_max =
                ring_bytes / 4 / (uint32_t)JK_SIZE_WITH(struct jk_thread_event, n_counters);

        programs->rodata->n_counters = (uint32_t)n_counters;
        bpf_program__set_autoload(programs->progs.jk_switch, n_counters > 0);
        bpf_program__set_autoload(programs->progs.jk_flush, n_counters > 0);
        if (n_counters > 0) {
                bpf_map__set_max_entries(programs->maps.counters,
                                         (uint32_t)n_counters *
                                                 (uint32_t)libbpf_num_possible_cpus());
        } else {
                /* The storage map stays: other programs name it, though they never get there. */
                bpf_map__set_autocreate(programs->maps.counters, false);
                bpf_map__set_autocreate(programs->maps.readings, false);
        }
}

/* How much to try to load: less each time that it fails. */
enum extent { ALL, WITHOUT_WALK, ESSENTIAL, EXTENT_MAX };

static void
limit(struct jk_activity *programs, enum extent extent)
{
        struct bpf_program *program;

        if (extent >= WITHOUT_WALK)
                bpf_program__set_autoload(programs->progs.jk_walk, false);
        if (extent < ESSENTIAL)
                return;
        bpf_object__for_each_program(program,
                                     programs->obj) if (program != programs->progs.jk_iterate &&
                                                        program != programs->progs.jk_exit)
                bpf_program__set_autoload(program, false);
}

/* Attach whatever was loaded and attaches by itself: two programs are run by hand. */
static int
attach(struct jk_activity *programs)
{
        bpf_program__set_autoattach(programs->progs.jk_flush, false);
        bpf_program__set_autoattach(programs->progs.jk_walk, false);
        return jk_activity__attach(programs);
}

static struct jk_activity *
open_without_walk(void)
{
        struct jk_activity *programs = calloc(1, sizeof *programs);
        int r = programs ? jk_activity__create_skeleton(programs) : -ENOMEM;

        if (r == 0) {
                programs->skeleton->data =
                        (void *)jk_activity_no_walk__elf_bytes(&programs->skeleton->data_sz);
                r = bpf_object__open_skeleton(programs->skeleton, NULL);
        }
        if (r < 0) {
                jk_activity__destroy(programs);
                errno = -r;
                return NULL;
        }
        return programs;
}

static int
try_load(const struct jk_activity_env *env, const struct jk_bpf_options *options, size_t n_counters,
         enum extent extent, struct jk_activity **ret_programs)
{
        struct jk_activity *programs = extent == ALL ? jk_activity__open() : open_without_walk();
        int r;

        if (!programs)
                return -errno;

        set_up(programs, env, options, n_counters);
        limit(programs, extent);
        r = jk_activity__load(programs);
        if (r == 0)
                r = attach(programs);
        if (r < 0) {
                jk_activity__destroy(programs);
                return r;
        }

        *ret_programs = programs;
        return 0;
}

int
jk_bpf_load(const struct jk_activity_env *env, const struct jk_bpf_options *options,
            size_t n_counters, struct jk_activity **ret_programs, struct jk_error *err)
{
        enum extent extent;
        int r, code = 0;

        r = check_pid_namespace(err);
        if (r < 0)
                return r;

        libbpf_set_print(log_libbpf);
        for (extent = options && options->no_walk ? WITHOUT_WALK : ALL; extent < EXTENT_MAX;
             extent++) {
                r = try_load(env, options, extent < ESSENTIAL ? n_counters : 0, extent,
                             ret_programs);
                if (r == 0 || (r == -EPERM && extent != ALL))
                        break;
                code = r;
        }
        if (r < 0)
                return explain(r == -EPERM ? r : code, err);

        if (extent == ESSENTIAL)
                jk_log_warning("bpf: not every program loads here (%s): CPU time after a task's "
                               "exit, short-lived cgroups and hardware counters are not seen",
                               strerror(-code));
        return 0;
}

/* SPDX-License-Identifier: Apache-2.0
 *
 * Stressors: see stressor.h. What they compute is of no use; each stores it where the compiler
 * cannot know that nobody looks.
 */
#include "cmd/stressor.h"

#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/array.h"

#define ROUNDS                                                                                     \
        4096 /* between two looks at nothing: a loop without an end is for the compiler none */

#define USE(value) __asm__ volatile("" : : "g"(value) : "memory")

/* ---- what they do ---- */

static void
spin(void)
{
        for (;;)
                USE(0);
}

static uint64_t
next_random(uint64_t *state)
{
        *state ^= *state << 13;
        *state ^= *state >> 7;
        *state ^= *state << 17;
        return *state;
}

/* Four chains of multiplications and shifts that do not wait for each other. */
static void
run_integer(void)
{
        uint64_t a = 1, b = 2, c = 3, d = 5;

        for (;;) {
                for (int i = 0; i < ROUNDS; i++) {
                        a = a * UINT64_C(6364136223846793005) + 1;
                        b = b * UINT64_C(2862933555777941757) + 3;
                        c = (c << 7 | c >> 57) + a;
                        d = (d ^ b) + (d >> 11);
                }
                USE(a ^ b ^ c ^ d);
        }
}

typedef double vector __attribute__((vector_size(32)));

/* Multiplications and additions of vectors, as wide as the CPU that this was built for has them. */
static void
run_float(void)
{
        const vector factor = { 0.999, 0.998, 0.997, 0.996 }, term = { 1, 2, 3, 4 };
        vector sums[8] = { term, term, term, term, factor, factor, factor, factor };

        for (;;) {
                for (int i = 0; i < ROUNDS; i++)
                        for (size_t k = 0; k < JK_COUNT(sums); k++)
                                sums[k] = sums[k] * factor + term;
                for (size_t k = 0; k < JK_COUNT(sums); k++) {
                        double first = sums[k][0]; /* clang takes no element of a vector there */

                        USE(first);
                }
        }
}

/* A pointer chase through all of a first-level cache: each load waits for the one before. */
static void
run_cache(void)
{
        enum { SLOTS = 3072 }; /* 24 KiB */
        static uint64_t next[SLOTS];
        uint64_t at = 0, random = 88172645463325252;

        for (uint64_t i = 0; i < SLOTS; i++)
                next[i] = i;
        for (uint64_t i = SLOTS - 1; i > 0; i--) { /* one cycle through all (Sattolo) */
                uint64_t k = next_random(&random) % i, kept = next[i];

                next[i] = next[k];
                next[k] = kept;
        }
        for (;;) {
                for (int i = 0; i < ROUNDS; i++)
                        at = next[at];
                USE(at);
        }
}

/* Reads and writes of more than caches hold. */
static void
run_memory(void)
{
        enum { BYTES = 64 << 20 };
        uint64_t *area =
                mmap(NULL, BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

        if (area == MAP_FAILED)
                return;
        for (;;) {
                for (size_t i = 0; i < BYTES / sizeof *area; i++)
                        area[i] += i;
                USE(area);
        }
}

/* Branches that nobody can foretell. */
static void
run_branches(void)
{
        uint64_t random = 88172645463325252, odd = 0, even = 0;

        for (;;) {
                uint64_t bits = next_random(&random);

                for (int i = 0; i < 64; i++, bits >>= 1) {
                        if (bits & 1) {
                                odd++;
                                USE(odd);
                        } else {
                                even += 3;
                                USE(even);
                        }
                }
        }
}

const struct jk_stressor jk_stressors[] = {
        { "spin", "a loop that does nothing", spin },
        { "integer", "whole numbers: multiplications, shifts", run_integer },
        { "float", "vectors of floating-point numbers", run_float },
        { "cache", "a chain of loads from the first-level cache", run_cache },
        { "memory", "reads and writes of 64 MiB", run_memory },
        { "branches", "branches that nobody can foretell", run_branches },
};

const size_t jk_n_stressors = JK_COUNT(jk_stressors);

/* ---- on which CPUs ---- */

struct place {
        unsigned cpu;
        int64_t package, core;
        unsigned thread; /* how many before it share its core … */
        unsigned rank;   /* … and how many before it are such a thread of its package */
};

static int64_t
read_topology(const struct jk_root *root, unsigned cpu, const char *what)
{
        char path[96];
        int64_t value;

        snprintf(path, sizeof path, "sys/devices/system/cpu/cpu%u/topology/%s", cpu, what);
        return jk_root_read_i64(root, path, &value) == 0 ? value : 0;
}

static void
rank(struct place *places, size_t n)
{
        for (size_t i = 0; i < n; i++)
                for (size_t k = 0; k < i; k++)
                        if (places[k].package == places[i].package &&
                            places[k].core == places[i].core)
                                places[i].thread++;
        for (size_t i = 0; i < n; i++)
                for (size_t k = 0; k < i; k++)
                        if (places[k].package == places[i].package &&
                            places[k].thread == places[i].thread)
                                places[i].rank++;
}

static int
compare(const void *left, const void *right)
{
        const struct place *a = left, *b = right;

        if (a->thread != b->thread)
                return a->thread < b->thread ? -1 : 1;
        if (a->rank != b->rank)
                return a->rank < b->rank ? -1 : 1;
        if (a->package != b->package)
                return a->package < b->package ? -1 : 1;
        return (a->cpu > b->cpu) - (a->cpu < b->cpu);
}

size_t
jk_cpu_order(const struct jk_root *root, unsigned ret_cpus[JK_CPUS_MAX])
{
        struct place places[JK_CPUS_MAX];
        cpu_set_t allowed;
        size_t n = 0;

        if (sched_getaffinity(0, sizeof allowed, &allowed) < 0)
                return 0;
        for (unsigned cpu = 0; cpu < CPU_SETSIZE && n < JK_CPUS_MAX; cpu++) {
                if (!CPU_ISSET(cpu, &allowed))
                        continue;
                places[n++] = (struct place){
                        .cpu = cpu,
                        .package = read_topology(root, cpu, "physical_package_id"),
                        .core = read_topology(root, cpu, "core_id"),
                };
        }
        rank(places, n);
        qsort(places, n, sizeof *places, compare);
        for (size_t i = 0; i < n; i++)
                ret_cpus[i] = places[i].cpu;
        return n;
}

/* ---- running ---- */

/* Never returns. The parent's signals are blocked, and none of its cleanups may run here. */
static _Noreturn void
become(const struct jk_stressor *stressor, unsigned cpu, pid_t parent)
{
        cpu_set_t set;
        sigset_t none;

        prctl(PR_SET_PDEATHSIG, SIGKILL);
        if (getppid() != parent)
                _exit(1);
        CPU_ZERO(&set);
        CPU_SET(cpu, &set);
        if (sched_setaffinity(0, sizeof set, &set) < 0)
                _exit(1);
        sigemptyset(&none);
        sigprocmask(SIG_SETMASK, &none, NULL);
        prctl(PR_SET_NAME, stressor->name);
        stressor->run();
        _exit(1);
}

int
jk_stress_start(struct jk_stress *stress, const struct jk_stressor *stressor, const unsigned *cpus,
                size_t n, struct jk_error *err)
{
        pid_t parent = getpid();

        stress->n = 0;
        for (size_t i = 0; i < n; i++) {
                pid_t pid = fork();

                if (pid == 0)
                        become(stressor, cpus[i], parent);
                if (pid < 0) {
                        int code = errno;

                        jk_stress_stop(stress);
                        return jk_fail(err, code, "cannot start a process: %s", strerror(code));
                }
                stress->pids[stress->n++] = pid;
        }
        return 0;
}

void
jk_stress_stop(struct jk_stress *stress)
{
        for (size_t i = 0; i < stress->n; i++)
                kill(stress->pids[i], SIGKILL);
        for (size_t i = 0; i < stress->n; i++)
                while (waitpid(stress->pids[i], NULL, 0) < 0 && errno == EINTR)
                        ;
        stress->n = 0;
}

/* SPDX-License-Identifier: Apache-2.0
 *
 * How rightly models divide energy where the truth is known: the machine of
 * tests/unit/model/world.h, with several seeds. Prints JSON: per scene, model, seed, program and
 * zone the dynamic energy that the program really used, and what was booked to it.
 */
#include "tests/unit/model/world.h"

#include <stdio.h>

#include "base/array.h"

#define SEEDS   20
#define MIX_S   300
#define GARBAGE 3

enum { COMPUTE, MEMORY, OTHER, TWIN, PROGRAMS };

struct scene {
        const char *name;
        int before_s;             /* of this, the first minute is idle */
        bool counters;            /* are seen */
        size_t n_garbage;         /* events that mean nothing */
        double running[PROGRAMS]; /* CPUs that each keeps busy while books are kept */
};

static const struct scene scenes[] = {
        { "varied", 600, true, 0, { 4, 4, 0.1, 0 } },
        { "idle", 60, true, 0, { 4, 4, 0.1, 0 } },
        { "garbage", 600, true, GARBAGE, { 4, 4, 0.1, 0 } },
        { "no-counters", 600, false, 0, { 4, 4, 0.1, 0 } },
        { "twins", 600, true, 0, { 2, 0, 3, 3 } },
};

static const char *const programs[PROGRAMS] = { "compute", "memory", "other", "twin" };
static const char *const zones[WORLD_ZONES] = { "package", "dram" };

static void
run(struct world *w, const double running[PROGRAMS])
{
        for (int i = 0; i < PROGRAMS; i++)
                w->programs[i].running = running[i];
}

/* It idles a minute; then programs start and stop, each 20 s. */
static void
live(struct world *w, const struct jk_model_ops *ops, struct jk_model *model, int seconds)
{
        static const double idle[PROGRAMS] = { [OTHER] = 0.05 };

        for (int i = 0; i < seconds; i++) {
                if (i < 60)
                        run(w, idle);
                else if (i % 20 == 0)
                        run(w, (double[PROGRAMS]){
                                       [COMPUTE] = floor(6 * world_random(w)),
                                       [MEMORY] = floor(6 * world_random(w)),
                                       [OTHER] = floor(3 * world_random(w)),
                               });
                world_step(w, ops, model);
        }
        world_forget_books(w);
}

static void
set_up(struct world *w, const struct scene *scene, uint64_t seed)
{
        world_start(w);
        w->random = 42 + seed;
        w->counters = scene->counters;
        world_add(w, 2.4, 0.05);
        world_add(w, 0.5, 25);
        world_add(w, 1.2, 3);
        world_add(w, 1.2, 3);
        for (size_t i = 0; i < scene->n_garbage; i++) {
                struct jk_event event = { .package = -1 };

                snprintf(event.name, sizeof event.name, "GARBAGE_%zu", i);
                if (jk_event_add(&w->events, &event) < 0)
                        abort();
        }
        w->n_garbage = scene->n_garbage;
}

static void
print_books(const struct world *w, const struct scene *scene, const char *model, uint64_t seed)
{
        static const char *separator = "";

        for (size_t i = 0; i < w->n_programs; i++) {
                for (size_t zone = 0; zone < WORLD_ZONES; zone++) {
                        if (w->true_j[i][zone] <= 0)
                                continue;
                        printf("%s\n  {\"scene\": \"%s\", \"model\": \"%s\", \"seed\": %llu, "
                               "\"program\": \"%s\", \"zone\": \"%s\", \"true_j\": %.4f, "
                               "\"booked_j\": %.4f}",
                               separator, scene->name, model, (unsigned long long)seed, programs[i],
                               zones[zone], w->true_j[i][zone], w->booked_j[i][zone]);
                        separator = ",";
                }
        }
}

static void
play(const struct scene *scene, const struct jk_model_ops *ops, uint64_t seed)
{
        struct world w;
        struct jk_model *model;
        struct jk_error err;

        set_up(&w, scene, seed);
        if (ops->open(NULL, &model, &err) < 0)
                abort();
        live(&w, ops, model, scene->before_s);
        run(&w, scene->running);
        for (int i = 0; i < MIX_S; i++)
                world_step(&w, ops, model);
        print_books(&w, scene, ops->name, seed);
        ops->close(model);
        world_end(&w);
}

int
main(void)
{
        printf("[");
        for (size_t i = 0; i < JK_COUNT(scenes); i++)
                for (size_t k = 0; jk_model_list[k]; k++)
                        for (uint64_t seed = 0; seed < SEEDS && !jk_model_list[k]->argument; seed++)
                                play(&scenes[i], jk_model_list[k], seed);
        printf("\n]\n");
        return 0;
}

/* SPDX-License-Identifier: Apache-2.0
 *
 * The tree of cgroups: every row with the sums of all that is below it. A node is a path; paths
 * without an account of their own are added so that every cgroup hangs on its parent. The machine's
 * own accounts stand beside the root, so that the top level adds up to the machine.
 */
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/array.h"
#include "base/cleanup.h"
#include "cmd/view.h"

#define NOBODY    UINT32_MAX
#define DEPTH_MAX 64 /* of nested cgroups that are shown as such */
#define TREE_SEED UINT64_C(0x7472656500000000)

struct node {
        struct jk_row row;
        double error; /* Σ energy × uncertainty, for the mean */
        double known_uj;
        uint32_t parent;
        uint32_t n_children, first_child; /* in tree.order */
        uint32_t path, path_length;       /* in view->strings */
        bool matches;                     /* the filter, itself */
        bool wanted;                      /* matches, or something below it does */
};

struct tree {
        struct jk_view *view;
        const struct jk_view_options *options;
        struct node *nodes;
        size_t n, capacity;
        uint32_t *order; /* children, grouped by parent */
        size_t order_capacity;
        struct jk_map by_path;
};

static void
free_tree(struct tree *tree)
{
        free(tree->nodes);
        free(tree->order);
        jk_map_free(&tree->by_path);
}

/* ---- nodes ---- */

static int
add_node(struct tree *tree, const char *path, size_t length, uint32_t parent, uint32_t *ret_index)
{
        struct jk_text *strings = &tree->view->strings;
        uint64_t key = jk_view_hash(TREE_SEED, path, length);
        uint32_t offset = (uint32_t)strings->length;
        int r = jk_array_grow(&tree->nodes, &tree->capacity, tree->n + 1);

        if (r == 0)
                r = jk_map_put(&tree->by_path, key, (uint32_t)tree->n);
        jk_text_bytes(strings, path, length);
        jk_text_bytes(strings, "", 1);
        if (r < 0 || strings->failed)
                return -ENOMEM;

        tree->nodes[tree->n] = (struct node){
                .row = { .key = key,
                         .dimension = JK_DIMENSION_CGROUP,
                         .flags = JK_ENTRY_ENDED, /* until something living is found below */
                         .user = "",
                         .cgroup = "",
                         .cpu_pct = NAN },
                .parent = parent,
                .path = offset,
                .path_length = (uint32_t)length,
        };
        *ret_index = (uint32_t)tree->n++;
        return 0;
}

/* The node of a path, made with all its ancestors if need be. */
static int
find_node(struct tree *tree, const char *path, size_t length, unsigned int depth,
          uint32_t *ret_index)
{
        uint32_t parent = NOBODY;
        size_t up = length;
        int r;

        if (jk_map_get(&tree->by_path, jk_view_hash(TREE_SEED, path, length), ret_index))
                return 0;

        if (length > 1 && depth < DEPTH_MAX) {
                while (up > 0 && path[up - 1] != '/')
                        up--;
                up = up > 1 ? up - 1 : 1; /* "/a/b" -> "/a", "/a" -> "/" */
                r = path[0] == '/' ? find_node(tree, path, up, depth + 1, &parent)
                                   : find_node(tree, "/", 1, depth + 1, &parent);
                if (r < 0)
                        return r;
        }
        return add_node(tree, path, length, parent, ret_index);
}

static void
add_up(struct node *node, const struct jk_row *row)
{
        node->row.watts += row->watts;
        node->row.energy_uj += row->energy_uj;
        if (!isnan(row->cpu_pct))
                node->row.cpu_pct =
                        (isnan(node->row.cpu_pct) ? 0 : node->row.cpu_pct) + row->cpu_pct;
        if (row->provenance != JK_MEASURED)
                node->row.provenance = row->provenance;
        if (!(row->flags & JK_ENTRY_ENDED))
                node->row.flags &= ~(uint32_t)JK_ENTRY_ENDED;
        if (isfinite(row->uncertainty_pct) && row->energy_uj > 0) {
                node->error += row->energy_uj * row->uncertainty_pct;
                node->known_uj += row->energy_uj;
        }
}

static int
add_accounts(struct tree *tree)
{
        struct jk_view *view = tree->view;

        for (size_t i = 0; i < view->n_accounts[JK_DIMENSION_CGROUP]; i++) {
                const struct jk_row *row = &view->accounts[JK_DIMENSION_CGROUP][i];
                size_t length = strlen(row->name);
                uint32_t index;
                int r;

                while (length > 1 && row->name[length - 1] == '/')
                        length--;
                r = find_node(tree, row->name, length, 0, &index);
                if (r < 0)
                        return r;

                if (!tree->nodes[index].row.entry || !(row->flags & JK_ENTRY_ENDED))
                        tree->nodes[index].row.entry = row->entry;
                tree->nodes[index].row.flags |= row->flags & JK_ENTRY_SELF;
                for (uint32_t at = index; at != NOBODY; at = tree->nodes[at].parent)
                        add_up(&tree->nodes[at], row);
        }
        return 0;
}

/* Strings have stopped moving: let the rows point to them. */
static void
name_nodes(struct tree *tree)
{
        for (size_t i = 0; i < tree->n; i++) {
                struct node *node = &tree->nodes[i];
                const char *path = tree->view->strings.data + node->path;
                const char *slash = strrchr(path, '/');

                node->row.path = path;
                node->row.name = slash && slash[1] && node->parent != NOBODY ? slash + 1 : path;
                node->row.uncertainty_pct = node->known_uj > 0 ? node->error / node->known_uj : NAN;
        }
}

/* ---- what is shown ---- */

static void
mark_wanted(struct tree *tree)
{
        for (size_t i = 0; i < tree->n; i++) {
                const struct jk_row *row = &tree->nodes[i].row;
                bool used = row->watts > 0 || row->cpu_pct > 0;

                if ((!used && !tree->options->all) || !jk_row_matches(row, tree->options->filter)) {
                        tree->view->n_hidden++;
                        continue;
                }
                tree->nodes[i].matches = true;
                for (uint32_t at = (uint32_t)i; at != NOBODY && !tree->nodes[at].wanted;
                     at = tree->nodes[at].parent)
                        tree->nodes[at].wanted = true;
        }
}

/* What the matches use, each joule once: a match below another one is in its sum. */
static double
matched_w(const struct tree *tree)
{
        double watts = 0;

        for (size_t i = 0; i < tree->n; i++) {
                bool inside = false;

                for (uint32_t at = tree->nodes[i].parent; at != NOBODY && !inside;
                     at = tree->nodes[at].parent)
                        inside = tree->nodes[at].matches;
                if (tree->nodes[i].matches && !inside)
                        watts += tree->nodes[i].row.watts;
        }
        return watts;
}

static int
compare_nodes(const void *a, const void *b, void *data)
{
        const struct tree *tree = data;
        const struct node *node_a = &tree->nodes[*(const uint32_t *)a];
        const struct node *node_b = &tree->nodes[*(const uint32_t *)b];

        if (node_a->parent != node_b->parent)
                return (node_a->parent > node_b->parent) - (node_a->parent < node_b->parent);
        return jk_rows_compare(&node_a->row, &node_b->row, tree->options);
}

/* Wanted children grouped by parent, in order; those without a parent come last (NOBODY). */
static int
group_children(struct tree *tree, size_t *ret_n, size_t *ret_first_root)
{
        size_t n = 0;
        int r = jk_array_grow(&tree->order, &tree->order_capacity, tree->n);

        if (r < 0)
                return r;

        for (size_t i = 0; i < tree->n; i++)
                if (tree->nodes[i].wanted)
                        tree->order[n++] = (uint32_t)i;
        if (n > 0) /* qsort() takes no NULL, not even of nothing */
                qsort_r(tree->order, n, sizeof *tree->order, compare_nodes, tree);

        *ret_first_root = n;
        for (size_t i = n; i-- > 0;) {
                uint32_t parent = tree->nodes[tree->order[i]].parent;

                if (parent == NOBODY) {
                        *ret_first_root = i;
                } else {
                        tree->nodes[parent].first_child = (uint32_t)i;
                        tree->nodes[parent].n_children++;
                }
        }
        *ret_n = n;
        return 0;
}

static int
emit(struct tree *tree, uint32_t index, unsigned int depth)
{
        struct node *node = &tree->nodes[index];
        int r;

        node->row.depth = depth;
        node->row.parent = node->n_children > 0;
        node->row.collapsed = node->row.parent && tree->options->collapsed &&
                              jk_map_get(tree->options->collapsed, node->row.key, NULL);
        r = jk_view_add_row(tree->view, &node->row);
        for (uint32_t i = 0; r == 0 && !node->row.collapsed && i < node->n_children; i++)
                r = emit(tree, tree->order[node->first_child + i], depth + 1);
        return r;
}

/* Roots and the machine's own accounts, in one order. */
static int
emit_top(struct tree *tree, size_t first_root, size_t n)
{
        struct jk_view *view = tree->view;
        size_t n_machine = view->n_accounts[JK_DIMENSION_MACHINE], at = first_root;
        jk_autofree struct jk_row *machine = calloc(n_machine + 1, sizeof *machine);
        size_t kept = 0;
        int r = machine ? 0 : -ENOMEM;

        for (size_t i = 0; r == 0 && i < n_machine; i++) {
                const struct jk_row *row = &view->accounts[JK_DIMENSION_MACHINE][i];

                if ((row->watts > 0 || tree->options->all) &&
                    jk_row_matches(row, tree->options->filter))
                        machine[kept++] = *row;
        }
        jk_rows_sort(machine, kept, tree->options);

        for (size_t i = 0; r == 0 && (i < kept || at < n);)
                if (at == n ||
                    (i < kept && jk_rows_compare(&machine[i], &tree->nodes[tree->order[at]].row,
                                                 tree->options) < 0)) {
                        view->shown_w += machine[i].watts;
                        r = jk_view_add_row(view, &machine[i++]);
                } else {
                        r = emit(tree, tree->order[at++], 0);
                }
        return r;
}

int
jk_view_arrange_tree(struct jk_view *view, const struct jk_view_options *options)
{
        __attribute__((cleanup(free_tree))) struct tree tree = { .view = view, .options = options };
        size_t n = 0, first_root = 0;
        int r;

        jk_text_clear(&view->strings);
        r = add_accounts(&tree);
        if (r < 0)
                return r;

        name_nodes(&tree);
        mark_wanted(&tree);
        view->shown_w = matched_w(&tree);
        r = group_children(&tree, &n, &first_root);
        return r < 0 ? r : emit_top(&tree, first_root, n);
}

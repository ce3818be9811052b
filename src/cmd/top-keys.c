/* SPDX-License-Identifier: Apache-2.0
 *
 * joulekeeper top: the keys. A row per action: dispatch and help are the same table.
 */
#include <limits.h>
#include <ncurses.h>
#include <string.h>
#include <wchar.h>

#include "base/array.h"
#include "cmd/top.h"

#define CONTROL(letter) ((letter)&0x1f)
#define ESCAPE          27
#define SPECIAL         0x80000000u /* marks curses' KEY_ constants in the table */
#define NAMED(key)      (SPECIAL | (unsigned int)(key))

/* ---- what keys do ---- */

static void
show(struct jk_top *top, enum jk_dimension dimension, bool tree)
{
        top->options.dimension = dimension;
        top->options.tree = tree;
        top->selected = 0;
        top->scroll = 0;
        jk_top_arrange(top);
}

static void
show_tasks(struct jk_top *top)
{
        show(top, JK_DIMENSION_TASK, false);
}

static void
show_cgroups(struct jk_top *top)
{
        show(top, JK_DIMENSION_CGROUP, false);
}

static void
show_users(struct jk_top *top)
{
        show(top, JK_DIMENSION_USER, false);
}

static void
show_machine(struct jk_top *top)
{
        show(top, JK_DIMENSION_MACHINE, false);
}

static void
toggle_tree(struct jk_top *top)
{
        show(top, JK_DIMENSION_CGROUP, !top->options.tree);
}

static void
show_next(struct jk_top *top)
{
        show(top, (enum jk_dimension)((top->options.dimension + 1) % JK_DIMENSION_MAX), false);
}

static void
show_previous(struct jk_top *top)
{
        show(top,
             (enum jk_dimension)((top->options.dimension + JK_DIMENSION_MAX - 1) %
                                 JK_DIMENSION_MAX),
             false);
}

static void
order_by(struct jk_top *top, enum jk_order order)
{
        top->options.order = order;
        jk_top_arrange(top);
}

static void
order_by_watts(struct jk_top *top)
{
        order_by(top, JK_ORDER_WATTS);
}

static void
order_by_energy(struct jk_top *top)
{
        order_by(top, JK_ORDER_ENERGY);
}

static void
order_by_cpu(struct jk_top *top)
{
        order_by(top, JK_ORDER_CPU);
}

static void
order_by_name(struct jk_top *top)
{
        order_by(top, JK_ORDER_NAME);
}

static void
order_by_pid(struct jk_top *top)
{
        order_by(top, JK_ORDER_PID);
}

static void
order_by_next(struct jk_top *top)
{
        order_by(top, (enum jk_order)((top->options.order + 1) % JK_ORDER_MAX));
}

static void
order_by_previous(struct jk_top *top)
{
        order_by(top, (enum jk_order)((top->options.order + JK_ORDER_MAX - 1) % JK_ORDER_MAX));
}

static void
reverse(struct jk_top *top)
{
        top->options.reversed = !top->options.reversed;
        jk_top_arrange(top);
}

static void
toggle_all(struct jk_top *top)
{
        top->options.all = !top->options.all;
        jk_top_arrange(top);
}

static void
toggle_zones(struct jk_top *top)
{
        top->zones = !top->zones;
}

static void
toggle_pause(struct jk_top *top)
{
        top->paused = !top->paused;
}

static void
edit_filter(struct jk_top *top)
{
        top->editing = true;
}

static void
clear_filter(struct jk_top *top)
{
        top->filter[0] = '\0';
        top->editing = false;
        jk_top_arrange(top);
}

static const int64_t intervals_ms[] = { 100, 200, 500, 1000, 2000, 5000, 10000, 30000, 60000 };

static void
set_interval(struct jk_top *top, int64_t interval_ns)
{
        top->interval_ns = interval_ns;
        jk_source_set_interval(top->source, interval_ns);
}

static void
slower(struct jk_top *top)
{
        for (size_t i = 0; i < JK_COUNT(intervals_ms); i++)
                if (intervals_ms[i] * JK_NS_PER_MS > top->interval_ns) {
                        set_interval(top, intervals_ms[i] * JK_NS_PER_MS);
                        return;
                }
}

static void
faster(struct jk_top *top)
{
        for (size_t i = JK_COUNT(intervals_ms); i-- > 0;)
                if (intervals_ms[i] * JK_NS_PER_MS < top->interval_ns) {
                        set_interval(top, intervals_ms[i] * JK_NS_PER_MS);
                        return;
                }
}

/* From the first row on, the one selected stays so wherever it moves; the first place is a place.
 */
static void
select_row(struct jk_top *top, size_t index)
{
        if (top->view.n_rows == 0)
                return;

        top->cursor = index < top->view.n_rows ? index : top->view.n_rows - 1;
        top->selected = top->cursor > 0 ? top->view.rows[top->cursor].key : 0;
}

static void
move_up(struct jk_top *top)
{
        select_row(top, top->cursor > 0 ? top->cursor - 1 : 0);
}

static void
move_down(struct jk_top *top)
{
        select_row(top, top->cursor + 1);
}

static void
page_up(struct jk_top *top)
{
        select_row(top, top->cursor > top->page ? top->cursor - top->page : 0);
}

static void
page_down(struct jk_top *top)
{
        select_row(top, top->cursor + top->page);
}

static void
move_home(struct jk_top *top)
{
        select_row(top, 0);
}

static void
move_end(struct jk_top *top)
{
        select_row(top, SIZE_MAX - 1);
}

static void
fold(struct jk_top *top, bool close)
{
        const struct jk_row *row;

        if (!top->options.tree || top->cursor >= top->view.n_rows)
                return;

        row = &top->view.rows[top->cursor];
        if (!row->parent)
                return;
        if (!close)
                jk_map_remove(&top->collapsed, row->key);
        else if (jk_map_put(&top->collapsed, row->key, 1) < 0)
                return; /* without memory it stays open */
        jk_top_arrange(top);
}

static void
close_branch(struct jk_top *top)
{
        fold(top, true);
}

static void
open_branch(struct jk_top *top)
{
        fold(top, false);
}

static void
toggle_branch(struct jk_top *top)
{
        if (top->cursor < top->view.n_rows)
                fold(top, !top->view.rows[top->cursor].collapsed);
}

static void
show_help(struct jk_top *top)
{
        top->help = true;
        top->help_scroll = 0;
}

static void
redraw(struct jk_top *top)
{
        (void)top;
        clearok(curscr, TRUE);
}

static void
quit(struct jk_top *top)
{
        top->quit = true;
}

/* ---- the table ---- */

static const struct binding {
        unsigned int keys[4];
        const char *label, *help; /* NULL: not in the help, as the row above tells it */
        void (*action)(struct jk_top *top);
} bindings[] = {
        { { '1' }, "1", "tasks", show_tasks },
        { { '2' }, "2", "cgroups", show_cgroups },
        { { '3' }, "3", "users", show_users },
        { { '4' }, "4", "the machine's own accounts alone", show_machine },
        { { '\t' }, "Tab", "the next of these", show_next },
        { { NAMED(KEY_BTAB) }, NULL, NULL, show_previous },
        { { 't' }, "t", "cgroups as a tree, with sums", toggle_tree },
        { { '\n', '\r', NAMED(KEY_ENTER) }, "Enter", "tree: open or close", toggle_branch },
        { { NAMED(KEY_LEFT) }, "left right", "tree: close, open", close_branch },
        { { NAMED(KEY_RIGHT) }, NULL, NULL, open_branch },
        { { 'w' }, "w", "sort by watts", order_by_watts },
        { { 'e' }, "e", "sort by energy", order_by_energy },
        { { 'c' }, "c", "sort by CPU", order_by_cpu },
        { { 'n' }, "n", "sort by name", order_by_name },
        { { 'p' }, "p", "sort by pid", order_by_pid },
        { { '<', ',' }, "< >", "sort by the previous, the next", order_by_previous },
        { { '>', '.' }, NULL, NULL, order_by_next },
        { { 'r' }, "r", "reverse the order", reverse },
        { { '/' }, "/", "filter by name, user, cgroup, pid; Enter keeps it", edit_filter },
        { { ESCAPE }, "Esc", "no filter", clear_filter },
        { { 'a' }, "a", "show or hide what uses nothing", toggle_all },
        { { 'z' }, "z", "show or hide the zones", toggle_zones },
        { { ' ' }, "space", "pause, go on", toggle_pause },
        { { '+', '=' }, "+ -", "longer, shorter interval", slower },
        { { '-' }, NULL, NULL, faster },
        { { NAMED(KEY_UP), 'k' }, "up down", "move", move_up },
        { { NAMED(KEY_DOWN), 'j' }, NULL, NULL, move_down },
        { { NAMED(KEY_PPAGE) }, "PgUp PgDn", "move by a page", page_up },
        { { NAMED(KEY_NPAGE) }, NULL, NULL, page_down },
        { { NAMED(KEY_HOME), 'g' }, "Home End", "first, last", move_home },
        { { NAMED(KEY_END), 'G' }, NULL, NULL, move_end },
        { { CONTROL('L') }, "Ctrl-L", "draw anew", redraw },
        { { 'h', '?', NAMED(KEY_F(1)) }, "h ?", "this help", show_help },
        { { 'q', NAMED(KEY_F(10)) }, "q", "quit", quit },
};

bool
jk_top_key_help(size_t i, const char **ret_keys, const char **ret_help)
{
        for (size_t k = 0; k < JK_COUNT(bindings); k++)
                if (bindings[k].label && i-- == 0) {
                        *ret_keys = bindings[k].label;
                        *ret_help = bindings[k].help;
                        return true;
                }

        return false;
}

/* ---- dispatch ---- */

/* Cut the last character off, all its bytes. */
static void
erase_last(char *string)
{
        size_t length = strlen(string);

        while (length > 0 && ((unsigned char)string[length - 1] & 0xc0) == 0x80)
                length--;
        if (length > 0)
                length--;
        string[length] = '\0';
}

static void
append(char *string, wchar_t c)
{
        size_t length = strlen(string);
        char bytes[MB_LEN_MAX + 1] = "";
        mbstate_t state = { 0 };
        size_t n = wcrtomb(bytes, c, &state);

        if (n == (size_t)-1 || length + n + 1 > JK_TOP_FILTER_SIZE)
                return;

        memcpy(string + length, bytes, n);
        string[length + n] = '\0';
}

static void
edit(struct jk_top *top, unsigned int key)
{
        if (key == ESCAPE) {
                clear_filter(top);
                return;
        }
        if (key == '\n' || key == '\r' || key == NAMED(KEY_ENTER)) {
                top->editing = false;
                return;
        }

        if (key == NAMED(KEY_BACKSPACE) || key == 127 || key == CONTROL('H'))
                erase_last(top->filter);
        else if (key == CONTROL('U'))
                top->filter[0] = '\0';
        else if (!(key & SPECIAL) && key >= 0x20)
                append(top->filter, (wchar_t)key);
        top->selected = 0;
        jk_top_arrange(top);
}

static void
dispatch(struct jk_top *top, unsigned int key)
{
        for (size_t i = 0; i < JK_COUNT(bindings); i++)
                for (size_t k = 0; k < JK_COUNT(bindings[i].keys) && bindings[i].keys[k]; k++)
                        if (bindings[i].keys[k] == key) {
                                bindings[i].action(top);
                                return;
                        }
}

/* While help is shown, keys scroll it, and any other closes it. */
static void
read_help(struct jk_top *top, unsigned int key)
{
        if (key == NAMED(KEY_DOWN) || key == 'j')
                top->help_scroll++;
        else if ((key == NAMED(KEY_UP) || key == 'k') && top->help_scroll > 0)
                top->help_scroll--;
        else if (key != NAMED(KEY_UP) && key != 'k')
                top->help = false;
}

void
jk_top_key(struct jk_top *top, unsigned int key, bool special)
{
        unsigned int code = special ? NAMED(key) : key;

        if (top->help)
                read_help(top, code);
        else if (top->editing)
                edit(top, code);
        else
                dispatch(top, code);
}

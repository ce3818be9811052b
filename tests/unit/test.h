/* SPDX-License-Identifier: Apache-2.0
 *
 * What every cmocka test includes: the headers cmocka wants before its own, and TAP as the output,
 * so that the runner counts each case.
 */
#pragma once

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

/* Skip the running case and say why: JK_SKIP("there is no JK_SHARED"). */
#define JK_SKIP(...)                                                                               \
        do {                                                                                       \
                print_message("# skip: " __VA_ARGS__);                                             \
                print_message("\n");                                                               \
                skip();                                                                            \
        } while (0)

#define JK_RUN_TESTS(tests)                                                                        \
        int main(void)                                                                             \
        {                                                                                          \
                cmocka_set_message_output(CM_OUTPUT_TAP);                                          \
                return cmocka_run_group_tests(tests, NULL, NULL);                                  \
        }

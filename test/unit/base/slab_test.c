/* SPDX-License-Identifier: Apache-2.0 */
#include "base/slab.h"

#include "support/rig/rig.h"

#include <check.h>
#include <stdlib.h>

#define CELLS 20000u

static size_t size_of(unsigned i)
{
    return 1 + i * 7919 % 600; /* some of them are too large to be packed */
}

static void fill(uint8_t *cell, unsigned i)
{
    memset(cell, (int)(i & 0xff), size_of(i));
}

static bool is_filled(const uint8_t *cell, unsigned i)
{
    for (size_t k = 0; k < size_of(i); k++)
        if (cell[k] != (i & 0xff))
            return false;
    return true;
}

START_TEST(what_is_taken_stays_apart_and_all_of_it_goes_back)
{
    static uint8_t *cells[CELLS];
    struct slab s;
    struct rig rig;
    uint64_t before;

    rig_init(&rig, 1);
    before = rig.budget.used;
    slab_init(&s, &rig.budget);
    for (unsigned i = 0; i < CELLS; i++)
        fill(cells[i] = slab_take(&s, size_of(i)), i);
    for (unsigned i = 0; i < CELLS; i += 3)
        slab_give(&s, cells[i], size_of(i));
    for (unsigned i = 0; i < CELLS; i += 3) /* in places that were given back, and others */
        fill(cells[i] = slab_take(&s, size_of(i)), i);
    for (unsigned i = 0; i < CELLS; i++) {
        ck_assert_uint_eq((uintptr_t)cells[i] % 8, 0);
        ck_assert(is_filled(cells[i], i));
    }
    ck_assert_uint_gt(rig.budget.used, before);
    for (unsigned i = CELLS; i-- > 0;)
        slab_give(&s, cells[i], size_of(i));
    ck_assert_uint_eq(rig.budget.used, before);
    slab_close(&s);
    rig_close(&rig);
}
END_TEST

START_TEST(many_of_one_size_take_little_more_than_their_bytes)
{
    static void *cells[CELLS];
    struct slab s;
    struct rig rig;
    uint64_t before;

    rig_init(&rig, 1);
    before = rig.budget.used;
    slab_init(&s, &rig.budget);
    for (unsigned i = 0; i < CELLS; i++)
        cells[i] = slab_take(&s, 40);
    ck_assert_uint_lt(rig.budget.used - before, CELLS * 41); /* 48 of malloc()'s */
    for (unsigned i = 0; i < CELLS; i++)
        slab_give(&s, cells[i], 40);
    slab_close(&s);
    rig_close(&rig);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("slab");
    TCase *t = tcase_create("slab");
    SRunner *runner;
    int failed;

    tcase_add_test(t, what_is_taken_stays_apart_and_all_of_it_goes_back);
    tcase_add_test(t, many_of_one_size_take_little_more_than_their_bytes);
    suite_add_tcase(s, t);
    runner = srunner_create(s);
    srunner_run_all(runner, CK_NORMAL);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}

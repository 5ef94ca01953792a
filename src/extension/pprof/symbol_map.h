/* SPDX-License-Identifier: Apache-2.0 */
/* Which function an address of this process is in, by the symbol tables of the files that are mapped: .symtab where it
 * has not been stripped, else what is exported (.dynsym). */
#ifndef EXTENSION_SYMBOL_MAP_H
#define EXTENSION_SYMBOL_MAP_H

#include "base/vec.h"

#include <stddef.h>
#include <stdint.h>

struct symbol {
    uint64_t address, size; /* as in the file; size 0: to the next one */
    const char *name;
};

/* An executable mapping. */
struct mapping {
    uintptr_t start, end;
    uint64_t offset; /* in the file */
    char *path;      /* "" for the memory of nobody, "[vdso]" */
    void *file;      /* mapped too; NULL: it could not be read */
    size_t file_size;
    uint64_t base;              /* what to take from an address to have the file's */
    VEC(struct symbol) symbols; /* sorted; of functions */
};

struct symbol_map {
    VEC(struct mapping) mappings; /* in order of addresses */
};

void symbol_map_load(struct symbol_map *s); /* of this process, now */
void symbol_map_free(struct symbol_map *s);

/* NULL: it is in none. */
const struct mapping *symbol_map_find(const struct symbol_map *s, uintptr_t address);

/* The function's name and where it begins in memory; NULL: not known. */
const char *symbol_map_name(const struct mapping *m, uintptr_t address, uintptr_t *begin);

#endif

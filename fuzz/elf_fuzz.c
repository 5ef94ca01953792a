/* SPDX-License-Identifier: Apache-2.0 */
/* A file as pprof's symbols are read from it: any bytes, where it is mapped at any offset. Names are found in it or
 * not. */
#include "extension/pprof/symbol_map.c"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    struct mapping m = { .start = 0x10000, .end = UINTPTR_MAX };
    size_t names = 0;

    if (len < sizeof(Elf64_Ehdr) + 1)
        return 0;
    m.offset = (uint64_t)data[0] << 8;
    m.base = m.start - m.offset;
    m.file_size = len - 1;
    m.file = mem_alloc(m.file_size); /* aligned, and its end is its end */
    memcpy(m.file, data + 1, m.file_size);
    read_symbols(&m);
    if (m.symbols.n > m.file_size / sizeof(Elf64_Sym))
        abort();
    for (size_t i = 0; i < m.symbols.n; i++) {
        uintptr_t begin, address = (uintptr_t)(m.symbols.v[i].address + m.base);
        const char *name = symbol_map_name(&m, address, &begin);

        names += strlen(m.symbols.v[i].name) + (name != NULL ? strlen(name) : 0);
        if (name != NULL && begin != address)
            abort();
    }
    if (names > len * m.symbols.n * 2)
        abort();
    vec_free(&m.symbols);
    free(m.file);
    return 0;
}

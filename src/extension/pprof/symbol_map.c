/* SPDX-License-Identifier: Apache-2.0 */
/* /proc/self/maps names the files. Each is mapped and its sections are read as ELF of this machine's kind. The files
 * are the ones that run, yet every offset is checked: what does not fit leaves a mapping without names, and tables that
 * say the same bytes again and again are not read further than a file has room for symbols. */
#include "extension/pprof/symbol_map.h"

#include "base/mem.h"

#include <elf.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define FILE_MAX (1ull << 32)

/* ---- a file ---- */

static bool map_file(struct mapping *m, const char *path)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    struct stat st;
    void *p = MAP_FAILED;

    if (fd < 0)
        return false;
    if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && (uint64_t)st.st_size < FILE_MAX &&
        (size_t)st.st_size >= sizeof(Elf64_Ehdr))
        p = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
    close(fd);
    if (p == MAP_FAILED)
        return false;
    m->file = p;
    m->file_size = (size_t)st.st_size;
    return true;
}

/* `n` things of `size` bytes at `offset` of the file; NULL: they are not all in it, or not aligned. */
static const void *things_at(const struct mapping *m, uint64_t offset, uint64_t n, size_t size)
{
    if (offset > m->file_size || n > (m->file_size - offset) / size || offset % _Alignof(uint64_t) != 0)
        return NULL;
    return (const char *)m->file + offset;
}

static const Elf64_Ehdr *header_of(const struct mapping *m)
{
    const Elf64_Ehdr *h = m->file;

    return memcmp(h->e_ident, ELFMAG, SELFMAG) == 0 && h->e_ident[EI_CLASS] == ELFCLASS64 &&
                   h->e_shentsize == sizeof(Elf64_Shdr) && h->e_phentsize == sizeof(Elf64_Phdr)
               ? h
               : NULL;
}

/* Addresses in memory are the file's plus a constant, which the loaded segment of this mapping tells. */
static void find_base(struct mapping *m, const Elf64_Ehdr *h)
{
    const Elf64_Phdr *p = things_at(m, h->e_phoff, h->e_phnum, sizeof(*p));

    m->base = m->start - m->offset;
    for (size_t i = 0; p != NULL && i < h->e_phnum; i++)
        if (p[i].p_type == PT_LOAD && m->offset >= p[i].p_offset && m->offset < p[i].p_offset + p[i].p_filesz)
            m->base = m->start - (m->offset - p[i].p_offset + p[i].p_vaddr);
}

static void add_symbols(struct mapping *m, const Elf64_Shdr *sections, size_t n, const Elf64_Shdr *table)
{
    const Elf64_Sym *sym = things_at(m, table->sh_offset, table->sh_size / sizeof(*sym), sizeof(*sym));
    const Elf64_Shdr *strings = table->sh_link < n ? &sections[table->sh_link] : NULL;
    size_t most = m->file_size / sizeof(*sym);

    if (sym == NULL || strings == NULL || strings->sh_size == 0 || strings->sh_offset > m->file_size ||
        strings->sh_size > m->file_size - strings->sh_offset ||
        ((const char *)m->file)[strings->sh_offset + strings->sh_size - 1] != '\0')
        return;
    for (size_t i = 0; i < table->sh_size / sizeof(*sym) && m->symbols.n < most; i++)
        if ((ELF64_ST_TYPE(sym[i].st_info) == STT_FUNC || ELF64_ST_TYPE(sym[i].st_info) == STT_GNU_IFUNC) &&
            sym[i].st_value != 0 && sym[i].st_name < strings->sh_size)
            *vec_push(&m->symbols) = (struct symbol){ sym[i].st_value, sym[i].st_size,
                                                      (const char *)m->file + strings->sh_offset + sym[i].st_name };
}

static int by_address(const void *a, const void *b)
{
    const struct symbol *x = a, *y = b;

    return (x->address > y->address) - (x->address < y->address);
}

static void read_symbols(struct mapping *m)
{
    const Elf64_Ehdr *h = header_of(m);
    const Elf64_Shdr *s = h != NULL ? things_at(m, h->e_shoff, h->e_shnum, sizeof(*s)) : NULL;
    static const uint32_t types[] = { SHT_SYMTAB, SHT_DYNSYM };

    if (h == NULL)
        return;
    find_base(m, h);
    for (size_t t = 0; s != NULL && t < ARRAY_LEN(types) && m->symbols.n == 0; t++)
        for (size_t i = 0; i < h->e_shnum; i++)
            if (s[i].sh_type == types[t])
                add_symbols(m, s, h->e_shnum, &s[i]);
    if (m->symbols.n > 0)
        qsort(m->symbols.v, m->symbols.n, sizeof(m->symbols.v[0]), by_address);
}

/* ---- the process ---- */

/* "55d0-55e0 r-xp 00001000 08:01 123    /usr/bin/otelcd" */
static void add_mapping(struct symbol_map *s, const char *line)
{
    uint64_t start, end, offset;
    char rights[5];
    int path = 0;
    struct mapping *m;

    if (sscanf(line, "%" SCNx64 "-%" SCNx64 " %4s %" SCNx64 " %*s %*s %n", &start, &end, rights, &offset, &path) < 4 ||
        rights[2] != 'x')
        return;
    m = vec_push(&s->mappings);
    *m = (struct mapping){ .start = (uintptr_t)start, .end = (uintptr_t)end, .offset = offset };
    m->path = mem_strdup(path > 0 ? line + path : "");
    m->path[strcspn(m->path, "\n")] = '\0';
}

/* The program itself is what runs, also when its file has been replaced. */
static void open_mapping(struct mapping *m)
{
    char self[4096];
    ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);

    m->base = m->start - m->offset;
    self[n > 0 ? n : 0] = '\0';
    if (m->path[0] == '/' && map_file(m, strcmp(m->path, self) == 0 ? "/proc/self/exe" : m->path))
        read_symbols(m);
}

void symbol_map_load(struct symbol_map *s)
{
    FILE *f = fopen("/proc/self/maps", "re");
    char line[4608];

    *s = (struct symbol_map){ 0 };
    while (f != NULL && fgets(line, sizeof(line), f) != NULL)
        add_mapping(s, line);
    if (f != NULL)
        fclose(f);
    for (size_t i = 0; i < s->mappings.n; i++)
        open_mapping(&s->mappings.v[i]);
}

void symbol_map_free(struct symbol_map *s)
{
    for (size_t i = 0; i < s->mappings.n; i++) {
        struct mapping *m = &s->mappings.v[i];

        if (m->file != NULL)
            munmap(m->file, m->file_size);
        vec_free(&m->symbols);
        free(m->path);
    }
    vec_free(&s->mappings);
}

const struct mapping *symbol_map_find(const struct symbol_map *s, uintptr_t address)
{
    for (size_t i = 0; i < s->mappings.n; i++)
        if (address >= s->mappings.v[i].start && address < s->mappings.v[i].end)
            return &s->mappings.v[i];
    return NULL;
}

const char *symbol_map_name(const struct mapping *m, uintptr_t address, uintptr_t *begin)
{
    uint64_t wanted = address - m->base;
    size_t low = 0, high = m->symbols.n;

    while (low < high) {
        size_t middle = low + (high - low) / 2;

        if (m->symbols.v[middle].address <= wanted)
            low = middle + 1;
        else
            high = middle;
    }
    if (low == 0 ||
        (m->symbols.v[low - 1].size > 0 && wanted - m->symbols.v[low - 1].address >= m->symbols.v[low - 1].size))
        return NULL;
    *begin = (uintptr_t)(m->symbols.v[low - 1].address + m->base);
    return m->symbols.v[low - 1].name;
}

/* SPDX-License-Identifier: Apache-2.0 */
/* Nothing but calls: RE2 does the work. Its options are those that make it read patterns as Go does, and keep it from
 * writing to stderr. A pattern that cannot be compiled leaves an object that says why. */
#include "codec/re2_shim.h"

#include <cstdio>
#include <re2/re2.h>
#include <string>
#include <vector>

struct re2_shim {
    re2_shim(const char *pattern, size_t len, const RE2::Options &options) : re(re2::StringPiece(pattern, len), options)
    {
    }
    RE2 re;
    std::vector<re2::StringPiece> pieces; /* of the last match */
};

re2_shim *re2_shim_new(const char *pattern, size_t len, size_t memory, char *error, size_t size)
{
    RE2::Options options;

    options.set_log_errors(false);
    if (memory > 0)
        options.set_max_mem(static_cast<int64_t>(memory));
    auto *r = new re2_shim(pattern, len, options);
    if (r->re.ok()) {
        r->pieces.resize(static_cast<size_t>(r->re.NumberOfCapturingGroups()) + 1);
        return r;
    }
    snprintf(error, size, "%s", r->re.error().c_str());
    delete r;
    return nullptr;
}

void re2_shim_free(re2_shim *r)
{
    delete r;
}

unsigned re2_shim_groups(const re2_shim *r)
{
    return static_cast<unsigned>(r->re.NumberOfCapturingGroups());
}

unsigned re2_shim_size(const re2_shim *r)
{
    return static_cast<unsigned>(r->re.ProgramSize());
}

const char *re2_shim_group_name(const re2_shim *r, unsigned i)
{
    const auto &names = r->re.CapturingGroupNames();
    auto found = names.find(static_cast<int>(i));

    return found != names.end() ? found->second.c_str() : nullptr;
}

int re2_shim_search(const re2_shim *r, const char *text, size_t len)
{
    return r->re.Match(re2::StringPiece(text, len), 0, len, RE2::UNANCHORED, nullptr, 0);
}

int re2_shim_find(re2_shim *r, const char *text, size_t len, size_t from, re2_shim_span *found)
{
    int n = static_cast<int>(r->pieces.size());

    if (!r->re.Match(re2::StringPiece(text, len), from, len, RE2::UNANCHORED, r->pieces.data(), n))
        return 0;
    for (const auto &piece : r->pieces)
        *found++ = { piece.data(), piece.size() };
    return 1;
}

/* SPDX-License-Identifier: Apache-2.0 */
/* One pattern knows the grammar. What it does not know: how long a path may be, and which digests there are. A name
 * without a host is Docker Hub's, and one without a path there is in its library. */
#include "processor/k8s_attributes/k8s_image.h"

#include "codec/regex.h"

#include <assert.h>

#define MOST_PATH 255u
#define HUB "docker.io"

#define LABEL "(?:[a-zA-Z0-9]|[a-zA-Z0-9][a-zA-Z0-9-]*[a-zA-Z0-9])"
#define HOST "(?:" LABEL "(?:\\." LABEL ")*|\\[(?:[a-fA-F0-9:]+)\\])(?::[0-9]+)?"
#define PART "[a-z0-9]+(?:(?:[._]|__|[-]+)[a-z0-9]+)*"
#define DIGEST "[A-Za-z][A-Za-z0-9]*(?:[-_+.][A-Za-z][A-Za-z0-9]*)*[:][[:xdigit:]]{32,}"

enum { WHOLE, NAME, PATH, TAG, HASH, GROUPS };

struct regex *k8s_image_pattern(void)
{
    struct regex *r =
        regex_new("^((?:" HOST "/)?(" PART "(?:/" PART ")*))(?::([\\w][\\w.-]{0,127}))?(?:@(" DIGEST "))?$", NULL);

    assert(r != NULL && regex_groups(r) == GROUPS - 1);
    return r;
}

static bool is_digest(struct bytes d)
{
    static const struct {
        const char *algorithm;
        size_t digits;
    } known[] = { { "sha256:", 64 }, { "sha384:", 96 }, { "sha512:", 128 } };

    for (size_t i = 0; i < sizeof(known) / sizeof(*known); i++) {
        size_t n = strlen(known[i].algorithm);

        if (d.len != n + known[i].digits || memcmp(d.data, known[i].algorithm, n) != 0)
            continue;
        for (size_t k = n; k < d.len; k++)
            if (d.data[k] == '\0' || strchr("0123456789abcdef", d.data[k]) == NULL)
                return false;
        return true;
    }
    return false;
}

bool k8s_image_read(struct regex *pattern, struct bytes text, struct k8s_image *image)
{
    struct bytes found[GROUPS];

    if (!regex_find(pattern, text, found) || found[PATH].len > MOST_PATH ||
        (found[HASH].len > 0 && !is_digest(found[HASH])))
        return false;
    *image = (struct k8s_image){ found[NAME], found[TAG], found[HASH] };
    return true;
}

static bool has_any(struct bytes s, const char *of)
{
    for (size_t i = 0; i < s.len; i++)
        if (s.data[i] != '\0' && strchr(of, s.data[i]) != NULL)
            return true;
    return false;
}

/* The host, and what is behind it; of a name without one that is Docker Hub. */
static struct bytes split_host(struct bytes text, struct bytes *rest)
{
    const uint8_t *slash = text.len > 0 ? memchr(text.data, '/', text.len) : NULL;
    struct bytes first = bytes_of(text.data, slash != NULL ? (size_t)(slash - text.data) : 0);

    *rest = text;
    if (slash == NULL)
        return bytes_str(HUB);
    if (!bytes_is(first, "localhost") && !has_any(first, ".:ABCDEFGHIJKLMNOPQRSTUVWXYZ"))
        return bytes_str(HUB);
    *rest = bytes_skip(text, first.len + 1);
    return bytes_is(first, "index.docker.io") ? bytes_str(HUB) : first;
}

bool k8s_image_put_canonical(struct regex *pattern, struct bytes text, struct buf *out)
{
    struct bytes rest, host = split_host(text, &rest);
    bool library = bytes_is(host, HUB) && (rest.len == 0 || memchr(rest.data, '/', rest.len) == NULL);
    size_t from = out->len;
    struct k8s_image image;
    bool good;

    buf_put(out, host);
    buf_puts(out, library ? "/library/" : "/");
    buf_put(out, rest);
    good =
        !is_digest(text) && k8s_image_read(pattern, bytes_skip(buf_bytes(out), from), &image) && image.digest.len > 0;
    if (!good)
        out->len = from;
    return good;
}

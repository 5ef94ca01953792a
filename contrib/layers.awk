# SPDX-License-Identifier: Apache-2.0
# Every file of src/ may include its own layer's folder and those below it, never one above or a sibling; in net/
# and prom/ the same holds of the folders inside:
#     awk -f contrib/layers.awk $(find src -name "*.[ch]" -o -name "*.cc")
BEGIN {
    n = split("base config codec net/socket net/message net/http1|net/http2 net/http wal otlp ottl|spans prom/model prom/relabel " \
              "prom/exposition prom/series prom/remote_write|prom/endpoint|prom/intake pipeline oauth2|kube|kafka queue page receiver|processor|exporter|connector|extension service registry command main", layers, " ")
    for (i = 1; i <= n; i++) {
        m = split(layers[i], folders, "|")
        for (j = 1; j <= m; j++)
            rank[folders[j]] = i
    }
}

# "src/net/http1/http1.c" and "net/http1/http1.h" are in "net/http1", "src/otlp/json.c" in "otlp"; "src/registry.c"
# is a layer of its own.
function layer(path)
{
    sub(/^src\//, "", path)
    if (path ~ /^(net|prom)\//)
        sub(/\/[^\/]*$/, "", path)
    else
        sub(/(\/.*|\.[ch])$/, "", path)
    return path
}

FNR == 1 {
    from = layer(FILENAME)
    if (!(from in rank))
        complain("is in no layer")
}

/^#include "/ {
    split($0, quoted, "\"")
    if (quoted[2] ~ /\.pb-c\.h$/)
        next # generated, below all
    if (quoted[2] !~ /\//) {
        complain("includes \"" quoted[2] "\": write the folder too")
        next
    }
    to = layer(quoted[2])
    if (!(to in rank))
        complain("includes " quoted[2] ", which is in no layer")
    else if (rank[to] > rank[from] || (rank[to] == rank[from] && to != from))
        complain(from "/ may not include " quoted[2])
}

function complain(text)
{
    printf "%s:%d: %s\n", FILENAME, FNR, text
    bad = 1
}

END { exit bad }

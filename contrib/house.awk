# SPDX-License-Identifier: Apache-2.0
# What the code keeps to, beside its layers:
#     awk -f contrib/house.awk src/*/*.[ch] src/*.[ch]
# A .c file opens with a comment behind its licence. No function is longer than 60 lines; none of a header has more than
# eight parameters. No folder has more than 45 files.
BEGIN {
    MOST_LINES = 60
    MOST_PARAMETERS = 8
    MOST_FILES = 45
}

FNR == 1 {
    folder = FILENAME
    sub(/\/[^\/]*$/, "", folder)
    if (++files[folder] == MOST_FILES + 1)
        complain("is the " files[folder] "th file of " folder "/: make a folder of what belongs together")
    is_header = FILENAME ~ /\.h$/
    begun = 0
    declaration = ""
}

FNR == 2 && FILENAME ~ /\.cc?$/ && $0 !~ /^(\/\*|\/\/)/ {
    complain("does not say how it moves: open with the happy path, then what can go wrong")
}

/^\{/ { begun = FNR }

/^\}/ && begun {
    if (FNR - begun + 1 > MOST_LINES)
        complain("a function of " FNR - begun + 1 " lines ends here: the most are " MOST_LINES)
    begun = 0
}

# Of a declaration over several lines the text is gathered up to its end; nested parentheses, as of a callback's own
# parameters, count as one.
is_header && (declaration != "" || /^[a-z].*\(/) {
    line = $0
    gsub(/\/\*[^*]*\*\//, "", line)
    declaration = declaration line
    if ($0 !~ /[;{]$/ && $0 !~ /;[ \t]*\/\*/)
        next
    sub(/^[^(]*\(/, "", declaration)
    while (gsub(/\([^()]*\)/, "", declaration) > 0 && declaration ~ /\([^()]*\)/)
        ;
    sub(/\).*/, "", declaration)
    if (gsub(/,/, "", declaration) >= MOST_PARAMETERS)
        complain("a function of more than " MOST_PARAMETERS " parameters: make a struct of those that go together")
    declaration = ""
}

function complain(text)
{
    printf "%s:%d: %s\n", FILENAME, FNR, text
    bad = 1
}

END { exit bad }

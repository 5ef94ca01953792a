# SPDX-License-Identifier: Apache-2.0
# What the code keeps to, beside its layers:
#     awk -f contrib/house.awk $(find src -name "*.[ch]" -o -name "*.cc")
# A .c file opens with a comment behind its licence. No function is longer than 60 lines; none of a header has more
# than eight parameters. No folder has more than 45 files. No two headers define the same name, for a file may include
# both; guards tell headers apart by folder and file. The name of a static is more than a word, but for what stands in
# a table; that of a public function begins with a noun.
BEGIN {
    MOST_LINES = 60
    MOST_PARAMETERS = 8
    MOST_FILES = 45
}

FNR == 1 {
    check_words()
    folder = FILENAME
    sub(/\/[^\/]*$/, "", folder)
    if (++files[folder] == MOST_FILES + 1)
        complain("is the " files[folder] "th file of " folder "/: make a folder of what belongs together")
    is_header = FILENAME ~ /\.h$/
    begun = 0
    declaration = ""
    in_enum = 0
    guard = 0
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

is_header && /^#ifndef/ && !guard++ {
    above = toupper(FILENAME)
    sub(/^SRC\//, "", above)
    sub(/\/.*/, "", above)
    below = toupper(FILENAME)
    sub(/.*\//, "", below)
    sub(/\./, "_", below)
    if ($2 !~ "^" above || $2 !~ below "$")
        complain("the guard " $2 " is another file's: it begins with " above " and ends with " below)
}

# What headers define: tags, constants, macros.
is_header && /^(struct|union|enum) [a-z0-9_]+ \{/ { note("a " $1, $2) }

is_header && /^#define [A-Za-z_]/ {
    macro = $2
    sub(/\(.*/, "", macro)
    note("a macro", macro)
}

is_header && /^enum .*\{/ { in_enum = 1 }

in_enum {
    line = $0
    gsub(/\/\*([^*]|\*[^\/])*(\*\/|$)/, "", line)
    if (line ~ /^ *\*/)
        next
    last = line ~ /\}/
    gsub(/=[^,}]*/, "", line)
    while (match(line, /[A-Z][A-Z0-9_]*/)) {
        note("a constant", substr(line, RSTART, RLENGTH))
        line = substr(line, RSTART + RLENGTH)
    }
    in_enum = !last
}

# Tags have names of their own, so a function may have the same.
function note(kind, name)
{
    key = kind ~ /constant|macro/ ? name : "tag " name
    if (key in defined && defined[key] != FILENAME)
        complain(kind " " name " is in " defined[key] " too")
    defined[key] = FILENAME
}

is_header && /^[a-z].*\(/ && !/^(static|typedef|extern|enum \{)/ {
    name = $0
    sub(/\(.*/, "", name)
    sub(/.*[ *]/, "", name)
    if (name ~ /^(add|drop|end|find|free|get|give|has|is|keep|leave|make|put|read|send|set|show|tell)_/)
        complain(name " begins with a verb: a public function is noun_verb")
}

# `put` and `take` name nothing. A table of operations is told by the word standing between commas or braces, or behind
# the slot of its name.
/^static [^=;]*\(/ && FILENAME ~ /\.c$/ {
    name = $0
    sub(/\(.*/, "", name)
    sub(/.*[ *]/, "", name)
    if (name ~ /^[a-z]+$/)
        words[name] = FILENAME ":" FNR
}

{ text = text "\n" $0 }

function check_words(    name)
{
    for (name in words)
        if (text !~ "[{,=] *" name " *[,}]" && text !~ "[.>]" name " = " name "[;,)]") {
            print words[name] ": " name " is one word: say what it does to what"
            bad = 1
        }
    split("", words)
    text = ""
}

function complain(text)
{
    printf "%s:%d: %s\n", FILENAME, FNR, text
    bad = 1
}

END {
    check_words()
    exit bad
}

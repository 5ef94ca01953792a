/* SPDX-License-Identifier: Apache-2.0 */
/* `otelcd completion SHELL`: a script that knows the verbs, the flags of each and what these may have, from the rows of
 * verb.c. What --set may change is asked of otelcd itself when somebody types it (`otelcd completion keys`), from the
 * rows of the options. */
#include "command/verb.h"

#include "base/mem.h"
#include "service/config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void put_flags(const struct verb *v, const char *between)
{
    for (unsigned f = 0; f < FLAGS; f++)
        if ((v->flags & 1u << f) != 0)
            printf("%s%s", between, verb_flags[f].name);
}

/* --- bash and zsh: one function, which puts words, files or keys --- */

/* `  validate) words="..." ;;` for each verb: what may follow it. */
static void put_cases(const char *name)
{
    for (const struct verb *v = verbs; v->name != NULL; v++) {
        printf("    %s) %s=\"", v->name, name);
        put_flags(v, " ");
        printf("%s%s\" ;;\n", v->words != NULL ? " " : "", v->words != NULL ? v->words : "");
    }
}

static void put_format_cases(void)
{
    for (const struct verb *v = verbs; v->name != NULL; v++)
        if (v->formats != NULL)
            printf("        %s) offer=\"%s\" ;;\n", v->name, v->formats);
}

static void put_verbs(void)
{
    for (const struct verb *v = verbs; v->name != NULL; v++)
        printf(" %s", v->name);
}

/* Of the flag before the cursor: what its value may be. `files`: the shell's command that offers files, `keys` that
 * which puts keys. */
static void put_values(const char *files, const char *keys)
{
    printf("    case $before in\n");
    for (unsigned f = 0; f < FLAGS; f++) {
        const struct verb_flag *flag = &verb_flags[f];

        if (flag->value == VALUE_NONE)
            continue;
        printf("    %s%s)\n", flag->name, f == 0 ? "|-c" : "");
        if (flag->value == VALUE_FILE) {
            printf("        %s; return ;;\n", files);
        } else if (flag->value == VALUE_KEY) {
            printf("        %s; return ;;\n", keys);
        } else if (flag->value == VALUE_FORMAT) {
            printf("        case $verb in\n");
            put_format_cases();
            printf("        esac ;;\n");
        } else {
            printf("        offer=\"%s\" ;;\n", flag->words != NULL ? flag->words : "");
        }
    }
    printf("    *)\n        flagged= ;;\n    esac\n");
}

/* The verb is the first word that is no flag and no flag's value. */
static void put_search(const char *words, const char *first, const char *end)
{
    printf("    for ((i = %s; i < %s; i++)); do\n        word=${%s[i]}\n        case $word in\n", first, end, words);
    printf("        -c");
    for (unsigned f = 0; f < FLAGS; f++)
        if (verb_flags[f].value != VALUE_NONE)
            printf("|%s", verb_flags[f].name);
    printf(") i=$((i + 1)); [[ ${%s[i]} != '=' ]] || i=$((i + 1)) ;;\n        -*) ;;\n"
           "        *) verb=$word; break ;;\n        esac\n    done\n",
           words);
}

static void put_file_verbs(const char *files)
{
    printf("    case $verb in\n    ");
    for (const struct verb *v = verbs, *first = NULL; v->name != NULL; v++)
        if (v->files) {
            printf("%s%s", first != NULL ? "|" : "", v->name);
            first = v;
        }
    printf(") %s ;;\n    esac\n", files);
}

static void print_bash(void)
{
    printf(
        "# bash completion of otelcd, made by `otelcd completion bash`\n_otelcd() {\n"
        "    local i word verb= offer= flagged=yes cur=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD-1]}\n"
        "    COMPREPLY=()\n"
        "    if [[ $cur == '=' ]]; then cur=; elif [[ $before == '=' ]]; then before=${COMP_WORDS[COMP_CWORD-2]}; "
        "fi\n");
    put_search("COMP_WORDS", "1", "COMP_CWORD");
    put_values("compopt -o filenames; COMPREPLY=($(compgen -f -- \"$cur\"))",
               "compopt -o nospace; COMPREPLY=($(compgen -W \"$(\"${COMP_WORDS[0]}\" completion keys 2>/dev/null)\" "
               "-S = -- \"$cur\"))");
    printf("    [[ -z $flagged ]] && case $verb in\n    \"\") offer=\"");
    put_verbs();
    put_flags(&verbs[0], " ");
    printf(" --help --version\" ;;\n");
    put_cases("offer");
    printf("    esac\n    COMPREPLY=($(compgen -W \"$offer\" -- \"$cur\"))\n"
           "    [[ -z $flagged && $cur != -* ]] || return\n");
    put_file_verbs("compopt -o filenames; COMPREPLY+=($(compgen -f -- \"$cur\"))");
    printf("}\ncomplete -F _otelcd otelcd\n");
}

static void print_zsh(void)
{
    printf("#compdef otelcd\n# zsh completion of otelcd, made by `otelcd completion zsh`\n_otelcd() {\n"
           "    local i word verb= offer= flagged=yes before=${words[CURRENT-1]} otelcd=${words[1]}\n"
           "    local -a typed=($words)\n"
           "    if [[ ${typed[CURRENT]} == --*=* ]]; then before=${typed[CURRENT]%%%%=*}; compset -P '*='; fi\n");
    put_search("typed", "2", "CURRENT");
    put_values("_files", "compadd -S = -- ${(f)\"$($otelcd completion keys 2>/dev/null)\"}");
    printf("    [[ -z $flagged ]] && case $verb in\n    \"\") offer=\"");
    put_flags(&verbs[0], " ");
    printf(" --help --version\"\n        local -a all=(\n");
    for (const struct verb *v = verbs; v->name != NULL; v++)
        printf("            '%s:%s'\n", v->name, v->help);
    printf("        )\n        _describe command all ;;\n");
    put_cases("offer");
    printf("    esac\n    compadd -- ${=offer}\n    [[ -z $flagged ]] || return 0\n");
    put_file_verbs("_files");
    printf("}\n[[ $funcstack[1] != _otelcd ]] || _otelcd \"$@\"\n[[ $funcstack[1] == _otelcd ]] || compdef _otelcd "
           "otelcd\n");
}

/* --- fish: a line for each thing that may be offered, and when --- */

static void put_fish_flag(const struct verb *v, const char *when, unsigned f)
{
    const struct verb_flag *flag = &verb_flags[f];
    const char *words = flag->value == VALUE_FORMAT ? v->formats : flag->words;

    printf("complete -c otelcd -n '%s' -l %s%s -d '%s'", when, flag->name + 2, f == 0 ? " -s c" : "", flag->help);
    if (flag->value == VALUE_FILE)
        printf(" -rF");
    else if (flag->value == VALUE_KEY)
        printf(" -xa '(otelcd completion keys 2>/dev/null | string replace -r \\$ =)'");
    else if (flag->value != VALUE_NONE)
        printf(" -xa '%s'", words != NULL ? words : "");
    printf("\n");
}

static void print_fish(void)
{
    printf("# fish completion of otelcd, made by `otelcd completion fish`\ncomplete -c otelcd -f\n");
    for (const struct verb *v = verbs; v->name != NULL; v++) {
        char *when = mem_printf("__fish_seen_subcommand_from %s", v->name);

        printf("complete -c otelcd -n __fish_use_subcommand -a %s -d '%s'\n", v->name, v->help);
        for (unsigned f = 0; f < FLAGS; f++)
            if ((v->flags & 1u << f) != 0)
                put_fish_flag(v, when, f);
        if (v->words != NULL)
            printf("complete -c otelcd -n '%s' -a '%s'\n", when, v->words);
        if (v->files)
            printf("complete -c otelcd -n '%s' -F\n", when);
        free(when);
    }
    put_fish_flag(&verbs[0], "__fish_use_subcommand", 0);
    put_fish_flag(&verbs[0], "__fish_use_subcommand", 1);
}

/* --- keys --- */

static void print_keys(const struct option *rows, const char *path)
{
    for (const struct option *o = rows; o != NULL && o->kind != OPTION_END; o++) {
        char *key = mem_printf("%s.%s", path, o->key);

        if (o->kind == OPTION_GROUP)
            print_keys(o->options, key);
        else if (!option_is_word(o) && o->deprecated == NULL)
            printf("%s\n", key);
        free(key);
    }
}

static void print_all_keys(void)
{
    print_keys(service_options, "service");
    for (const struct component *const *c = component_registry; *c != NULL; c++) {
        char *path = mem_printf("%s.%s", config_sections[(*c)->kind], (*c)->type);

        print_keys((*c)->options, path);
        free(path);
    }
}

int command_completion(const struct arguments *a)
{
    static const struct {
        const char *name;
        void (*print)(void);
    } shells[] = { { "bash", print_bash }, { "zsh", print_zsh }, { "fish", print_fish }, { "keys", print_all_keys } };

    for (size_t i = 0; i < ARRAY_LEN(shells) && a->operands.n == 1; i++)
        if (strcmp(a->operands.v[0], shells[i].name) == 0) {
            shells[i].print();
            return 0;
        }
    fprintf(stderr,
            "usage: otelcd completion bash|zsh|fish\nWrites what that shell reads to complete the command line; "
            "make install puts it in its place.\n`otelcd completion keys` lists what --set can change.\n");
    return 2;
}

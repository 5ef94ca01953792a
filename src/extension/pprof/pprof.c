/* SPDX-License-Identifier: Apache-2.0 */
/* The pprof extension: where the processor's time goes, as `go tool pprof` reads it.
 *
 * /debug/pprof/profile?seconds=30 starts the sampler (sampler.h), and its answer is the profile when the time is over.
 * There is one at a time: save_to_file has it from start to stop. Of Go's other profiles nothing is here, and each says
 * why.
 *
 * With service::workers there is one for each process: the front listens, ?worker=2 says whose is asked for, and that
 * one's pprof makes it, which is served to the front alone.
 *
 * What can go wrong: a second one is told so; a peer that goes away ends its profile; the end of the program ends it
 * too, and the peer gets what there is. */
#include "extension/page_server.h"
#include "extension/pprof/profile.h"
#include "extension/pprof/symbol_map.h"

#include "base/mem.h"
#include "net/socket/endpoint.h"
#include "pipeline/service_view.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define SECONDS_DEFAULT 30u
#define SECONDS_MAX 300u
#define LOOK_EVERY NS_PER_S
#define CMDLINE_MAX 65536u

struct pprof_config {
    const char *endpoint;
    const char *save_to_file;
};

struct pprof {
    struct node node;
    const struct pprof_config *config;
    struct page_server pages;
    struct clock_timer timer; /* while a profile runs: the next look for threads, or its end */
    struct page *page;        /* that waits for it; NULL: none, or it is the file's */
    uint64_t began, ends;     /* mono */
    int fd;                   /* of save_to_file; -1: none */
    char *file;               /* its name; NULL: none */
    char *inside;             /* with workers: where each of them serves it to the front */
};

static struct pprof *pprof_of(struct node *node)
{
    return container_of(node, struct pprof, node);
}

static struct clock *clock_of(const struct pprof *p)
{
    return &p->node.host->loop->clock;
}

/* ---- a profile ---- */

static void on_tick(struct clock_timer *t);

static void wait_more(struct pprof *p)
{
    uint64_t now = clock_mono(clock_of(p)), left = p->ends > now ? p->ends - now : 0;

    clock_start(clock_of(p), &p->timer, left < LOOK_EVERY ? left : LOOK_EVERY, on_tick);
}

static int begin_profile(struct pprof *p, uint64_t lasts, struct error *err)
{
    if (sampler_start(p->node.host->budget, err) != 0)
        return err->code;
    p->began = clock_mono(clock_of(p));
    p->ends = lasts == UINT64_MAX ? UINT64_MAX : p->began + lasts;
    wait_more(p);
    return 0;
}

static void end_profile(struct pprof *p, struct buf *out)
{
    struct sampler_counts counts = sampler_stop();

    clock_stop(clock_of(p), &p->timer);
    if (out != NULL)
        profile_put(out, &counts, p->began + (uint64_t)clock_of(p)->offset, clock_mono(clock_of(p)) - p->began);
    sampler_free();
}

static void answer_profile(struct pprof *p)
{
    struct page *page = p->page;
    struct buf out = { 0 };

    p->page = NULL;
    end_profile(p, &out);
    page_answer(page, 200, "application/octet-stream", buf_bytes(&out));
    buf_free(&out);
}

static void on_tick(struct clock_timer *t)
{
    struct pprof *p = container_of(t, struct pprof, timer);

    if (clock_mono(clock_of(p)) >= p->ends) {
        answer_profile(p);
    } else {
        sampler_look_for_threads();
        wait_more(p);
    }
}

/* False: there is something else than a number. *number stays where there is nothing. */
static bool read_number(const struct page *page, const char *name, uint64_t *number)
{
    struct buf text = { 0 };
    const char *s;
    char *rest;
    bool ok = true;

    if (page_parameter(page, name, &text)) {
        s = buf_cstr(&text);
        *number = strtoull(s, &rest, 10);
        ok = s[0] >= '0' && s[0] <= '9' && *rest == '\0';
    }
    buf_free(&text);
    return ok;
}

/* False: not a number that can be meant. */
static bool read_seconds(const struct page *page, uint64_t *seconds)
{
    *seconds = SECONDS_DEFAULT;
    return read_number(page, "seconds", seconds) && *seconds > 0 && *seconds <= SECONDS_MAX;
}

static void start_profile(struct pprof *p, struct page *page)
{
    struct error err = { 0 };
    uint64_t seconds;
    char text[600];

    if (!read_seconds(page, &seconds)) {
        page_answer_text(page, 400, "400 seconds is a number from 1 to 300\n");
    } else if (begin_profile(p, seconds * NS_PER_S, &err) != 0) {
        snprintf(text, sizeof(text), "Could not enable CPU profiling: %s\n", err.text);
        page_answer_text(page, err.code == UV_EBUSY ? 500 : 503, text);
    } else {
        p->page = page;
        page_last(page);
    }
}

/* True: it is another process that is asked, or it was not said which one. */
static bool ask_worker(const struct pprof *p, struct page *page)
{
    const struct host *host = p->node.host;
    uint64_t worker = UINT64_MAX, seconds;
    char target[64];

    if (!host->front)
        return false;
    if (!read_seconds(page, &seconds)) {
        page_answer_text(page, 400, "400 seconds is a number from 1 to 300\n");
    } else if (!read_number(page, "worker", &worker) || worker > UINT32_MAX) {
        page_answer_text(page, 400,
                         "400 there are several processes: say whose profile it is to be, ?worker=1 and so on, or "
                         "?worker=0 for the one that looks after the others\n");
    } else if (worker == 0) {
        return false;
    } else {
        snprintf(target, sizeof(target), "/debug/pprof/profile?seconds=%u", (unsigned)seconds);
        host->view->relay(host->view, &(struct view_inside){ (unsigned)worker, p->inside, target }, page);
    }
    return true;
}

static void on_gone(struct page *page)
{
    struct pprof *p = container_of(page->set, struct pprof, pages.pages);

    if (p->page != page)
        return;
    p->page = NULL;
    end_profile(p, NULL);
}

/* ---- the other pages ---- */

static const char index_page[] =
    "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\"><title>/debug/pprof/</title>"
    "<style>:root{color-scheme:light dark}body{font:15px/1.5 system-ui,sans-serif;max-width:50em;margin:1em auto;"
    "padding:0 1em}</style></head><body><h1>/debug/pprof/</h1><ul>"
    "<li><a href=\"profile?seconds=10\">profile</a>: where the processor's time goes, for <code>?seconds=</code>1 to "
    "300 (30); <code>go tool pprof http://…/debug/pprof/profile</code> reads it; with <code>service::workers</code> of "
    "<code>&amp;worker=</code>1 and so on</li>"
    "<li><a href=\"cmdline\">cmdline</a>: how the program was started, without what may be a secret</li>"
    "<li>symbol: names of addresses, for pprof</li></ul>"
    "<p>Go's other profiles (heap, allocs, goroutine, threadcreate, block, mutex, trace) are of Go's runtime, which is "
    "not here: memory is in <code>/metrics</code> (<code>otelcd_budget_*</code>, <code>otelcol_process_*</code>).</p>"
    "</body></html>\n";

/* The words with zeroes between, as Go has them. What --set and yaml: carry may be a secret. */
static void put_cmdline(struct buf *out)
{
    char *text = mem_alloc(CMDLINE_MAX + 1);
    FILE *f = fopen("/proc/self/cmdline", "re");
    size_t n = f != NULL ? fread(text, 1, CMDLINE_MAX, f) : 0;
    bool set = false;

    text[n] = '\0';
    for (size_t i = 0; i < n; i += strlen(text + i) + 1) {
        const char *word = text + i, *from = strncmp(word, "--set=", 6) == 0 ? word + 6 : word;
        const char *equals = set || from != word ? strchr(from, '=') : NULL, *yaml = strstr(word, "yaml:");
        const char *end = equals != NULL ? equals + 1 : yaml != NULL ? yaml + 5 : NULL;

        if (i > 0)
            buf_putc(out, '\0');
        buf_append(out, word, end != NULL ? (size_t)(end - word) : strlen(word));
        if (end != NULL)
            buf_puts(out, "[REDACTED]");
        set = strcmp(word, "--set") == 0;
    }
    if (f != NULL)
        fclose(f);
    free(text);
}

/* GET /debug/pprof/symbol?0x4005d0+0x4005e0: each with its function, as pprof's protocol says. */
static void put_symbols(struct buf *out, struct bytes query)
{
    struct symbol_map s;
    struct buf text = { 0 };
    const char *at;
    char *rest;

    buf_puts(out, "num_symbols: 1\n");
    if (query.len == 0)
        return;
    symbol_map_load(&s);
    buf_put(&text, query);
    at = buf_cstr(&text);
    for (unsigned n = 0; *at != '\0' && n < 1000; n++) {
        uintptr_t address = strtoull(at, &rest, 16), begin;
        const struct mapping *m = symbol_map_find(&s, address);
        const char *name = m != NULL ? symbol_map_name(m, address, &begin) : NULL;

        if (rest == at)
            break;
        if (name != NULL)
            buf_printf(out, "%#llx %s\n", (unsigned long long)address, name);
        at = *rest == '+' ? rest + 1 : "";
    }
    buf_free(&text);
    symbol_map_free(&s);
}

static bool is_of_go(struct bytes name)
{
    static const char *const names[] = { "heap", "allocs", "goroutine", "threadcreate", "block", "mutex", "trace" };

    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        if (bytes_is(name, names[i]))
            return true;
    return false;
}

static void on_page(struct page_set *s, struct page *page)
{
    static const char root[] = "/debug/pprof/";
    struct pprof *p = container_of(s, struct pprof, pages.pages);
    struct bytes path = page->req->path, name = { 0 };
    struct buf out = { 0 };

    if (path.len >= strlen(root) && memcmp(path.data, root, strlen(root)) == 0)
        name = bytes_skip(path, strlen(root));
    if (!bytes_is(page->req->method, "GET") && !bytes_is(page->req->method, "HEAD"))
        page_answer_text(page, 405, "405 method not allowed, supported: [GET, HEAD]\n");
    else if (bytes_is(path, root))
        page_answer(page, 200, "text/html; charset=utf-8", bytes_str(index_page));
    else if (bytes_is(name, "profile") && bytes_is(page->req->method, "GET")) {
        if (!ask_worker(p, page))
            start_profile(p, page);
    } else if (is_of_go(name))
        page_answer_text(page, 404,
                         "404 this is a profile of Go's runtime, which is not here: /debug/pprof/ says what "
                         "is\n");
    else if (bytes_is(name, "cmdline") || bytes_is(name, "symbol")) {
        if (bytes_is(name, "cmdline"))
            put_cmdline(&out);
        else
            put_symbols(&out, page->req->query);
        page_answer(page, 200, "text/plain; charset=utf-8", buf_bytes(&out));
    } else
        page_answer_text(page, 404, "404 page not found: the list of pages is at /debug/pprof/\n");
    buf_free(&out);
}

/* ---- save_to_file ---- */

static int open_file(struct pprof *p, struct error *err)
{
    const char *path = p->file;

    p->fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (p->fd < 0)
        return error_set(err, -errno, "save_to_file: cannot open %s: %s", path, uv_strerror(-errno));
    return begin_profile(p, UINT64_MAX, err);
}

static void save_profile(struct pprof *p)
{
    struct buf out = { 0 };
    size_t done = 0;
    ssize_t n = 0;

    end_profile(p, &out);
    while (done < out.len && (n = write(p->fd, out.data + done, out.len - done)) > 0)
        done += (size_t)n;
    if (close(p->fd) != 0 || done < out.len)
        log_error(&p->node.log, "The profile is not whole", F_STR("file", p->file),
                  F_STR("error", uv_strerror(-errno)));
    p->fd = -1;
    buf_free(&out);
}

/* ---- life ---- */

static int create(struct node *node, const void *config, struct error *err)
{
    struct pprof *p = pprof_of(node);
    unsigned worker = node->host->worker;

    (void)err;
    p->config = config;
    p->fd = -1;
    p->inside = mem_printf(VIEW_INSIDE "%s", node->id);
    if (p->config->save_to_file[0] != '\0' && !node->host->front)
        p->file =
            worker > 1 ? mem_printf("%s.%u", p->config->save_to_file, worker) : mem_strdup(p->config->save_to_file);
    p->pages.pages.on_page = on_page;
    p->pages.pages.on_gone = on_gone;
    return 0;
}

static int start(struct node *node, struct error *err)
{
    struct pprof *p = pprof_of(node);
    bool inside = node->host->worker > 0;
    struct http_server_options o = {
        .endpoint = inside ? p->inside : p->config->endpoint,
        .transport = inside ? "unix" : "tcp",
        .listeners = node->host->listeners,
    };

    if (page_server_listen(&p->pages, node, &o, NULL, err) != 0)
        return err->code;
    return p->file != NULL ? open_file(p, err) : 0;
}

static void stop(struct node *node, uint64_t deadline, void (*done)(struct node *))
{
    struct pprof *p = pprof_of(node);

    if (p->page != NULL)
        answer_profile(p);
    if (p->fd >= 0 && clock_armed(&p->timer))
        save_profile(p);
    page_server_stop(&p->pages, node, deadline, done);
}

static void hurry(struct node *node)
{
    page_server_hurry(&pprof_of(node)->pages);
}

static void destroy(struct node *node)
{
    page_server_close(&pprof_of(node)->pages);
    free(pprof_of(node)->file);
    free(pprof_of(node)->inside);
}

/* ---- what the configuration may say ---- */

static void check(const void *config, struct check *ck)
{
    const struct pprof_config *c = config;

    if (c->endpoint[strspn(c->endpoint, " \t")] == '\0')
        check_fail(ck, "endpoint", "\"endpoint\" is required when using the \"pprof\" extension");
    else
        endpoint_check_option("endpoint", c->endpoint, "tcp", ck);
}

static void claim(const void *config, struct claims *claims)
{
    const struct pprof_config *c = config;

    claim_address(claims, "endpoint", c->endpoint, "tcp");
    if (c->save_to_file[0] != '\0')
        claim_writes(claims, c->save_to_file);
}

static const struct option options[] = {
    OPT_STRING(struct pprof_config, endpoint, "localhost:1777",
               "Address to listen on, host:port. Port 0 takes a free one."),
    OPT_STRING(
        struct pprof_config, save_to_file, "",
        "Take one profile from start to stop, and write it to this file at the end. With service::workers the second "
        "worker's has .2 behind its name, and so on."),
    OPT_IGNORED("block_profile_fraction", "it is about Go's runtime, which is not here"),
    OPT_IGNORED("mutex_profile_fraction", "it is about Go's runtime, which is not here"),
    OPT_REFUSED("dialer", "a listener does not dial: remove this block"),
    OPT_END,
};

extern const struct component pprof_extension;
const struct component pprof_extension = {
    COMPONENT_TYPE("pprof", COMPONENT_EXTENSION, .stability = "beta"),
    .spread = SPREAD_EACH,
    .summary = "Serves profiles of processor time under /debug/pprof/, for go tool pprof.",
    COMPONENT_CONFIG(struct pprof_config, options, .check = check, .claim = claim),
    COMPONENT_NODE(struct pprof, .create = create, .start = start, .stop = stop, .hurry = hurry, .destroy = destroy),
};

/* SPDX-License-Identifier: Apache-2.0 */
/* `otelcd top`: asks a running otelcd for its status, shows it, waits, asks again. On a terminal it draws over what it
 * drew, on a screen of its own, and gives the terminal back as it was; into a pipe it writes one look after another.
 *
 * Signals are blocked but while it waits (ppoll), so that none comes between a look at their flags and the wait.
 *
 * What can go wrong: it does not answer. At the beginning that is the end, with a sentence; later it is shown, and
 * asked again. */
#include "command/status.h"
#include "command/top_frame.h"
#include "command/top_screen.h"
#include "config/decode.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

enum { TOP_WELL = 0, TOP_UNWELL = 1, TOP_UNREACHED = 2 };

#define LEAST_INTERVAL ((int64_t)100000000)

struct look {
    struct arena arena;
    const struct json_node *root; /* NULL: there was no answer */
};

struct top {
    struct daemon_address address;
    struct look looks[2]; /* in turn */
    unsigned n;
    struct error fault; /* of the last look, which had none */
    int64_t interval;   /* ns */
    bool screen;        /* stdout is a terminal, and so are the keys */
    bool keys;          /* they are read */
    bool lent;          /* the terminal is set otherwise than it was */
    struct termios before;
    sigset_t open; /* while it waits */
};

static volatile sig_atomic_t is_over;

static void on_signal(int signal)
{
    is_over |= signal != SIGWINCH;
}

/* ---- a look ---- */

static bool take_look(struct top *t)
{
    static const struct json_tree_rules rules = { .max_nodes = 2000000, .max_depth = 16 };
    struct look *l = &t->looks[++t->n % 2];
    struct daemon_answer r;
    struct json_node *root;

    arena_reset(&l->arena);
    l->root = NULL;
    if (!status_ask(&t->address, "/api/v1/status", &r, &t->fault))
        return false;
    root = json_tree_parse(r.body, &l->arena, &rules, &t->fault);
    buf_free(&r.text);
    if (root == NULL || json_at(root, "pipelines") == NULL) {
        error_set(&t->fault, -1, "what %s answers is no status of otelcd", r.where);
        return false;
    }
    l->root = root;
    return true;
}

static void write_all(struct bytes text)
{
    while (text.len > 0) {
        ssize_t n = write(STDOUT_FILENO, text.data, text.len);

        if (n < 0 && errno != EINTR) {
            is_over = 1;
            return;
        }
        text = bytes_skip(text, n > 0 ? (size_t)n : 0);
    }
}

static void show_look(const struct top *t)
{
    const struct look *now = &t->looks[t->n % 2], *before = &t->looks[(t->n + 1) % 2];
    struct winsize size = { .ws_col = 80, .ws_row = 24 };
    struct buf lines = { 0 }, out = { 0 };

    if (now->root != NULL)
        top_frame_put(&lines, now->root, before->root);
    else
        buf_printf(&lines, "%c%s\n", TOP_FAILING, t->fault.text);
    if (t->screen) {
        ioctl(STDOUT_FILENO, TIOCGWINSZ, &size);
        buf_puts(&out, "\033[H");
    }
    top_screen_put(&out, buf_bytes(&lines), t->screen ? (size_t)size.ws_col + (size.ws_col == 0) : 0, size.ws_row);
    if (!t->screen && t->interval > 0)
        buf_putc(&out, '\n');
    write_all(buf_bytes(&out));
    buf_free(&out);
    buf_free(&lines);
}

/* ---- the terminal ---- */

static void begin_screen(struct top *t)
{
    struct termios raw;
    static const char text[] = "\033[?1049h\033[?25l\033[?7l";

    t->screen = isatty(STDOUT_FILENO) == 1;
    if (!t->screen)
        return;
    t->keys = tcgetattr(STDIN_FILENO, &t->before) == 0;
    t->lent = t->keys;
    if (t->keys) {
        raw = t->before;
        raw.c_lflag &= (tcflag_t) ~(unsigned)(ICANON | ECHO | ISIG);
        raw.c_cc[VMIN] = 0;
        raw.c_cc[VTIME] = 0;
        tcsetattr(STDIN_FILENO, TCSANOW, &raw);
    }
    write_all(bytes_str(text));
}

static void end_screen(const struct top *t)
{
    if (t->lent)
        tcsetattr(STDIN_FILENO, TCSANOW, &t->before);
    if (t->screen)
        write_all(bytes_str("\033[?7h\033[?25h\033[?1049l"));
}

static void catch_signals(struct top *t)
{
    static const int signals[] = { SIGINT, SIGTERM, SIGHUP, SIGWINCH };
    struct sigaction action = { .sa_handler = on_signal };
    sigset_t closed;

    sigemptyset(&closed);
    for (size_t i = 0; i < ARRAY_LEN(signals); i++) {
        sigaction(signals[i], &action, NULL);
        sigaddset(&closed, signals[i]);
    }
    signal(SIGPIPE, SIG_IGN);
    sigprocmask(SIG_BLOCK, &closed, &t->open);
}

/* ---- waiting ---- */

static int64_t mono_now(void)
{
    struct timespec ts;

    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (int64_t)ts.tv_sec * 1000000000 + ts.tv_nsec;
}

/* q, or the terminal's ways to end: ^C, ^D, and its going. */
static void read_keys(struct top *t)
{
    char keys[64];
    ssize_t n = read(STDIN_FILENO, keys, sizeof(keys));

    t->keys = n > 0;
    is_over |= n <= 0;
    for (ssize_t i = 0; i < n; i++)
        is_over |= keys[i] == 'q' || keys[i] == 'Q' || keys[i] == 3 || keys[i] == 4;
}

static void wait_interval(struct top *t)
{
    int64_t until = mono_now() + t->interval, left;

    while (is_over == 0 && (left = until - mono_now()) > 0) {
        struct timespec ts = { .tv_sec = left / 1000000000, .tv_nsec = left % 1000000000 };
        struct pollfd in = { .fd = t->keys ? STDIN_FILENO : -1, .events = POLLIN };
        int n = ppoll(&in, 1, &ts, &t->open);

        if (n > 0)
            read_keys(t);
        else if (n < 0 && is_over == 0)
            show_look(t); /* the window has another size */
    }
}

/* ---- the verb ---- */

static bool is_well(const struct top *t)
{
    return json_true_at(t->looks[t->n % 2].root, "well");
}

/* Two looks, so that there are rates; the second is shown. */
static int look_once(struct top *t)
{
    wait_interval(t);
    if (is_over != 0 || !take_look(t))
        return TOP_UNREACHED;
    t->interval = 0;
    show_look(t);
    return is_well(t) ? TOP_WELL : TOP_UNWELL;
}

static int look_on(struct top *t)
{
    begin_screen(t);
    while (is_over == 0) {
        show_look(t);
        wait_interval(t);
        if (is_over == 0)
            take_look(t);
    }
    end_screen(t);
    return TOP_WELL;
}

int command_top(const struct arguments *a)
{
    struct top t = { .interval = 1000000000 };
    int code = TOP_UNREACHED;

    if (a->interval != NULL && (!duration_parse(a->interval, &t.interval) || t.interval < LEAST_INTERVAL)) {
        fprintf(stderr, "otelcd top: \"%s\" is no interval; write --interval 1s (at least 100ms)\n", a->interval);
        return TOP_UNREACHED;
    }
    if (daemon_find_here(a, &t.address) != 0)
        return TOP_UNREACHED;
    catch_signals(&t);
    if (take_look(&t))
        code = a->once ? look_once(&t) : look_on(&t);
    if (code == TOP_UNREACHED && is_over == 0)
        fprintf(stderr, "otelcd top: %s\n", t.fault.text);
    arena_free(&t.looks[0].arena);
    arena_free(&t.looks[1].arena);
    return code;
}

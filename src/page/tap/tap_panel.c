/* SPDX-License-Identifier: Apache-2.0 */
/* A form whose choice of points is made of the pipelines that run, and a list that the script fills. A link may name
 * the point: /tap?point=logs/transform. */
#include "page/tap/tap_panel.h"

#include "page/html.h"

struct putting {
    struct buf *out;
};

/* `parameter`: what names the node beside the pipeline; NULL: it is in the point. */
static void put_option(struct buf *out, const struct view_pipeline *p, const char *parameter, const char *id)
{
    buf_puts(out, "<option data-point=\"");
    html_text(out, bytes_str(p->id));
    if (id != NULL && parameter == NULL) {
        buf_putc(out, '/');
        html_text(out, bytes_str(id));
    }
    if (id != NULL && parameter != NULL) {
        buf_printf(out, "\" data-%s=\"", parameter);
        html_text(out, bytes_str(id));
    }
    buf_puts(out, "\">");
    html_text(out, bytes_str(p->id));
    if (id != NULL) {
        buf_printf(out, ": %s ", parameter != NULL ? parameter : "processor");
        html_text(out, bytes_str(id));
    }
    buf_puts(out, "</option>");
}

static void put_points(const struct view_pipeline *p, void *arg)
{
    static const char *const parameters[] = { [VIEW_RECEIVER] = "receiver", [VIEW_EXPORTER] = "exporter" };
    struct putting *x = arg;

    put_option(x->out, p, NULL, NULL);
    for (size_t i = 0; i < p->n_nodes; i++)
        put_option(x->out, p, p->nodes[i].role == VIEW_PROCESSOR ? NULL : parameters[p->nodes[i].role],
                   p->nodes[i].node->id);
}

void tap_panel_put(struct buf *out, const struct host *host)
{
    struct putting x = { out };

    buf_puts(
        out,
        "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\"><meta name=\"viewport\" "
        "content=\"width=device-width\"><title>otelcd: live items</title><link rel=\"stylesheet\" href=\"page.css\">"
        "<link rel=\"stylesheet\" href=\"tap.css\"><script src=\"tap.js\" defer></script></head><body>"
        "<header><h1>Live items</h1><nav><a href=\".\">the page</a></nav></header><main>"
        "<noscript><p class=\"bad\">This page needs its script. In a terminal: otelcd tap "
        "PIPELINE/PROCESSOR</p></noscript>"
        "<form id=\"tap\"><p><label>at <select id=\"point\">");
    host->view->each_pipeline(host->view, put_points, &x);
    buf_puts(out,
             "</select></label> <label>showing <select id=\"side\"><option value=\"\">what tells most</option>"
             "<option value=\"before\">what goes in</option><option value=\"after\">what comes out</option>"
             "<option value=\"both\">both, marked</option></select></label> "
             "<label>a second <input id=\"rate\" type=\"number\" min=\"0\" value=\"5\"></label></p>"
             "<p><label>where <input id=\"condition\" type=\"text\" spellcheck=\"false\" autocomplete=\"off\" "
             "placeholder='span.name == \"GET /\"' aria-describedby=\"fault\"></label></p>"
             "<pre id=\"fault\" class=\"bad\" role=\"alert\" hidden></pre>"
             "<p><button id=\"go\" type=\"submit\">Start</button> <button id=\"clear\" type=\"button\">Clear</button> "
             "<span id=\"counts\" role=\"status\"></span></p></form>"
             "<ol id=\"items\" aria-label=\"items, the newest first\"></ol></main></body></html>\n");
}

/* clang-format off */
const char tap_style[] =
    "form p{margin:.5em 0}label{margin-right:1em}#condition{width:min(40em,90%);font-family:ui-monospace,monospace}\n"
    "#rate{width:4.5em}:is(button,input,select):focus-visible{outline:3px solid Highlight}\n"
    "#items{list-style:none;padding:0}#items li{border:1px solid var(--line);border-left:4px solid var(--line);margin:.5em 0;padding:.2em .6em}\n"
    "#items li.changed{border-left-color:#f9a825}#items li.left{border-left-color:var(--bad)}#items li.unchanged{border-left-color:var(--good)}\n"
    "#items pre{border:0;margin:.2em 0;padding:0;white-space:pre-wrap;overflow-wrap:anywhere}\n"
    "#items del,#items ins{display:block;text-decoration:none}#items del{background:color-mix(in srgb,var(--bad) 18%,Canvas)}\n"
    "#items ins{background:color-mix(in srgb,var(--good) 18%,Canvas)}\n";

const char tap_script[] =
    "'use strict';\n"
    "(function () {\n"
    "  var MOST = 200, stop = null;\n"
    "  function get(id) { return document.getElementById(id); }\n"
    "  function counts(text) { get('counts').textContent = text; }\n"
    "  function fault(text) { get('fault').textContent = text; get('fault').hidden = text === ''; }\n"
    "  function running(on) { get('go').textContent = on ? 'Stop' : 'Start'; }\n"
    "  function question() {\n"
    "    var q = [], o = get('point').selectedOptions[0], one = o && (o.dataset.receiver || o.dataset.exporter);\n"
    "    function add(k, v) { if (v && v.trim() !== '') q.push(k + '=' + encodeURIComponent(v)); }\n"
    "    if (o) ['point', 'receiver', 'exporter'].forEach(function (k) { add(k, o.dataset[k]); });\n"
    "    if (!one) add('side', get('side').value);\n"
    "    add('rate', get('rate').value);\n"
    "    add('condition', get('condition').value);\n"
    "    return q.join('&');\n"
    "  }\n"
    "  function line(text) {\n"
    "    var e = document.createElement(text[0] === '-' ? 'del' : text[0] === '+' ? 'ins' : 'span');\n"
    "    e.textContent = e.tagName === 'SPAN' ? text + '\\n' : text;\n"
    "    return e;\n"
    "  }\n"
    "  function item(lines) {\n"
    "    var li = document.createElement('li'), head = document.createElement('strong'), pre = document.createElement('pre');\n"
    "    li.className = lines[0].split(' ')[0];\n"
    "    head.textContent = lines[0];\n"
    "    pre.append.apply(pre, lines.slice(1).map(line));\n"
    "    li.append(head, pre);\n"
    "    get('items').prepend(li);\n"
    "    while (get('items').childElementCount > MOST) get('items').lastElementChild.remove();\n"
    "  }\n"
    "  function event(name, lines) {\n"
    "    var c;\n"
    "    if (name === 'item') item(lines);\n"
    "    else if (name === 'count') {\n"
    "      c = JSON.parse(lines.join(''));\n"
    "      counts(c.shown + ' shown, ' + c.matched + ' matched of ' + c.looked + ' looked at, ' + c.passed + ' passed' +\n"
    "        (c.missed ? ', ' + c.missed + ' missed' : '') + (c.large ? ', ' + c.large + ' too large' : '') +\n"
    "        (c.failed ? ', the condition failed on ' + c.failed : ''));\n"
    "    } else counts(lines.join(' '));\n"
    "  }\n"
    "  function read(body) {\n"
    "    var reader = body.getReader(), decoder = new TextDecoder(), rest = '';\n"
    "    function more(r) {\n"
    "      var blocks;\n"
    "      if (r.done) return undefined;\n"
    "      blocks = (rest + decoder.decode(r.value, {stream: true})).split('\\n\\n');\n"
    "      rest = blocks.pop();\n"
    "      blocks.forEach(function (b) {\n"
    "        var name = '', lines = [];\n"
    "        b.split('\\n').forEach(function (l) {\n"
    "          if (l.slice(0, 7) === 'event: ') name = l.slice(7);\n"
    "          else if (l.slice(0, 6) === 'data: ') lines.push(l.slice(6));\n"
    "        });\n"
    "        event(name, lines);\n"
    "      });\n"
    "      return reader.read().then(more);\n"
    "    }\n"
    "    return reader.read().then(more);\n"
    "  }\n"
    "  function refuse(r) {\n"
    "    return r.text().then(function (text) {\n"
    "      var f, at;\n"
    "      try { f = JSON.parse(text); } catch (e) { fault(text); return; }\n"
    "      at = f.line ? get('condition').value + '\\n' + ' '.repeat(f.column - 1) + '^\\n' : '';\n"
    "      fault(at + f.error);\n"
    "    });\n"
    "  }\n"
    "  function start() {\n"
    "    var mine = stop = new AbortController();\n"
    "    fault('');\n"
    "    running(true);\n"
    "    fetch('api/v1/tap?' + question(), {signal: mine.signal}).then(function (r) {\n"
    "      return r.status === 200 ? read(r.body) : refuse(r);\n"
    "    }).catch(function (e) {\n"
    "      if (e.name !== 'AbortError') fault('otelcd does not answer: ' + e.message);\n"
    "    }).then(function () {\n"
    "      if (stop === mine) { stop = null; running(false); }\n"
    "    });\n"
    "  }\n"
    "  function end() {\n"
    "    if (stop) stop.abort();\n"
    "    stop = null;\n"
    "    running(false);\n"
    "  }\n"
    "  get('tap').addEventListener('submit', function (e) { e.preventDefault(); if (stop) end(); else start(); });\n"
    "  get('clear').addEventListener('click', function () { get('items').replaceChildren(); });\n"
    "  get('point').addEventListener('change', end);\n"
    "  Array.prototype.forEach.call(get('point').options, function (o) {\n"
    "    if (o.dataset.point === new URLSearchParams(location.search).get('point') && !o.dataset.receiver && !o.dataset.exporter) o.selected = true;\n"
    "  });\n"
    "}());\n";
/* clang-format on */

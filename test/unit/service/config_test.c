/* SPDX-License-Identifier: Apache-2.0 */
/* Whole configurations: what is said of their sections, ids, references, pipelines and `service:`. */
#include "service/config.h"

#include <check.h>
#include <stdlib.h>

#define EMPTY_HINT "; it needs at least receivers, exporters and service, as config/otelcd.yaml has them"
#define RECEIVERS "receivers: {nop: }\n"
#define EXPORTERS "exporters: {nop: }\n"
#define PIPELINES "service: {pipelines: {traces: {receivers: [nop], exporters: [nop]}}}\n"
#define TELEMETRY(text)                                                                                                \
    RECEIVERS EXPORTERS "service:\n  pipelines: {traces: {receivers: [nop], exporters: [nop]}}\n  telemetry: " text "\n"

static struct config *c;
static struct buf out;

static void teardown(void)
{
    if (c != NULL)
        config_free(c);
    c = NULL;
    buf_free(&out);
}

static struct config *load(const char *text)
{
    char *uri = mem_printf("yaml:%s", text);
    struct config_sources s = { .uris = (const char *const[]){ uri }, .n_uris = 1, .offline = true };

    c = config_load(&s, component_registry);
    free(uri);
    return c;
}

/* The faults, one a line: "line:column: path: text", warnings with a "?" in front. */
static const char *faults_of(const char *text)
{
    load(text);
    for (size_t i = 0; i < c->faults.list.n; i++) {
        const struct fault *f = &c->faults.list.v[i];

        buf_printf(&out, "%s%s%d:%d: %s%s%s", i > 0 ? "\n" : "", f->warning ? "?" : "", f->line, f->column, f->path,
                   f->path[0] != '\0' ? ": " : "", f->text);
    }
    return buf_cstr(&out);
}

static const struct {
    const char *text, *faults;
} cases[] = {
    { RECEIVERS EXPORTERS PIPELINES, "" },
    /* sections */
    { "", "0:0: yaml:: empty configuration file" EMPTY_HINT },
    { "receivers: {}",
      "1:1: empty configuration file" EMPTY_HINT "\n0:0: service::pipelines: service must have at least one pipeline" },
    { EXPORTERS "service: {pipelines: {traces: {exporters: [nop]}}}",
      "1:1: no receiver configuration specified in config\n"
      "2:23: service::pipelines::traces: must have at least one receiver" },
    /* types: of Go and not here, once of Go, known to nobody */
    { "receivers: {nop: , filelog/2: , host_metrics: }\nexporters: {nop: , loki: , dbg: }\n" PIPELINES,
      "1:20: receivers::filelog/2: \"filelog\" is a receiver of the Go collector that otelcd does not have; let the "
      "services "
      "send their logs as OTLP, or let an agent that reads them send OTLP to otelcd: Fluent Bit, by its output "
      "opentelemetry\n"
      "1:33: receivers::host_metrics: \"host_metrics\" is a receiver of the Go collector that otelcd does not have; "
      "run "
      "node_exporter and scrape it with a prometheus receiver\n"
      "2:20: exporters::loki: \"loki\" is an exporter that the Go collector once had; Loki takes OTLP: write "
      "`otlp_http: {endpoint: \"http://loki:3100/otlp\"}`\n"
      "2:28: exporters::dbg: unknown type: \"dbg\" for id: \"dbg\" (valid values: [debug file kafka load_balancing nop "
      "otlp_grpc "
      "otlp_http "
      "prometheus "
      "prometheus_remote_write]); did you mean \"debug\"?" },
    { "receivers: [nop]\n" EXPORTERS PIPELINES,
      "1:12: receivers: expected a map of components, got a list; write each as a key, name: without a dash" },
    /* a variable that is not set: beside the error, else once */
    { RECEIVERS EXPORTERS PIPELINES
      "processors: {batch: {timeout: '${env:T_UNSET}', send_batch_size: '${env:T_UNSET}'}}",
      "?4:31: processors::batch::timeout: the environment variable T_UNSET is not set: the value is empty; write "
      "${env:T_UNSET:-default} to give one\n"
      "?4:14: processors::batch: is configured but not used by any pipeline" },
    { RECEIVERS EXPORTERS PIPELINES
      "processors: {attributes: {actions: [{key: '${env:T_UNSET}', action: '${env:T_UNSET}'}]}}",
      "4:69: processors::attributes::actions::0::action: unsupported action \"\": write insert, update, upsert, "
      "delete, hash, extract or convert; the environment variable T_UNSET is not set" },
    /* one mistake does not hide the others */
    { RECEIVERS EXPORTERS "exporters: {nop/2: , debug: {verbosity: loud}}\n"
                          "service: {pipelines: {trace: {receivers: [npo], exporters: [nop/2]}}}",
      "3:1: the key \"exporters\" stands here already, at line 2\n"
      "3:41: exporters::debug::verbosity: \"loud\" is not one of basic, normal or detailed\n"
      "4:23: service::pipelines::trace: unknown signal \"trace\": a pipeline is called traces, metrics, logs or "
      "profiles, or "
      "one of these with /name behind it; did you mean \"traces\"?\n"
      "4:43: service::pipelines::trace: references receiver \"npo\" which is not configured; did you mean \"nop\"?" },
    /* what could not start */
    { RECEIVERS
      "exporters: {prometheus: {endpoint: '0.0.0.0:99999'}, prometheus/2: {endpoint: ':8889x'}, prometheus/3: "
      "{endpoint: 0.0.0.0.8889}, prometheus/4: {endpoint: ' 127.0.0.1:1'}}\n"
      "service: {pipelines: {metrics: {receivers: [nop], exporters: [prometheus, prometheus/2, prometheus/3, "
      "prometheus/4]}}}",
      "2:36: exporters::prometheus::endpoint: \"99999\" is not a port; write a number from 0 to 65535\n"
      "2:79: exporters::prometheus/2::endpoint: \"8889x\" is not a port; write a number from 0 to 65535\n"
      "2:115: exporters::prometheus/3::endpoint: \"0.0.0.0.8889\" has no port; did you mean 0.0.0.0:8889?\n"
      "2:155: exporters::prometheus/4::endpoint: \" 127.0.0.1\" is not a host: it has a blank in it" },
    { RECEIVERS "exporters: {file: {path: /nowhere/x}, file/2: {path: /tmp}, debug: {use_internal_logger: false, "
                "output_paths: [stderr, 'file:///nowhere/y']}}\n"
                "service: {pipelines: {traces: {receivers: [nop], exporters: [file, file/2, debug]}}}",
      "?2:26: exporters::file::path: the directory of /nowhere/x cannot be used here: no such file or directory; where "
      "it "
      "is so, otelcd does not start: make it, or set create_directory: true\n"
      "2:54: exporters::file/2::path: /tmp is a directory: write the name of a file\n"
      "?2:111: exporters::debug::output_paths: the directory of file:///nowhere/y cannot be used here: no such file or "
      "directory; where it is so, otelcd does not start" },
    { RECEIVERS EXPORTERS PIPELINES "processors: {attributes: {actions: [{key: k, action: insert, value: a$POD_IP}]}}",
      "?4:69: processors::attributes::actions::0::value: $POD_IP is not replaced: write ${env:POD_IP} for the "
      "variable, "
      "or $$POD_IP for the text\n?4:14: processors::attributes: is configured but not used by any pipeline" },
    { RECEIVERS EXPORTERS PIPELINES "processors: {attributes: {actions: [{key: k, pattern: '^FOO$', action: delete}, "
                                    "{key: k, action: insert, value: pa$w0rd $$X $1}]}}",
      "?4:14: processors::attributes: is configured but not used by any pipeline" },
    { TELEMETRY("{metrics: {readers: [{pull: {exporter: {prometheus: {host: ' localhost'}}}}]}}"),
      "5:35: service::telemetry::metrics::readers: host: \" localhost\" is not a host: it has a blank in it" },
    { RECEIVERS "service: {pipelines: {traces: {receivers: [nop]}}}",
      "1:1: no exporter configuration specified in config\n"
      "2:23: service::pipelines::traces: must have at least one exporter" },
    { RECEIVERS EXPORTERS PIPELINES "x-none: 1",
      "4:1: has invalid keys: x-none; the keys here are receivers, processors, "
      "exporters, connectors, extensions and service" },
    { "receivers: ${file:/nowhere}\n", "1:12: receivers: cannot read ${file:/nowhere}: no files are read here" },
    { RECEIVERS EXPORTERS PIPELINES "Processors: {}",
      "4:1: has invalid keys: Processors; did you mean \"processors\"?" },
    { RECEIVERS EXPORTERS PIPELINES "processors: 5", "4:13: processors: expected a map of components, got an integer" },
    { RECEIVERS EXPORTERS "service: {}", "3:10: service::pipelines: service must have at least one pipeline" },
    /* ids */
    { "receivers: {nop: , nop/: , /nop: , 'n-p': , 'nop/a b': , ' nop ': , nop/\xc3\xbc: }\n" EXPORTERS PIPELINES,
      "1:20: receivers::nop/: in \"nop/\" id: the part after / should not be empty\n"
      "1:28: receivers::/nop: in \"/nop\" id: the part before / should not be empty\n"
      "1:36: receivers::n-p: invalid character(s) in type \"n-p\": letters, digits and _ only\n"
      "1:45: receivers::nop/a b: invalid character(s) in name \"a b\"\n"
      "1:58: receivers::nop: duplicate name \"nop\"" },
    { "receivers: {nop: , nopp: , x/y: }\n" EXPORTERS PIPELINES,
      "1:20: receivers::nopp: unknown type: \"nopp\" for id: \"nopp\" (valid values: [otlp kafka prometheus "
      "prometheusremotewrite nop]); did you "
      "mean "
      "\"nop\"?\n"
      "1:28: receivers::x/y: unknown type: \"x\" for id: \"x/y\" (valid values: [otlp kafka prometheus "
      "prometheusremotewrite "
      "nop]); no receiver of the Go collector is known by that name either; let the services, or a Go collector that "
      "has it, send OTLP to otelcd" },
    /* bodies */
    { RECEIVERS EXPORTERS PIPELINES "processors: {batch: {timeuot: 1s}, memory_limiter: 5}",
      "4:22: processors::batch: has invalid keys: timeuot; did you mean \"timeout\"?\n"
      "4:52: processors::memory_limiter: expected a map of options, got an integer" },
    { RECEIVERS EXPORTERS PIPELINES "processors: {batch: {send_batch_max_size: 1}}",
      "4:43: processors::batch::send_batch_max_size: send_batch_max_size must be greater or equal to send_batch_size" },
    { "receivers: {otlp: }\n" EXPORTERS "service: {pipelines: {traces: {receivers: [otlp], exporters: [nop]}}}",
      "1:19: receivers::otlp::protocols: must specify at least one protocol when using the OTLP receiver: write "
      "`grpc:` "
      "or `http:` (or both) under protocols" },
    /* old names */
    { RECEIVERS "exporters: {logging: {loglevel: DEBUG}}\n"
                "service: {pipelines: {traces: {receivers: [nop], exporters: [logging]}}}",
      "?2:13: exporters::logging: \"logging\" alias is deprecated; use \"debug\" instead\n"
      "?2:33: exporters::logging: loglevel is the old spelling; write verbosity: detailed" },
    { RECEIVERS "exporters: {logging: {loglevel: loud}}\n"
                "service: {pipelines: {traces: {receivers: [nop], exporters: [logging]}}}",
      "?2:13: exporters::logging: \"logging\" alias is deprecated; use \"debug\" instead\n"
      "2:33: exporters::logging: loglevel is the old spelling of verbosity; write verbosity: basic, normal or "
      "detailed, and "
      "only that" },
    /* references */
    { RECEIVERS EXPORTERS
      "processors: {batch: }\n"
      "service: {pipelines: {traces: {receivers: [npo], processors: [bacth, nop], exporters: [a]}}}",
      "4:44: service::pipelines::traces: references receiver \"npo\" which is not configured; did you mean \"nop\"?\n"
      "4:63: service::pipelines::traces: references processor \"bacth\" which is not configured; did you mean "
      "\"batch\"?\n"
      "4:70: service::pipelines::traces: references processor \"nop\" which is not configured; nop is the name of a "
      "receiver\n"
      "4:88: service::pipelines::traces: references exporter \"a\" which is not configured; write it under exporters, "
      "or take it out here" },
    { RECEIVERS EXPORTERS
      "processors: {batch: }\n"
      "service: {pipelines: {traces: {receivers: [nop], processors: [batch, batch], exporters: [nop]}}}",
      "4:70: service::pipelines::traces: references processor \"batch\" multiple times" },
    { RECEIVERS EXPORTERS "service: {pipelines: {traces: {receivers: [nop], exporters: [nop, nop]}}}",
      "?3:67: service::pipelines::traces: references exporter \"nop\" multiple times: it is there once" },
    { RECEIVERS EXPORTERS
      "service: {extensions: [remotetap], pipelines: {traces: {receivers: [nop], exporters: [nop]}}}",
      "3:24: service::extensions: references extension \"remotetap\" which is not configured; write it under "
      "extensions, "
      "or take it out here" },
    { RECEIVERS "exporters: {debug: {sending_queue: {storage: remotetap}}}\nextensions: {remotetap: }\n"
                "service: {extensions: [remotetap], pipelines: {traces: {receivers: [nop], exporters: [debug]}}}",
      "3:14: extensions::remotetap: \"remotetap\" is an extension of the Go collector that otelcd does not have; "
      "remove "
      "it; "
      "the metrics of otelcd itself say what it does" },
    { "receivers: {nop: , forward: }\n" EXPORTERS "connectors: {forward: }\n" PIPELINES,
      "1:20: receivers::forward: unknown type: \"forward\" for id: \"forward\" (valid values: [otlp kafka prometheus "
      "prometheusremotewrite nop]); "
      "it belongs "
      "under connectors\n"
      "3:14: connectors::forward: ambiguous ID: Found both \"forward\" receiver and \"forward\" connector. Change one "
      "of "
      "the components' IDs" },
    { "receivers: {nop: , nop/2: }\n" EXPORTERS PIPELINES,
      "?1:20: receivers::nop/2: is configured but not used by any pipeline" },
    /* pipelines */
    { RECEIVERS EXPORTERS "service: {pipelines: {trace: {receivers: [nop], exporters: [nop]}}}",
      "3:23: service::pipelines::trace: unknown signal \"trace\": a pipeline is called traces, metrics, logs or "
      "profiles, "
      "or one of these with /name behind it; did you mean \"traces\"?" },
    { RECEIVERS EXPORTERS "service: {pipelines: {traces: {receiver: [nop], receivers: nop, exporters: []}}}",
      "3:32: service::pipelines::traces: has invalid keys: receiver; did you mean \"receivers\"?\n"
      "3:60: service::pipelines::traces: expected a list of receiver names, got a string; write [nop]\n"
      "3:23: service::pipelines::traces: must have at least one exporter" },
    { RECEIVERS EXPORTERS "service: {pipelines: {profiles/x: {receivers: [nop], exporters: [nop]}}}", "" },
    { RECEIVERS EXPORTERS "connectors: {forward: }\n"
                          "service: {pipelines: {traces: {receivers: [nop], exporters: [forward]}}}",
      "4:23: service::pipelines::traces: connector \"forward\" used as exporter in [traces] pipeline but not used in "
      "any "
      "supported receiver pipeline; it joins pipelines of one signal" },
    /* service::telemetry */
    { TELEMETRY("{logs: {level: DEBUG, encoding: json, initial_fields: {a: 1}}, metrics: {level: Detailed}}"), "" },
    { TELEMETRY("{logs: {level: warning}}"), "" },
    { RECEIVERS
      "exporters: {debug: {sampling_initial: -1, sampling_thereafter: -1}}\n"
      "processors: {probabilistic_sampler: {mode: '', sampling_percentage: 5}}\n"
      "service: {pipelines: {traces: {receivers: [nop], processors: [probabilistic_sampler], exporters: [debug]}}}",
      "" },
    { RECEIVERS
      "exporters: {debug: {sending_queue: {storage: file_storage}}}\n"
      "extensions: {file_storage: {directory: /tmp, timeout: 1s, recreate: true, compaction: {on_start: true}}}\n"
      "service: {extensions: [file_storage], pipelines: {traces: {receivers: [nop], exporters: [debug]}}}",
      "?3:46: extensions::file_storage::timeout: has no effect here: a directory that is in use is an error at once, "
      "nobody "
      "waits for its lock\n"
      "?3:59: extensions::file_storage::recreate: has no effect here: what is damaged is skipped and counted, and the "
      "rest is "
      "kept\n"
      "?3:75: extensions::file_storage::compaction: has no effect here: files are removed as soon as all in them is "
      "delivered" },
    { TELEMETRY("{logs: {level: loud}}"),
      "5:29: service::telemetry::logs::level: \"loud\" is not one of debug, info, warn, "
      "error, dpanic, panic, fatal or warning" },
    { TELEMETRY("{logs: {development: true, disable_caller: false}, traces: {level: basic, propagators: [b3]}}"),
      "?5:101: service::telemetry::traces::propagators: headers of b3 are not read: requests that have no traceparent "
      "begin new traces\n"
      "?5:35: service::telemetry::logs::development: there is no development mode; remove this key\n"
      "?5:57: service::telemetry::logs::disable_caller: lines never name the calling function; remove this key" },
    { TELEMETRY("{traces: {propagators: [baggage], sampler: {}, processors: [{batch: {exporter: {otlp: {}}}}]}}"),
      "5:37: service::telemetry::traces::propagators: unsupported trace propagator \"baggage\": write tracecontext\n"
      "5:57: service::telemetry::traces::sampler: write one of always_on, always_off, trace_id_ratio_based and "
      "parent_based" },
    { TELEMETRY("{traces: {sampler: {always_on: , always_off: }}}"),
      "5:33: service::telemetry::traces::sampler: write one of always_on, always_off, trace_id_ratio_based and "
      "parent_based" },
    { TELEMETRY("{traces: {sampler: {parent_based: {root: {}}}}}"),
      "5:33: service::telemetry::traces::sampler::parent_based::root: write one of always_on, always_off and "
      "trace_id_ratio_based" },
    { TELEMETRY("{traces: {sampler: {trace_id_ratio_based: {ratio: 1.5}}}}"),
      "5:64: service::telemetry::traces::sampler::trace_id_ratio_based::ratio: 1.5 is out of range: it must be between "
      "0 "
      "and 1" },
    { TELEMETRY("{traces: {limits: {}, sampler: {jaeger_remote: {}}}}"),
      "5:24: service::telemetry::traces::limits: spans have few attributes here, and these are bounded: remove this "
      "key\n"
      "5:46: service::telemetry::traces::sampler::jaeger_remote: nobody is asked: write trace_id_ratio_based: {ratio: "
      "0.1}" },
    { TELEMETRY("{traces: {sampler: {parent_based: {root: {trace_id_ratio_based: {ratio: 0.5}}}}, processors: [{batch: "
                "{exporter: {otlp: {}}}}]}}"),
      "" },
    { TELEMETRY("{logs: {processors: [{batch: }, {batch: {exporter: {otlp: {}}}, simple: {exporter: {otlp: {}}}}]}}"),
      "5:35: service::telemetry::logs::processors: a processor is written batch: {exporter: {otlp: {endpoint: "
      "\"http://host:4318\"}}} or simple: {exporter: ...}, each an item of its own\n"
      "5:46: service::telemetry::logs::processors: a processor is written batch: {exporter: {otlp: {endpoint: "
      "\"http://host:4318\"}}} or simple: {exporter: ...}, each an item of its own" },
    { TELEMETRY("{logs: {processors: [{batch: {max_queue_size: 5, max_export_batch_size: 6, exporter: {otlp: {}}}}]}}"),
      "5:35: service::telemetry::logs::processors: max_export_batch_size must not be more than max_queue_size" },
    { TELEMETRY("{logs: {processors: [{simple: {}}, {simple: {exporter: {otlp: {timeout: 0}}}}]}}"),
      "5:86: service::telemetry::logs::processors::1::simple::exporter::otlp::timeout: 0 is out of range: it must be "
      "between 1 and 3600000" },
    { TELEMETRY(
          "{logs: {processors: [{simple: {exporter: {otlp_grpc: }}}, {batch: {exporter: {otlp_http: {tls: {ca_file: "
          "/nowhere}, endpoint: 'https://a/b'}}}}]}}"),
      "5:103: service::telemetry::logs::processors::1::batch::exporter::otlp_http::tls::ca_file: cannot read /nowhere: "
      "no "
      "such file or directory" },
    { TELEMETRY("{logs: {initial_fields: {a: [1]}, output_paths: []}}"),
      "5:62: service::telemetry::logs::output_paths: write 1 to 8 outputs: stderr, stdout or files\n"
      "5:42: service::telemetry::logs::initial_fields: a: expected a string, a number or a bool, got a list" },
    { TELEMETRY("{metrics: {readers: []}}"), "5:34: service::telemetry::metrics::readers: collector telemetry metrics "
                                             "reader should exist when metric level is not none" },
    { TELEMETRY("{metrics: {level: none, readers: []}}"), "" },
    /* own metrics that are sent */
    { TELEMETRY("{metrics: {readers: [{periodic: {exporter: {nobody: {}}}}]}}"),
      "5:58: service::telemetry::metrics::readers::0::periodic::exporter: has invalid keys: nobody; the keys here are "
      "otlp, otlp_http or otlp_grpc" },
    { TELEMETRY("{metrics: {readers: [{periodic: {interval: 1s, exporter: {console: {}}}}]}}"),
      "5:57: service::telemetry::metrics::readers::0::periodic::interval: expected an integer, got a string \"1s\"\n"
      "5:72: service::telemetry::metrics::readers::0::periodic::exporter::console: own telemetry is not printed: send "
      "it "
      "by otlp to a pipeline with a debug exporter" },
    { TELEMETRY("{metrics: {readers: [{periodic: }, {periodic: {}}]}}"),
      "5:35: service::telemetry::metrics::readers: a reader is written pull: {exporter: {prometheus: {host: localhost, "
      "port: 8888}}} or periodic: {exporter: {otlp: {endpoint: \"http://host:4318\"}}}, each an item of its own" },
    { TELEMETRY("{metrics: {readers: [{periodic: {exporter: {otlp: {}, otlp_http: {}}}}]}}"),
      "5:57: service::telemetry::metrics::readers::0::periodic: there are several exporters: write one of otlp, "
      "otlp_http and otlp_grpc, and another item of the list for each of the others" },
    { TELEMETRY("{metrics: {readers: [{periodic: {interval: 5}}]}}"),
      "5:46: service::telemetry::metrics::readers::0::periodic: whom to send to is missing: write exporter: {otlp: "
      "{protocol: http/protobuf, endpoint: \"http://host:4318\"}}" },
    { TELEMETRY("{metrics: {readers: [{periodic: {exporter: {otlp: {endpoint: 'https://x', insecure: true}}}}]}}"),
      "?5:46: service::telemetry::metrics::readers::0::periodic: insecure is for grpc: over HTTP the URL says whether "
      "TLS is spoken, and https:// does" },
    { TELEMETRY("{metrics: {readers: [{periodic: {exporter: {otlp: {}}}, pull: {exporter: {prometheus: {}}}}]}}"),
      "5:35: service::telemetry::metrics::readers: a reader is written pull: {exporter: {prometheus: {host: localhost, "
      "port: 8888}}} or periodic: {exporter: {otlp: {endpoint: \"http://host:4318\"}}}, each an item of its own" },
    { TELEMETRY(
          "{metrics: {readers: [{periodic: {exporter: {otlp: {protocol: smoke, temporality_preference: delta}}}}]}}"),
      "5:75: service::telemetry::metrics::readers::0::periodic::exporter::otlp::protocol: \"smoke\" is not one of "
      "http/protobuf, http/json, grpc or grpc/protobuf\n"
      "5:106: service::telemetry::metrics::readers::0::periodic::exporter::otlp::temporality_preference: \"delta\" is "
      "not one of cumulative" },
    { TELEMETRY(
          "{metrics: {readers: [{periodic: {exporter: {otlp: {endpoint: 'ftp://x', compression: zip, headers_list: "
          "'abc'}}}}]}}"),
      "5:57: service::telemetry::metrics::readers::0::periodic: headers_list is written name=value,name=value\n"
      "5:64: service::telemetry::metrics::readers::0::periodic::exporter::otlp::endpoint: endpoint must be a valid "
      "URL: a "
      "URL begins with http:// or https://\n"
      "5:64: service::telemetry::metrics::readers::0::periodic::exporter::otlp::compression: unsupported compression "
      "type "
      "\"zip\": write gzip, zstd, snappy, x-snappy-framed, deflate, lz4 or none" },
    { TELEMETRY("{metrics: {address: nowhere}}"),
      "?5:25: service::telemetry::metrics::address: address is the old spelling; write readers: [{pull: {exporter: "
      "{prometheus: {host: ..., port: ...}}}}]\n"
      "5:34: service::telemetry::metrics::address: \"nowhere\" is not host:port" },
    { TELEMETRY("{resource: {a: 5, detectors: {}}}"),
      "5:29: service::telemetry::resource: a: expected a string, got an integer; put it in quotes\n"
      "5:43: service::telemetry::resource: detectors is not served: write attributes: [{name: x, value: y}]" },
    { TELEMETRY("{resource: {attributes: [{value: x}, {name: a, value: [1]}], b: c}}"),
      "5:78: service::telemetry::resource: has invalid keys: b; beside attributes only schema_url may stand\n"
      "5:39: service::telemetry::resource: an attribute is written {name: x, value: y}\n"
      "5:68: service::telemetry::resource: a: expected a string, a number or a bool, got a list" },
};

START_TEST(a_configuration_gets_these_answers)
{
    ck_assert_msg(strcmp(faults_of(cases[_i].text), cases[_i].faults) == 0, "%s\n--- got\n%s\n--- not\n%s",
                  cases[_i].text, buf_cstr(&out), cases[_i].faults);
}
END_TEST

START_TEST(sections_become_components_and_pipelines_that_point_at_them)
{
    load("receivers: {nop: }\nprocessors: {batch: {timeout: 3s}, batch/2: }\nexporters: {nop/a: , nop/b: }\n"
         "connectors: {forward: }\nservice:\n  pipelines:\n"
         "    traces: {receivers: [nop], processors: [batch/2, batch], exporters: [nop/b, forward]}\n"
         "    traces/2: {receivers: [forward], exporters: [nop/a]}\n");
    ck_assert_uint_eq(c->faults.list.n, 0);
    ck_assert_uint_eq(c->n_pipelines, 2);
    ck_assert_str_eq(c->pipelines[0].processors[0]->id, "batch/2");
    ck_assert_str_eq(c->pipelines[0].processors[1]->id, "batch");
    ck_assert_ptr_eq(c->pipelines[0].exporters[1], c->pipelines[1].receivers[0]);
    ck_assert_int_eq(c->pipelines[1].receivers[0]->component->kind, COMPONENT_CONNECTOR);
}
END_TEST

/* A component whose finish() doubles what the user wrote. */
struct doubled {
    uint64_t n;
};

static const struct option doubled_options[] = {
    OPT_UINT(struct doubled, n, "1", NULL, NULL, "A number."),
    OPT_END,
};

static void double_it(void *config, struct check *ck)
{
    if (check_was_set(ck, "n"))
        ((struct doubled *)config)->n *= 2;
}

static void say_it(const void *config, struct check *ck)
{
    check_warn(ck, "n", "it is %llu", (unsigned long long)((const struct doubled *)config)->n);
}

static const struct component doubling = {
    .type = "doubling",
    .kind = COMPONENT_RECEIVER,
    .signals = SIGNAL_ALL,
    .config_size = sizeof(struct doubled),
    .options = doubled_options,
    .finish = double_it,
    .check = say_it,
};
static const struct component *const doublings[] = { &doubling, NULL };

START_TEST(what_follows_from_other_values_is_there_when_they_are_checked)
{
    const char *const uris[] = { "yaml:receivers: {doubling: {n: 21}, doubling/2: }" };
    struct config_sources s = { .uris = uris, .n_uris = 1, .offline = true };

    c = config_load(&s, doublings);
    ck_assert_str_eq(c->faults.list.v[1].text, "it is 42");
    ck_assert_str_eq(c->faults.list.v[2].text, "it is 1");
}
END_TEST

#define ATTRIBUTES(value)                                                                                              \
    RECEIVERS EXPORTERS PIPELINES "processors: {attributes: {actions: [{key: k, action: insert, value: " value "}]}}"

START_TEST(a_component_keeps_its_configuration_when_the_rest_is_freed)
{
    struct config_component kept;
    struct arena scratch = { 0 };
    uint64_t fingerprint;

    load(ATTRIBUTES("[a, {b: c}]"));
    kept = c->components[COMPONENT_PROCESSOR].v[0];
    (void)config_memory_ref(kept.memory);
    teardown();
    ck_assert_str_eq(kept.id, "attributes");
    yaml_write(encode_struct(&scratch, kept.component->options, kept.config, true), &out, true);
    ck_assert_ptr_nonnull(strstr(buf_cstr(&out), "[\"a\",{\"b\":\"c\"}]"));
    fingerprint = kept.fingerprint;
    config_memory_unref(kept.memory);
    arena_free(&scratch);

    load(ATTRIBUTES("['a', {b: c}] # the same\n "));
    ck_assert_uint_eq(c->components[COMPONENT_PROCESSOR].v[0].fingerprint, fingerprint);
    teardown();
    load(ATTRIBUTES("[a, {b: d}]"));
    ck_assert_uint_ne(c->components[COMPONENT_PROCESSOR].v[0].fingerprint, fingerprint);
}
END_TEST

START_TEST(without_readers_the_own_metrics_are_on_localhost_8888)
{
    load(TELEMETRY("{}"));
    ck_assert_uint_eq(c->service->n_scrapes, 1);
    ck_assert_str_eq(c->service->scrapes[0].host, "localhost");
    ck_assert_uint_eq(c->service->scrapes[0].port, 8888);
    ck_assert(c->service->scrapes[0].without_units);
}
END_TEST

START_TEST(the_old_address_and_readers_say_where_own_metrics_are)
{
    load(TELEMETRY("{metrics: {address: '[::1]:9', readers: [{pull: {exporter: {prometheus: {host: h, port: 1, "
                   "without_units: false}}}}]}}"));
    ck_assert_uint_eq(c->service->n_scrapes, 2);
    ck_assert_str_eq(c->service->scrapes[0].host, "::1");
    ck_assert_uint_eq(c->service->scrapes[0].port, 9);
    ck_assert_str_eq(c->service->scrapes[1].host, "h");
    ck_assert(!c->service->scrapes[1].without_units && c->service->scrapes[1].without_scope_info);
}
END_TEST

START_TEST(level_none_serves_no_metrics)
{
    load(TELEMETRY("{metrics: {level: None}}"));
    ck_assert_uint_eq(c->faults.n_errors, 0);
    ck_assert_uint_eq(c->service->n_scrapes, 0);
}
END_TEST

static const char *const resources[] = {
    "{resource: {a: b, c: }}",
    "{resource: {schema_url: u, attributes: [{name: a, value: b}, {name: c}]}}",
};

START_TEST(both_forms_of_the_resource_are_read)
{
    load(TELEMETRY("{resource: {}}"));
    config_free(c);
    {
        char *text = mem_printf(RECEIVERS EXPORTERS "service:\n  pipelines: {traces: {receivers: [nop], exporters: "
                                                    "[nop]}}\n  telemetry: %s\n",
                                resources[_i]);

        load(text);
        free(text);
    }
    ck_assert_uint_eq(c->faults.list.n, 0);
    ck_assert_uint_eq(c->service->resource.n, 2);
    ck_assert_str_eq(c->service->resource.v[0].key, "a");
    ck_assert_str_eq(c->service->resource.v[0].value, "b");
    ck_assert_str_eq(c->service->resource.v[1].key, "c");
    ck_assert_ptr_null(c->service->resource.v[1].value);
}
END_TEST

START_TEST(what_print_config_prints_is_read_as_the_same)
{
    struct buf again = { 0 };

    load("receivers: {otlp: {protocols: {grpc: , http: {endpoint: '[::1]:1', response_headers: {a: 'yes'}}}}}\n"
         "processors: {batch: {timeout: 1m30s, metadata_keys: ['1:30', '5', a b, 'x: y', '#', '']}}\n"
         "exporters: {debug: {verbosity: detailed}, prometheus: {endpoint: 'localhost:1'}}\n"
         "service: {telemetry: {logs: {sampling: {enabled: false}}, resource: {a: 'null', b: '$${env:X} $$Y'}}, "
         "pipelines: {metrics: "
         "{receivers: "
         "[otlp], processors: [batch], exporters: [debug, prometheus]}}}\n");
    ck_assert_uint_eq(c->faults.list.n, 0);
    yaml_write(config_tree(c, true), &out, false);
    config_free(c);
    load(buf_cstr(&out));
    faults_print(&c->faults, stdout);
    ck_assert_uint_eq(c->faults.list.n, 0);
    ck_assert(!c->service->telemetry.logs.sampling.on);
    ck_assert_str_eq(c->service->resource.v[1].value, "${env:X} $Y");
    yaml_write(config_tree(c, true), &again, false);
    ck_assert_str_eq(buf_cstr(&out), buf_cstr(&again));
    buf_free(&again);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("config");
    TCase *tc = tcase_create("all");
    SRunner *r;
    int failed;

    tcase_add_checked_fixture(tc, NULL, teardown);
    tcase_add_loop_test(tc, a_configuration_gets_these_answers, 0, sizeof(cases) / sizeof(*cases));
    tcase_add_test(tc, sections_become_components_and_pipelines_that_point_at_them);
    tcase_add_test(tc, what_follows_from_other_values_is_there_when_they_are_checked);
    tcase_add_test(tc, a_component_keeps_its_configuration_when_the_rest_is_freed);
    tcase_add_test(tc, without_readers_the_own_metrics_are_on_localhost_8888);
    tcase_add_test(tc, the_old_address_and_readers_say_where_own_metrics_are);
    tcase_add_test(tc, level_none_serves_no_metrics);
    tcase_add_loop_test(tc, both_forms_of_the_resource_are_read, 0, sizeof(resources) / sizeof(*resources));
    tcase_add_test(tc, what_print_config_prints_is_read_as_the_same);
    suite_add_tcase(s, tc);
    r = srunner_create(s);
    srunner_run_all(r, CK_NORMAL);
    failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed != 0;
}

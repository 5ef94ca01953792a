# SPDX-License-Identifier: Apache-2.0
"""Configurations that several tests share."""

NOP = """
receivers:
  otlp:
    protocols:
      grpc: {endpoint: "127.0.0.1:0"}
      http: {endpoint: "127.0.0.1:0"}
exporters:
  nop:
service:
  pipelines:
    traces: {receivers: [otlp], exporters: [nop]}
    metrics: {receivers: [otlp], exporters: [nop]}
    logs: {receivers: [otlp], exporters: [nop]}
"""

# Debug prints everything to stdout, so that a test can read what arrived.
DEBUG = """
receivers:
  otlp:
    protocols:
      grpc: {endpoint: "127.0.0.1:0"}
      http: {endpoint: "127.0.0.1:0"}
processors:
  batch: {timeout: 10ms}
exporters:
  debug: {verbosity: detailed, use_internal_logger: false, sampling_initial: 1000000}
service:
  pipelines:
    traces: {receivers: [otlp], processors: [batch], exporters: [debug]}
    metrics: {receivers: [otlp], processors: [batch], exporters: [debug]}
    logs: {receivers: [otlp], processors: [batch], exporters: [debug]}
"""

# The default set-up of the README with free ports: metrics to the scrape endpoint, the rest to debug.
SCRAPE = """
receivers:
  otlp:
    protocols:
      grpc: {endpoint: "127.0.0.1:0"}
      http: {endpoint: "127.0.0.1:0"}
processors:
  batch: {timeout: 10ms, hold_ack: true}  # so that what is acknowledged can be scraped
exporters:
  prometheus: {endpoint: "127.0.0.1:0", enable_open_metrics: true}
  debug: {verbosity: detailed, use_internal_logger: false, sampling_initial: 1000000}
service:
  pipelines:
    traces: {receivers: [otlp], processors: [batch], exporters: [debug]}
    metrics: {receivers: [otlp], processors: [batch], exporters: [prometheus]}
    logs: {receivers: [otlp], processors: [batch], exporters: [debug]}
"""

// SPDX-License-Identifier: Apache-2.0
// A service on the OpenTelemetry SDK for Node.js: `node peer.js MODE [ADDRESS [gzip]]`, MODE grpc, json or proto. It makes
// three spans, a counter, a histogram, an exponential histogram and a log record, and exits 0 when all were taken. Without
// ADDRESS the SDK's environment says where to and how.
'use strict';
const { diag, DiagLogLevel, trace, SpanStatusCode } = require('@opentelemetry/api');
const { SeverityNumber } = require('@opentelemetry/api-logs');
const { resourceFromAttributes } = require('@opentelemetry/resources');
const { BatchSpanProcessor, NodeTracerProvider } = require('@opentelemetry/sdk-trace-node');
const { AggregationType, MeterProvider, PeriodicExportingMetricReader } = require('@opentelemetry/sdk-metrics');
const { BatchLogRecordProcessor, LoggerProvider } = require('@opentelemetry/sdk-logs');

const [mode, address, compression] = process.argv.slice(2);
const complaints = [];
const complain = (...words) => complaints.push(words.map(String).join(' '));
const warn = (...words) => /attempting to create credentials from just the root/.test(words[0]) || complain(...words);
diag.setLogger({ error: complain, warn, info() {}, debug() {}, verbose() {} }, DiagLogLevel.WARN);

const packages = { grpc: 'grpc', json: 'http', proto: 'proto' };
function exporter(signal, name, path) {
  const { [name]: Exporter } = require(`@opentelemetry/exporter-${signal}-otlp-${packages[mode]}`);
  if (address === undefined) return new Exporter({});
  const url = mode === 'grpc' ? `http://${address}` : `http://${address}/v1/${path}`;
  return new Exporter({ url, compression: compression || 'none' });
}

async function main() {
  const resource = resourceFromAttributes({ 'service.name': `node-${mode}`, 'service.instance.id': 'one' });
  const tracers = new NodeTracerProvider({
    resource,
    spanProcessors: [new BatchSpanProcessor(exporter('trace', 'OTLPTraceExporter', 'traces'))],
  });
  const meters = new MeterProvider({
    resource,
    readers: [new PeriodicExportingMetricReader({ exporter: exporter('metrics', 'OTLPMetricExporter', 'metrics') })],
    views: [{ instrumentName: 'cart.exponential', aggregation: { type: AggregationType.EXPONENTIAL_HISTOGRAM } }],
  });
  const loggers = new LoggerProvider({
    resource,
    processors: [new BatchLogRecordProcessor({ exporter: exporter('logs', 'OTLPLogExporter', 'logs') })],
  });

  const tracer = tracers.getTracer('shop');
  tracer.startActiveSpan('checkout', (parent) => {
    tracer.startActiveSpan('charge', (child) => {
      child.addEvent('retried', { attempt: 2 });
      child.recordException(new Error('card declined'));
      child.setStatus({ code: SpanStatusCode.ERROR });
      child.end();
    });
    tracer.startSpan('ship').end();
    parent.end();
  });
  const meter = meters.getMeter('shop');
  meter.createCounter('cart.items', { unit: '{item}' }).add(5, { shop: 'web' });
  meter.createHistogram('cart.duration', { unit: 'ms' }).record(12.5);
  const exponential = meter.createHistogram('cart.exponential');
  [1, 2, 4, 8].forEach((v) => exponential.record(v));
  loggers.getLogger('shop').emit({
    severityNumber: SeverityNumber.INFO,
    body: { order: 17, paid: true },
    attributes: { 'large.number': 12345678901 },
  });

  for (const provider of [tracers, meters, loggers]) await provider.shutdown();
  if (complaints.length > 0) throw new Error(complaints.join('\n'));
}

main().catch((error) => {
  console.error(error);
  process.exit(1);
});

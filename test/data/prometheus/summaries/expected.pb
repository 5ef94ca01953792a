s () instance="i1",job="svc",otel_scope_name="s",otel_scope_schema_url="",otel_scope_version="" summary 2 3.0 q0.5:nan q0.99:1.0 created 1759999940.0
snov () instance="i1",job="svc",otel_scope_name="s",otel_scope_schema_url="",otel_scope_version="" summary 2 3.0 created 1759999940.0
target_info (Target metadata) instance="i1",job="svc" gauge 1.0

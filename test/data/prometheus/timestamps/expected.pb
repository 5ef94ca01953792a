g () instance="i1",job="svc",otel_scope_name="s",otel_scope_schema_url="",otel_scope_version="" gauge 1.0 at 1760000000000
g0 () instance="i1",job="svc",otel_scope_name="s",otel_scope_schema_url="",otel_scope_version="" gauge 1.0
h () instance="i1",job="svc",otel_scope_name="s",otel_scope_schema_url="",otel_scope_version="" histogram 3 1.0 le1.0:1 created 1759999940.0 at 1760000000000
target_info (Target metadata) instance="i1",job="svc" gauge 1.0

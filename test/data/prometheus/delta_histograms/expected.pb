h () instance="i1",job="svc",k="adds",otel_scope_name="s",otel_scope_schema_url="",otel_scope_version="" histogram 9 3.0 le1.0:2 created 1759999999.0
h () instance="i1",job="svc",k="bounds",otel_scope_name="s",otel_scope_schema_url="",otel_scope_version="" histogram 6 1.5 le2.0:1 created 1760000000.0
h () instance="i1",job="svc",k="gap",otel_scope_name="s",otel_scope_schema_url="",otel_scope_version="" histogram 9 3.0 le1.0:2 created 1759999999.0
h () instance="i1",job="svc",k="overlap",otel_scope_name="s",otel_scope_schema_url="",otel_scope_version="" histogram 9 3.0 le1.0:2 created 1759999999.0
target_info (Target metadata) instance="i1",job="svc" gauge 1.0

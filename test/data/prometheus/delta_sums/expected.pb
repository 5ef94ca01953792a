d_total () instance="i1",job="svc",k="adds",otel_scope_name="s",otel_scope_schema_url="",otel_scope_version="" counter 12.0 created 1759999999.0
d_total () instance="i1",job="svc",k="gap",otel_scope_name="s",otel_scope_schema_url="",otel_scope_version="" counter 12.0 created 1759999999.0
d_total () instance="i1",job="svc",k="old",otel_scope_name="s",otel_scope_schema_url="",otel_scope_version="" counter 5.0 created 1759999999.0
d_total () instance="i1",job="svc",k="overlap",otel_scope_name="s",otel_scope_schema_url="",otel_scope_version="" counter 12.0 created 1759999999.0
target_info (Target metadata) instance="i1",job="svc" gauge 1.0

few_counts () instance="i1",job="svc",otel_scope_name="s",otel_scope_schema_url="",otel_scope_version="" histogram 1 2.0 le1.0:1 le2.0:1 created 1759999940.0
fine () instance="i1",job="svc",otel_scope_name="s",otel_scope_schema_url="",otel_scope_version="" histogram 6 2.0 le1e-05:1 le1000000.0:3 created 1759999940.0
many_counts () instance="i1",job="svc",otel_scope_name="s",otel_scope_schema_url="",otel_scope_version="" histogram 10 2.0 le1.0:1 created 1759999940.0
no_buckets () instance="i1",job="svc",otel_scope_name="s",otel_scope_schema_url="",otel_scope_version="" histogram 4 2.0 created 1759999940.0
one_bucket () instance="i1",job="svc",otel_scope_name="s",otel_scope_schema_url="",otel_scope_version="" histogram 7 2.0 created 1759999940.0
other_count () instance="i1",job="svc",otel_scope_name="s",otel_scope_schema_url="",otel_scope_version="" histogram 9 2.0 le1.0:1 created 1759999940.0
target_info (Target metadata) instance="i1",job="svc" gauge 1.0
usual () a="1",instance="i1",job="svc",otel_scope_name="s",otel_scope_schema_url="",otel_scope_version="" histogram 7 9.5 le0.5:1 le1.0:3 created 1759999940.0

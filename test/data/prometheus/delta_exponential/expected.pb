e () instance="i1",job="svc",k="apart",otel_scope_name="s",otel_scope_schema_url="",otel_scope_version="" histogram 5 2.0 schema 2 zero 1e-128 0 positive {-2: 1, 10: 4} negative {} created 1759999999.0
e () instance="i1",job="svc",k="scales",otel_scope_name="s",otel_scope_schema_url="",otel_scope_version="" histogram 16 2.0 schema 0 zero 0.2 3 positive {1: 3, 2: 4, 3: 2, 4: 3} negative {1: 1} created 1759999999.0
e () instance="i1",job="svc",k="threshold",otel_scope_name="s",otel_scope_schema_url="",otel_scope_version="" histogram 10 0.0 schema 0 zero 1.5 9 positive {2: 1} negative {} created 1759999999.0
target_info (Target metadata) instance="i1",job="svc" gauge 1.0

coarse () instance="i1",job="svc",ok="1",otel_scope_name="s",otel_scope_schema_url="",otel_scope_version="" histogram 1 0.0 schema 0 zero 1e-128 0 positive {1: 1} negative {} created 1759999940.0
e () instance="i1",job="svc",otel_scope_name="s",otel_scope_schema_url="",otel_scope_version="" histogram 40 7.0 schema 1 zero 0.5 2 positive {4: 10, 7: 20, 8: 5, 9: 2} negative {1: 1} created 1759999940.0
empty () instance="i1",job="svc",otel_scope_name="s",otel_scope_schema_url="",otel_scope_version="" histogram 0 0.0 schema 0 zero 1e-128 0 positive {} negative {} created 1759999940.0
fine () instance="i1",job="svc",otel_scope_name="s",otel_scope_schema_url="",otel_scope_version="" histogram 28 0.0 schema 8 zero 1e-128 0 positive {-1: 1, 0: 14, 1: 13} negative {} created 1759999940.0
gap () instance="i1",job="svc",otel_scope_name="s",otel_scope_schema_url="",otel_scope_version="" histogram 13 0.0 schema 8 zero 1e-128 0 positive {1: 1, 3: 12} negative {} created 1759999940.0
minmax () instance="i1",job="svc",otel_scope_name="s",otel_scope_schema_url="",otel_scope_version="" histogram 1 0.0 schema 3 zero 1e-128 0 positive {1: 1} negative {} created 1759999940.0
target_info (Target metadata) instance="i1",job="svc" gauge 1.0
very_fine () instance="i1",job="svc",otel_scope_name="s",otel_scope_schema_url="",otel_scope_version="" histogram 40 0.0 schema 8 zero 1e-128 0 positive {1: 40} negative {} created 1759999940.0
wide () instance="i1",job="svc",otel_scope_name="s",otel_scope_schema_url="",otel_scope_version="" histogram 3 0.0 schema 3 zero 1e-128 0 positive {-1: 1, 40: 2} negative {} created 1759999940.0
zeros () instance="i1",job="svc",otel_scope_name="s",otel_scope_schema_url="",otel_scope_version="" histogram 4 0.0 schema 3 zero 1e-128 0 positive {1: 1} negative {8: 3} created 1759999940.0

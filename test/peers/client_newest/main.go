// SPDX-License-Identifier: Apache-2.0
// A target made with Prometheus' client library for Go; where it listens is the only argument.
package main

import (
	"math/rand"
	"net/http"
	"os"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

func main() {
	c := prometheus.NewCounterVec(prometheus.CounterOpts{Name: "jobs_total", Help: "Jobs \"done\"\nso far."}, []string{"kind"})
	h := prometheus.NewHistogram(prometheus.HistogramOpts{Name: "job_seconds", Help: "How long.", NativeHistogramBucketFactor: 1.1, Buckets: prometheus.DefBuckets})
	s := prometheus.NewSummary(prometheus.SummaryOpts{Name: "job_bytes", Objectives: map[float64]float64{0.5: 0.05, 0.9: 0.01}})
	prometheus.MustRegister(c, h, s)
	go func() {
		for {
			c.WithLabelValues("a").Inc()
			h.Observe(rand.Float64())
			s.Observe(rand.Float64() * 100)
			time.Sleep(50 * time.Millisecond)
		}
	}()
	http.Handle("/metrics", promhttp.HandlerFor(prometheus.DefaultGatherer, promhttp.HandlerOpts{EnableOpenMetrics: true}))
	panic(http.ListenAndServe(os.Args[1], nil))
}

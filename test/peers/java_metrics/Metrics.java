// SPDX-License-Identifier: Apache-2.0
// A target made with Prometheus' client library for Java: its port is the only argument.
import io.prometheus.metrics.core.metrics.Counter;
import io.prometheus.metrics.core.metrics.Histogram;
import io.prometheus.metrics.core.metrics.Info;
import io.prometheus.metrics.core.metrics.StateSet;
import io.prometheus.metrics.core.metrics.Summary;
import io.prometheus.metrics.exporter.httpserver.HTTPServer;
import java.net.InetAddress;

public class Metrics {
    public static void main(String[] args) throws Exception {
        Counter.builder().name("jobs_total").help("Jobs \"done\"\nso far.").labelNames("kind").register().labelValues("a").inc(3);
        Histogram.builder().name("job_seconds").help("How long.").register().observe(0.3);
        Summary.builder().name("job_bytes").quantile(0.5, 0.01).register().observe(10);
        Info.builder().name("build_info").help("Build.").labelNames("version").register().setLabelValues("1");
        StateSet.builder().name("phase").help("Phase.").states("on", "off").register().setTrue("on");
        HTTPServer.builder().inetAddress(InetAddress.getByName("127.0.0.1")).port(Integer.parseInt(args[0])).buildAndStart();
        Thread.currentThread().join();
    }
}

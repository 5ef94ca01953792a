// SPDX-License-Identifier: Apache-2.0

import com.sun.net.httpserver.HttpServer;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.util.logging.Logger;

/** A program that knows nothing of OpenTelemetry: it serves a page, asks for it, logs a line, collects its garbage. */
public final class Plain {
    public static void main(String[] words) throws Exception {
        HttpServer server = HttpServer.create(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0), 0);
        server.createContext("/", exchange -> {
            exchange.sendResponseHeaders(204, -1);
            exchange.close();
        });
        server.start();
        URI page = URI.create("http://127.0.0.1:" + server.getAddress().getPort() + "/");
        int status = HttpClient.newHttpClient().send(HttpRequest.newBuilder(page).build(), HttpResponse.BodyHandlers.discarding()).statusCode();
        Logger.getLogger("plain").info("answered " + status);
        System.gc();
        server.stop(0);
        System.exit(status == 204 ? 0 : 1);
    }
}

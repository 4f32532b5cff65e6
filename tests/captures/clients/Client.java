// SPDX-License-Identifier: BSD-3-Clause

import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.util.Base64;

/** The requests on stdin, one a line (see clients.py), with Java's HttpClient, which asks to go on in HTTP/2. */
class Client {
    public static void main(String[] arguments) throws Exception {
        HttpClient client = HttpClient.newHttpClient();
        BufferedReader lines = new BufferedReader(new InputStreamReader(System.in));
        for (String line = lines.readLine(); line != null; line = lines.readLine()) {
            String[] fields = line.split("\t", -1);
            byte[] body = Base64.getDecoder().decode(fields[2]);
            HttpRequest.Builder request = HttpRequest.newBuilder(URI.create(fields[1]));
            request.method(fields[0], body.length > 0 ? HttpRequest.BodyPublishers.ofByteArray(body)
                                                      : HttpRequest.BodyPublishers.noBody());
            for (int at = 3; at + 1 < fields.length; at += 2) request.header(fields[at], fields[at + 1]);
            System.out.println(client.send(request.build(), HttpResponse.BodyHandlers.ofString()).statusCode());
        }
    }
}

package conformance;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.BufferedReader;
import java.io.FileDescriptor;
import java.io.FileOutputStream;
import java.io.IOException;
import java.io.InputStreamReader;
import java.nio.charset.StandardCharsets;

/**
 * Puts nacos-client, unchanged, under the conformance runner: one JSON request per line on standard input, one JSON
 * answer or event per line on standard output, until the input ends.
 */
public final class Main {

    static final ObjectMapper JSON = new ObjectMapper();

    // The real standard output. System.out is turned to standard error first, so that no library prints among the answers.
    private static final FileOutputStream OUT = new FileOutputStream(FileDescriptor.out);

    private Main() {
    }

    /** Runs until standard input ends. */
    public static void main(String[] args) throws IOException {
        System.setOut(System.err);
        Operations operations = new Operations(Main::write);
        BufferedReader in = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
        for (String line = in.readLine(); line != null; line = in.readLine()) {
            write(answer(operations, line));
        }
        // The client's threads are not all daemons, and one that is shut down waits for them for seconds.
        Runtime.getRuntime().halt(0);
    }

    private static ObjectNode answer(Operations operations, String line) {
        ObjectNode answer = JSON.createObjectNode();
        try {
            JsonNode request = JSON.readTree(line);
            answer.set("id", request.get("id"));
            JsonNode result = operations.run(request);
            answer.put("ok", true).set("result", result);
        } catch (UnsupportedOperationException e) {
            answer.put("ok", false).put("unsupported", true).put("error", e.getMessage());
        } catch (Exception e) {
            answer.put("ok", false).put("error", describe(e));
        }
        return answer;
    }

    private static String describe(Throwable e) {
        String text = e.toString();
        for (Throwable cause = e.getCause(); cause != null; cause = cause.getCause()) {
            text += "; " + cause;
        }
        return text;
    }

    /** Writes one line. Answers and events come from several threads. */
    private static synchronized void write(ObjectNode line) {
        try {
            OUT.write((JSON.writeValueAsString(line) + "\n").getBytes(StandardCharsets.UTF_8));
        } catch (IOException e) {
            System.err.println("the runner does not listen any more: " + e);
            Runtime.getRuntime().halt(1);
        }
    }
}

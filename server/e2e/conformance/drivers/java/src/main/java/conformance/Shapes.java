package conformance;

import com.alibaba.nacos.api.naming.pojo.Instance;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/** The runner's shapes, to the library's and back. */
final class Shapes {

    private Shapes() {
    }

    /** Makes the library's instance of a request's fields; what the request leaves out stays as the library has it. */
    static Instance toLibrary(JsonNode wanted) {
        Instance i = new Instance();
        i.setIp(wanted.path("ip").asText());
        i.setPort(wanted.path("port").asInt());
        if (!wanted.path("cluster").asText().isEmpty()) {
            i.setClusterName(wanted.get("cluster").asText());
        }
        i.setWeight(wanted.path("weight").asDouble(i.getWeight()));
        i.setHealthy(wanted.path("healthy").asBoolean(i.isHealthy()));
        i.setEnabled(wanted.path("enabled").asBoolean(i.isEnabled()));
        i.setEphemeral(wanted.path("ephemeral").asBoolean(i.isEphemeral()));
        Map<String, String> metadata = new HashMap<>();
        wanted.path("metadata").fields().forEachRemaining(f -> metadata.put(f.getKey(), f.getValue().asText()));
        i.setMetadata(metadata);
        return i;
    }

    /** Makes the library's instances of a request's. */
    static List<Instance> listToLibrary(JsonNode wanted) {
        List<Instance> all = new ArrayList<>();
        wanted.forEach(i -> all.add(toLibrary(i)));
        return all;
    }

    /** Makes the runner's instance of the library's; a null stays one. */
    static JsonNode toRunner(Instance i) {
        if (i == null) {
            return Main.JSON.nullNode();
        }
        ObjectNode shown = Main.JSON.createObjectNode()
                .put("ip", i.getIp())
                .put("port", i.getPort())
                .put("weight", i.getWeight())
                .put("healthy", i.isHealthy())
                .put("enabled", i.isEnabled())
                .put("ephemeral", i.isEphemeral())
                .put("cluster", i.getClusterName())
                .put("service", plainName(i.getServiceName()));
        shown.set("metadata", Main.JSON.valueToTree(i.getMetadata() == null ? Map.of() : i.getMetadata()));
        return shown;
    }

    /** Makes the runner's list of the library's. */
    static ArrayNode listToRunner(List<Instance> all) {
        ArrayNode shown = Main.JSON.createArrayNode();
        all.forEach(i -> shown.add(toRunner(i)));
        return shown;
    }

    /** A service's name without the group before it. */
    static String plainName(String service) {
        return service == null ? "" : service.substring(service.indexOf("@@") < 0 ? 0 : service.indexOf("@@") + 2);
    }

    /** The strings of an array. */
    static List<String> strings(JsonNode array) {
        List<String> all = new ArrayList<>();
        array.forEach(s -> all.add(s.asText()));
        return all;
    }
}

package conformance;

import com.alibaba.nacos.api.NacosFactory;
import com.alibaba.nacos.api.PropertyKeyConst;
import com.alibaba.nacos.api.exception.NacosException;
import com.alibaba.nacos.api.naming.NamingService;
import com.alibaba.nacos.api.naming.listener.EventListener;
import com.alibaba.nacos.api.naming.listener.NamingEvent;
import com.alibaba.nacos.api.naming.pojo.Instance;
import com.alibaba.nacos.api.naming.pojo.ListView;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.io.InputStream;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Properties;
import java.util.function.Consumer;

/** The library's calls, one for each of the runner's operations. */
final class Operations {

    private final Consumer<ObjectNode> events;
    // To unsubscribe, the library wants the listener that was given at first.
    private final Map<String, EventListener> listeners = new HashMap<>();
    private NamingService naming;
    private Extras extras;

    /** Events go to the given consumer, from threads of the library. */
    Operations(Consumer<ObjectNode> events) {
        this.events = events;
    }

    /**
     * Carries out one request.
     *
     * @throws UnsupportedOperationException if this version of the library has no such call; its message says why
     * @throws NacosException if the library, or the server through it, said no
     */
    JsonNode run(JsonNode r) throws Exception {
        String op = r.path("op").asText();
        switch (op) {
            case "hello":
                return hello();
            case "connect":
                return connect(r);
            case "close":
                return close();
            default:
        }
        if (naming == null) {
            throw new IllegalStateException("not connected");
        }
        switch (op) {
            case "list":
                return instances(naming.getAllInstances(service(r), group(r), clusters(r), r.path("subscribe").asBoolean()));
            case "select":
                return instances(naming.selectInstances(service(r), group(r), clusters(r), r.path("healthy").asBoolean(true), false));
            case "selectOne":
                return selectOne(r);
            case "services":
                return services(r);
            case "status":
                return Main.JSON.createObjectNode().put("status", naming.getServerStatus());
            default:
                change(op, r);
                return Main.JSON.nullNode();
        }
    }

    /** The operations that answer nothing but that they were done. */
    private void change(String op, JsonNode r) throws Exception {
        switch (op) {
            case "register":
                naming.registerInstance(service(r), group(r), Shapes.toLibrary(r));
                return;
            case "deregister":
                naming.deregisterInstance(service(r), group(r), Shapes.toLibrary(r));
                return;
            case "batch":
                extras.batchRegister(service(r), group(r), Shapes.listToLibrary(r.path("instances")));
                return;
            case "batchDeregister":
                extras.batchDeregister(service(r), group(r), Shapes.listToLibrary(r.path("instances")));
                return;
            case "subscribe":
                EventListener listener = e -> changed((NamingEvent) e, r.path("group").asText());
                naming.subscribe(service(r), group(r), clusters(r), listener);
                listeners.put(subscription(r), listener);
                return;
            case "unsubscribe":
                naming.unsubscribe(service(r), group(r), clusters(r), listeners.remove(subscription(r)));
                return;
            case "fuzzyWatch":
                extras.fuzzyWatch(r.path("service").asText(), r.path("group").asText());
                return;
            case "fuzzyUnwatch":
                extras.fuzzyUnwatch(r.path("service").asText(), r.path("group").asText());
                return;
            default:
                throw new IllegalArgumentException("no such operation: " + op);
        }
    }

    private JsonNode hello() throws IOException {
        Properties build = new Properties();
        try (InputStream in = Operations.class.getResourceAsStream("/driver.properties")) {
            build.load(in);
        }
        return Main.JSON.createObjectNode().put("client", "nacos-client").put("version", build.getProperty("version"))
                .put("language", "java").put("generation", Integer.parseInt(build.getProperty("generation")));
    }

    private JsonNode connect(JsonNode r) throws NacosException {
        Properties p = new Properties();
        p.setProperty(PropertyKeyConst.SERVER_ADDR, String.join(",", Shapes.strings(r.path("servers"))));
        p.setProperty(PropertyKeyConst.NAMESPACE, r.path("namespace").asText());
        if (!r.path("user").asText().isEmpty()) {
            p.setProperty(PropertyKeyConst.USERNAME, r.get("user").asText());
            p.setProperty(PropertyKeyConst.PASSWORD, r.path("password").asText());
        }
        naming = NacosFactory.createNamingService(p);
        extras = new Extras(naming, events);
        return Main.JSON.nullNode();
    }

    private JsonNode close() throws NacosException {
        if (naming != null) {
            naming.shutDown();
            naming = null;
            listeners.clear();
        }
        return Main.JSON.nullNode();
    }

    private JsonNode selectOne(JsonNode r) throws NacosException {
        ObjectNode result = Main.JSON.createObjectNode();
        try {
            Instance one = naming.selectOneHealthyInstance(service(r), group(r), clusters(r), false);
            return result.set("instance", Shapes.toRunner(one));
        } catch (IllegalStateException none) {
            // How the library says that there is none to choose from.
            return result.set("instance", Main.JSON.nullNode());
        }
    }

    private JsonNode services(JsonNode r) throws NacosException {
        ListView<String> page = naming.getServicesOfServer(r.path("page").asInt(1), r.path("size").asInt(10), group(r));
        ObjectNode result = Main.JSON.createObjectNode().put("count", page.getCount());
        return result.set("services", Main.JSON.valueToTree(page.getData()));
    }

    /** Tells what a listener was told, of the group as the runner named it. */
    private void changed(NamingEvent e, String group) {
        ObjectNode event = Main.JSON.createObjectNode().put("event", "changed")
                .put("service", Shapes.plainName(e.getServiceName())).put("group", group);
        event.set("instances", Shapes.listToRunner(e.getInstances()));
        events.accept(event);
    }

    private static JsonNode instances(List<Instance> all) {
        return Main.JSON.createObjectNode().set("instances", Shapes.listToRunner(all));
    }

    private static String service(JsonNode r) {
        return r.path("service").asText();
    }

    private static String group(JsonNode r) {
        return r.path("group").asText().isEmpty() ? "DEFAULT_GROUP" : r.get("group").asText();
    }

    private static List<String> clusters(JsonNode r) {
        return Shapes.strings(r.path("clusters"));
    }

    private static String subscription(JsonNode r) {
        return group(r) + "@@" + service(r) + "@@" + clusters(r);
    }
}

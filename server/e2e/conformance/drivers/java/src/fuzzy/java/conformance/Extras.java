package conformance;

import com.alibaba.nacos.api.exception.NacosException;
import com.alibaba.nacos.api.naming.NamingService;
import com.alibaba.nacos.api.naming.listener.AbstractFuzzyWatchEventWatcher;
import com.alibaba.nacos.api.naming.listener.FuzzyWatchChangeEvent;
import com.alibaba.nacos.api.naming.listener.FuzzyWatchEventWatcher;
import com.alibaba.nacos.api.naming.pojo.Instance;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Consumer;

/** Batches and fuzzy watch. */
final class Extras {

    private final NamingService naming;
    private final Consumer<ObjectNode> events;
    private final Map<String, FuzzyWatchEventWatcher> watchers = new HashMap<>();

    Extras(NamingService naming, Consumer<ObjectNode> events) {
        this.naming = naming;
        this.events = events;
    }

    void batchRegister(String service, String group, List<Instance> all) throws NacosException {
        naming.batchRegisterInstance(service, group, all);
    }

    void batchDeregister(String service, String group, List<Instance> all) throws NacosException {
        naming.batchDeregisterInstance(service, group, all);
    }

    /** Watches for services that come and go and whose name and group match these patterns. */
    void fuzzyWatch(String service, String group) throws NacosException {
        FuzzyWatchEventWatcher watcher = new AbstractFuzzyWatchEventWatcher() {
            @Override
            public void onEvent(FuzzyWatchChangeEvent e) {
                events.accept(Main.JSON.createObjectNode().put("event", "fuzzy").put("service", e.getServiceName())
                        .put("group", e.getGroupName()).put("type", e.getChangeType()).put("sync", e.getSyncType()));
            }

            @Override
            public void onPatternOverLimit() {
                events.accept(Main.JSON.createObjectNode().put("event", "fuzzy").put("type", "TOO_MANY_PATTERNS"));
            }

            @Override
            public void onServiceReachUpLimit() {
                events.accept(Main.JSON.createObjectNode().put("event", "fuzzy").put("type", "TOO_MANY_SERVICES"));
            }
        };
        naming.fuzzyWatch(service, group, watcher);
        watchers.put(group + "@@" + service, watcher);
    }

    void fuzzyUnwatch(String service, String group) throws NacosException {
        naming.cancelFuzzyWatch(service, group, watchers.remove(group + "@@" + service));
    }
}

package conformance;

import com.alibaba.nacos.api.exception.NacosException;
import com.alibaba.nacos.api.naming.NamingService;
import com.alibaba.nacos.api.naming.pojo.Instance;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.util.List;
import java.util.function.Consumer;

/** Batches, but no fuzzy watch. */
final class Extras {

    private final NamingService naming;

    Extras(NamingService naming, Consumer<ObjectNode> events) {
        this.naming = naming;
    }

    void batchRegister(String service, String group, List<Instance> all) throws NacosException {
        naming.batchRegisterInstance(service, group, all);
    }

    void batchDeregister(String service, String group, List<Instance> all) throws NacosException {
        naming.batchDeregisterInstance(service, group, all);
    }

    void fuzzyWatch(String service, String group) {
        throw new UnsupportedOperationException("fuzzy watch came with 3.0");
    }

    void fuzzyUnwatch(String service, String group) {
        throw new UnsupportedOperationException("fuzzy watch came with 3.0");
    }
}

package conformance;

import com.alibaba.nacos.api.naming.NamingService;
import com.alibaba.nacos.api.naming.pojo.Instance;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.util.List;
import java.util.function.Consumer;

/** What newer versions can do: this one cannot. */
final class Extras {

    Extras(NamingService naming, Consumer<ObjectNode> events) {
    }

    void batchRegister(String service, String group, List<Instance> all) {
        throw new UnsupportedOperationException("batches came with 2.1");
    }

    void batchDeregister(String service, String group, List<Instance> all) {
        throw new UnsupportedOperationException("batches came with 2.1");
    }

    void fuzzyWatch(String service, String group) {
        throw new UnsupportedOperationException("fuzzy watch came with 3.0");
    }

    void fuzzyUnwatch(String service, String group) {
        throw new UnsupportedOperationException("fuzzy watch came with 3.0");
    }
}

package httpapi

import "testing"

// Namespaces by versions 2 and 3, by all their ways.
func TestNamespacesByAllWays(t *testing.T) {
	for _, base := range []string{"/v2/console/namespace", "/v3/admin/core/namespace", "/v3/console/core/namespace"} {
		d := newDoor(t, nil)
		yes := `{"code":0,"message":"success","data":true}`
		d.want(200, yes, "POST "+base, form("namespaceId", "n1", "customNamespaceId", "n1", "namespaceName", "one", "namespaceDesc", "first"))
		d.want(400, `{"code":22002,"message":"namespace already exist","data":"namespaceId [n1] already exist."}`, "POST "+base, form("namespaceId", "n1", "customNamespaceId", "n1", "namespaceName", "one"))
		d.want(400, `{"code":22002}`, "POST "+base, form("namespaceId", "public", "customNamespaceId", "public", "namespaceName", "one"))
		d.want(400, `{"code":22000,"message":"illegal namespace"}`, "POST "+base, form("namespaceId", "a b", "customNamespaceId", "a b", "namespaceName", "one"))
		d.want(400, `{"code":22000,"data":"namespaceName [a@b] contains illegal char"}`, "POST "+base, form("namespaceId", "n2", "customNamespaceId", "n2", "namespaceName", "a@b"))
		d.want(400, `{"code":10000}`, "POST "+base, form("namespaceId", "n2", "customNamespaceId", "n2"))
		d.want(200, `{"code":0,"data":{"namespace":"n1","namespaceShowName":"one","namespaceDesc":"first","quota":200,"configCount":0,"type":2}}`, "GET "+base+"?namespaceId=n1", "")
		d.want(200, `{"code":0,"data":{"namespace":"public","namespaceShowName":"public","type":0}}`, "GET "+base+"?namespaceId=public", "")
		d.want(404, `{"code":22001,"message":"namespace not exist","data":"namespaceId [ n9 ] not exist"}`, "GET "+base+"?namespaceId=n9", "")
		d.want(200, yes, "PUT "+base, form("namespaceId", "n1", "namespaceName", "uno", "namespaceDesc", ""))
		d.want(404, `{"code":22001}`, "PUT "+base, form("namespaceId", "n9", "namespaceName", "nine"))
		d.want(200, `{"code":0,"data":[{"namespace":"public"},{"namespace":"n1","namespaceShowName":"uno","namespaceDesc":""}]}`, "GET "+base+"/list", "")
		// What is registered in it stays when it goes, and it goes once.
		d.want(200, okResult, "POST /v2/ns/instance?serviceName=s&namespaceId=n1&ip=10.0.0.1&port=80", "")
		d.want(200, yes, "DELETE "+base+"?namespaceId=n1", "")
		d.want(200, yes, "DELETE "+base+"?namespaceId=n1", "")
		d.want(404, `{"code":22001}`, "GET "+base+"?namespaceId=n1", "")
		// One that is made without a name for itself is given one.
		d.want(200, yes, "POST "+base, form("namespaceName", "two"))
		d.want(200, `{"code":0,"data":[{},{"namespaceShowName":"two"}]}`, "GET "+base+"/list", "")
		d.want(200, `{"code":0,"data":{"hosts":[{"ip":"10.0.0.1"}]}}`, "GET /v2/ns/instance/list?serviceName=s&namespaceId=n1", "")
		d.want(400, `{"code":10000}`, "DELETE "+base, "")
		d.want(200, `{"code":0,"data":0}`, "GET /v3/admin/core/namespace/check?namespaceId=n1", "")
		d.want(200, `{"code":0,"data":false}`, "GET /v3/console/core/namespace/exist?customNamespaceId=n1", "")
		if code, got := d.do("DELETE "+base+"?namespaceId=public", ""); code < 400 {
			t.Fatalf("the default namespace is gone: %d %s", code, got)
		}
	}
}

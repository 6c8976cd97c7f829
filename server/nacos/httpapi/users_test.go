package httpapi_test

import (
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/crypto/bcrypt"

	"github.com/musterhq/muster/server/auth"
	"github.com/musterhq/muster/server/nacos/httpapi"
	"github.com/musterhq/muster/server/registry"
)

// alonePlane is the persistent plane of a cluster of one.
type alonePlane struct {
	reg   *registry.Registry
	index uint64
}

func (p *alonePlane) Propose(_ context.Context, command []byte) ([]byte, error) {
	p.index++
	return p.reg.Apply(p.index, command), nil
}

func (p *alonePlane) Linearizable(context.Context) error { return nil }

// userDoor is a door whose only administrator has the password "admin".
func userDoor(t *testing.T) http.Handler {
	t.Helper()
	reg := registry.New(registry.Options{Self: "a"})
	reg.Use(nil, &alonePlane{reg: reg})
	reg.Ready(0)
	a, err := auth.New(auth.Options{Store: reg, Cost: bcrypt.MinCost})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := a.EnsureAdmin(t.Context(), "admin"); err != nil {
		t.Fatal(err)
	}
	return httpapi.New(httpapi.Options{Registry: reg, Access: a, Users: a, Requests: func(route string, status int, _ time.Duration) {
		if status == http.StatusOK { // all who ask look at the answer
			httpapi.NoteAsserted(route)
		}
	}})
}

// ask sends a request whose parameters are in the query, as npm's client does,
// or in a form.
func ask(door http.Handler, method, path, token string, form bool, pairs ...string) *httptest.ResponseRecorder {
	v := make(url.Values)
	for i := 0; i < len(pairs); i += 2 {
		v.Set(pairs[i], pairs[i+1])
	}
	var r *http.Request
	if form {
		r = httptest.NewRequest(method, "/nacos"+path, strings.NewReader(v.Encode()))
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	} else {
		r = httptest.NewRequest(method, "/nacos"+path+"?"+v.Encode(), nil)
	}
	if token != "" {
		r.Header.Set("Authorization", "Bearer "+token)
	}
	w := httptest.NewRecorder()
	door.ServeHTTP(w, r)
	return w
}

func loginAs(t *testing.T, door http.Handler, user, password string) string {
	t.Helper()
	w := ask(door, "POST", "/v1/auth/login", "", true, "username", user, "password", password)
	var s struct{ AccessToken string }
	if err := json.Unmarshal(w.Body.Bytes(), &s); err != nil || w.Code != 200 {
		t.Fatalf("login of %s: %d %s", user, w.Code, w.Body)
	}
	return s.AccessToken
}

func TestLoginAnswersAsClientsExpect(t *testing.T) {
	door := userDoor(t)
	for _, path := range []string{"/v1/auth/login", "/v1/auth/users/login", "/v3/auth/user/login"} {
		for _, form := range []bool{false, true} {
			w := ask(door, "POST", path, "", form, "username", "nacos", "password", "admin")
			var s map[string]any
			if err := json.Unmarshal(w.Body.Bytes(), &s); err != nil || w.Code != 200 {
				t.Fatalf("%s: %d %s", path, w.Code, w.Body)
			}
			token, _ := s["accessToken"].(string)
			if s["tokenTtl"] != 18000.0 || s["globalAdmin"] != true || s["username"] != "nacos" || len(s) != 4 || token == "" {
				t.Errorf("%s: %s", path, w.Body)
			}
			if got := w.Header().Get("Authorization"); got != "Bearer "+token {
				t.Errorf("%s: Authorization %q", path, got)
			}
		}
		if w := ask(door, "POST", path, "", true, "username", "nacos", "password", "wrong"); w.Code != 403 || !strings.Contains(w.Body.String(), "unknown user!") {
			t.Errorf("%s with a wrong password: %d %s", path, w.Code, w.Body)
		}
	}
	// Java 3.x has the name in the query and the password in the body.
	r := httptest.NewRequest("POST", "/nacos/v3/auth/user/login?username=nacos", strings.NewReader("password=admin"))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	w := httptest.NewRecorder()
	if door.ServeHTTP(w, r); w.Code != 200 {
		t.Errorf("in both places: %d %s", w.Code, w.Body)
	}
}

func TestLoginsThatFailTooOftenAreRefused(t *testing.T) {
	synctest.Test(t, func(t *testing.T) { // where hashing takes no time
		door := userDoor(t)
		for i := range 12 {
			want := http.StatusForbidden
			if i >= 10 {
				want = http.StatusTooManyRequests
			}
			if w := ask(door, "POST", "/v1/auth/login", "", true, "username", "nacos", "password", "wrong"); w.Code != want {
				t.Errorf("login %d: %d %s", i, w.Code, w.Body)
			}
		}
	})
}

func TestUsersAreKeptByAnAdministrator(t *testing.T) {
	door := userDoor(t)
	admin := loginAs(t, door, "nacos", "admin")
	do := func(method, path, token string, want int, text string, pairs ...string) {
		t.Helper()
		w := ask(door, method, path, token, method == "POST", pairs...)
		if w.Code != want || !strings.Contains(w.Body.String(), text) {
			t.Errorf("%s %s: %d %s; not %d %s", method, path, w.Code, w.Body, want, text)
		}
	}
	do("POST", "/v1/auth/users", admin, 200, `{"code":200,"message":null,"data":"create user ok!"}`, "username", "ann", "password", "pw")
	do("POST", "/v1/auth/users", admin, 400, "user 'ann' already exist!", "username", "ann", "password", "pw")
	do("POST", "/v3/auth/user", admin, 200, `{"code":0,"message":"success","data":"create user ok!"}`, "username", "bob", "password", "pw")
	do("POST", "/v3/auth/user", admin, 400, `"code":10000`, "username", "eve")
	do("GET", "/v1/auth/users", admin, 200, `"pageItems":[{"password":"","username":"ann"},{"password":"","username":"bob"}],"pageNumber":1,"pagesAvailable":2,"totalCount":3`, "search", "accurate", "pageNo", "1", "pageSize", "2")
	do("GET", "/v3/auth/user/list", admin, 200, `"totalCount":1`, "search", "blur", "username", "*n*s", "pageNo", "1", "pageSize", "9")
	do("GET", "/v3/auth/user/search", admin, 200, `["ann","nacos"]`, "username", "n")
	do("GET", "/v1/auth/users/search", admin, 200, `["bob"]`, "username", "bob")

	ann := loginAs(t, door, "ann", "pw")
	do("PUT", "/v1/auth/users", ann, 200, "update user ok!", "username", "ann", "newPassword", "other")
	do("PUT", "/v1/auth/users", ann, 403, "", "username", "ann", "newPassword", "by a token of the last password")
	ann = loginAs(t, door, "ann", "other")
	do("PUT", "/v3/auth/user", ann, 403, `"code":10001`, "username", "nacos", "newPassword", "mine")
	do("POST", "/v3/auth/user", ann, 403, "", "username", "eve", "password", "pw")
	do("GET", "/v3/auth/user/list", ann, 403, "", "pageNo", "1", "pageSize", "9")
	do("GET", "/v3/auth/user/search", ann, 403, "", "username", "")
	do("DELETE", "/v3/auth/user", ann, 403, "", "username", "bob")

	do("PUT", "/v3/auth/user", admin, 200, `{"code":0,"message":"success","data":"update user ok!"}`, "username", "bob", "newPassword", "new")
	loginAs(t, door, "bob", "new")
	do("PUT", "/v3/auth/user", admin, 400, "not exist", "username", "eve", "newPassword", "pw")
	do("DELETE", "/v3/auth/user", admin, 200, "delete user ok!", "username", "bob")
	do("DELETE", "/v1/auth/users", admin, 400, "cannot delete admin: nacos", "username", "nacos")
	do("DELETE", "/v1/auth/users", admin, 200, `{"code":200,"message":null,"data":"delete user ok!"}`, "username", "ann")
	// The oldest way is the same, without /users.
	do("POST", "/v1/auth", admin, 200, `{"code":200,"message":null,"data":"create user ok!"}`, "username", "carl", "password", "pw")
	do("PUT", "/v1/auth", admin, 200, `{"code":200,"message":null,"data":"update user ok!"}`, "username", "carl", "newPassword", "pw2")
	do("GET", "/v1/auth", admin, 200, `"totalCount":2`, "search", "blur", "pageNo", "1", "pageSize", "9")
	do("GET", "/v1/auth/search", admin, 200, `["carl"]`, "username", "carl")
	do("DELETE", "/v1/auth", admin, 200, `{"code":200,"message":null,"data":"delete user ok!"}`, "username", "carl")
	for _, path := range []string{"/v1/auth/admin", "/v1/auth/users/admin", "/v3/auth/user/admin"} {
		do("POST", path, "", 409, "have admin user cannot use it.", "password", "mine")
	}
	loginAs(t, door, "nacos", "admin")
}

// What opened Nacos' doors to anybody (its issues 4701 and 4779) opens none.
func TestNobodyIsAServerByAHeader(t *testing.T) {
	door := userDoor(t)
	for name, value := range map[string]string{
		"User-Agent": "Nacos-Server", "serverIdentity": "security", "nacos.core.auth.server.identity.key": "security",
		"example": "example", "X-Forwarded-For": "127.0.0.1", "username": "nacos", "password": "admin", "accessToken": "open",
		"Authorization": "Basic bmFjb3M6YWRtaW4=",
	} {
		v := url.Values{"username": {"nacos"}, "newPassword": {"mine"}, "password": {"admin"}}
		r := httptest.NewRequest("PUT", "/nacos/v1/auth/users?"+v.Encode(), nil)
		r.Header.Set(name, value)
		w := httptest.NewRecorder()
		if door.ServeHTTP(w, r); w.Code != 403 {
			t.Errorf("%s: %s: %d %s", name, value, w.Code, w.Body)
		}
	}
	loginAs(t, door, "nacos", "admin")
}

package httpapi

import (
	"net/http"
	"strings"
)

// Tidy returns a handler that takes a path with slashes too many, as clients
// make it that join a context path to an address, for the one that is meant. A
// redirection, which net/http answers with, turns the POST of most into a GET.
func Tidy(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if path := tidy(r.URL.Path); path != r.URL.Path {
			u := *r.URL
			u.Path, u.RawPath = path, ""
			c := *r
			c.URL = &u
			r = &c
		}
		next.ServeHTTP(w, r)
	})
}

// tidy returns a path with one slash where there are several, and none at its
// end.
func tidy(path string) string {
	for strings.Contains(path, "//") {
		path = strings.ReplaceAll(path, "//", "/")
	}
	if len(path) > 1 {
		path = strings.TrimSuffix(path, "/")
	}
	return path
}

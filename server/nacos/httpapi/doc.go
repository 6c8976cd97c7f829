// Package httpapi is the door for clients of Nacos 1.x, for programs that
// speak HTTP themselves, and for operators: versions 1, 2 and 3 of the API.
//
// All routes are in one table, [routes], with the way each is answered and
// what the caller must be allowed. A route of Nacos that is not there says so
// with an error: nothing is ever answered with success that was not done.
// testdata/routes.txt lists both kinds; tests hold it, the table and
// docs/nacos-routes.md together, and see each route succeed.
package httpapi

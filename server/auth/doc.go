// Package auth knows users, checks passwords and tokens, and says who may do
// what. It is the [nacos.Authorizer] of all doors.
//
// Users and the secret that signs tokens are documents that the servers agree
// on, so a token that one server gave is good on all of them, and after a
// restart. A token is a JWT signed by HMAC-SHA256. It is refused as soon as its
// user is deleted or has another password, not only when it is too old.
//
// There is no secret that is known beforehand: a cluster draws its own when it
// first needs one, unless its operator gives one, and those that stand in
// Nacos' sources and manuals are refused. Nor is there a header by which a
// caller becomes a server. The first user, an administrator, gets a password
// that the operator gave, or a drawn one.
//
// Whose logins fail is slowed down by address and by name. Neither takes more
// than a bounded amount of memory, and passwords are hashed by a bounded number
// of goroutines, so that logins cannot take all processors.
//
// Until there are roles, an administrator may do everything and others what
// Options.Rights says, which is nothing unless it is set.
package auth

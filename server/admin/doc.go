// Package admin is the client of a server's HTTP API that the command line
// uses: what operators ask and tell. Where Nacos has a route it takes that, so it
// works with a Nacos server of 3.x as well; for what Nacos does not tell there
// are routes of muster's own under /muster/v1, whose shapes are the types here.
package admin

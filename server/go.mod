module github.com/musterhq/muster/server

go 1.25.0

replace github.com/musterhq/muster => ../

require (
	github.com/musterhq/muster v0.0.0
	github.com/spf13/cobra v1.10.2
	github.com/spf13/pflag v1.0.9
	golang.org/x/term v0.45.0
)

require (
	github.com/inconshreveable/mousetrap v1.1.0 // indirect
	golang.org/x/sys v0.47.0 // indirect
)

module github.com/hashicorp/memberlist

go 1.25.0

replace github.com/musterhq/muster => ../../

require (
	github.com/golang/snappy v1.0.0
	github.com/hashicorp/go-metrics v0.7.0
	github.com/musterhq/muster v0.0.0
)

require (
	github.com/hashicorp/go-immutable-radix v1.3.1 // indirect
	github.com/hashicorp/golang-lru v0.5.0 // indirect
)

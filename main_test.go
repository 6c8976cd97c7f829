package muster

import (
	"testing"

	"github.com/musterhq/muster/internal/leak"
)

func TestMain(m *testing.M) { leak.Main(m) }

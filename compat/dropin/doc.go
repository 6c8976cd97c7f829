// Package dropin proves, by its tests, that compat/memberlist takes the place of
// github.com/hashicorp/memberlist: it exports the same, and programs written
// against memberlist alone (compat/programs), built with and without a replace
// line in their go.mod, behave the same, each among its like and mixed.
package dropin

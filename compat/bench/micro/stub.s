// This file is empty: with it, the compiler accepts functions without a body,
// which the linker finds in another package.

// Package sketch finds the difference of two sets at the price of the
// difference, however large the sets are. It is the rateless invertible Bloom
// lookup table of Yang, Gilad and Alizadeh, "Practical Rateless Set
// Reconciliation" (SIGCOMM 2024).
//
// One side sends coded symbols of its set, an endless sequence of which any
// prefix is useful. The other adds them to a [Decoder] that knows its own set
// until the decoder is [Decoder.Done]; that takes about 1.35 symbols per
// element that only one side has, somewhat more when those are few. Nobody
// need guess beforehand how large the difference is.
//
// Elements are 64-bit hashes of whatever the sets hold, made with [Hash] under
// a salt that is drawn anew for each exchange. The salt matters: it keeps two
// things whose hashes happen to be equal from hiding each other for ever, and
// whoever wants to make hashes collide from knowing which.
package sketch

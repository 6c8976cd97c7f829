package muster

// TCPOver is a TCPTransport over the streams of another transport, for tests
// in virtual time.
func TCPOver(l Transport, o TCPOptions) *TCPTransport { return newTCP(l, o, nil) }

// TLSOver is the same with TLS.
func TLSOver(l Transport, cfg TLSConfig) (*TCPTransport, error) {
	s, err := newSecurity(cfg)
	if err != nil {
		return nil, err
	}
	return newTCP(l, cfg.TCPOptions, s), nil
}

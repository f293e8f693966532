// Verifies a server's chain as every Go client does, containerd and CRI-O among them.
//
//	verify-chain ROOTS.pem CHAIN.pem TIME NAME-OR-ADDRESS...
//
// Ends 1, with Go's own words, at the first name or address that it does not verify for.
package main

import (
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"os"
	"time"
)

func main() {
	roots, intermediates := x509.NewCertPool(), x509.NewCertPool()
	for _, root := range certificates(os.Args[1]) {
		roots.AddCert(root)
	}
	chain := certificates(os.Args[2])
	for _, above := range chain[1:] {
		intermediates.AddCert(above)
	}
	now, err := time.Parse(time.RFC3339, os.Args[3])
	exitOn(err)
	for _, name := range os.Args[4:] {
		_, err := chain[0].Verify(x509.VerifyOptions{
			DNSName:       name,
			Roots:         roots,
			Intermediates: intermediates,
			CurrentTime:   now,
		})
		exitOn(err)
	}
}

func certificates(path string) (found []*x509.Certificate) {
	rest, err := os.ReadFile(path)
	exitOn(err)
	for {
		var block *pem.Block
		if block, rest = pem.Decode(rest); block == nil {
			return found
		}
		certificate, err := x509.ParseCertificate(block.Bytes)
		exitOn(err)
		found = append(found, certificate)
	}
}

func exitOn(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// A double of Google Cloud KMS for tests: REST with JSON, over Google's own message types, with real keys.
//
// It serves what the driver gcpckms needs (key rings, keys, versions, public keys, signatures, decryption), with the
// status codes, error bodies, checksums and states of the service, and it checks the tokens of service accounts. What
// goes wrong is said by tests, through paths under a secret prefix.
//
// It prints one line, "ready PORT", and ends when its standard input does, so that no test leaves it behind.
package main

import (
	"flag"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"os"
	"time"
)

func main() {
	secret := flag.String("control", "", "the prefix of the paths by which a test controls this program")
	flag.Parse()
	if *secret == "" {
		log.Fatal("-control is missing")
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		log.Fatal(err)
	}
	go func() {
		_, _ = io.Copy(io.Discard, os.Stdin)
		os.Exit(0)
	}()
	kms := newService()
	faults := &faults{}
	accounts := newAccounts()
	front := http.NewServeMux()
	front.Handle("/"+*secret+"/", http.StripPrefix("/"+*secret, &control{faults: faults, accounts: accounts}))
	front.Handle("/v1/", &rest{kms: kms, faults: faults, accounts: accounts})
	server := &http.Server{Handler: front, ReadHeaderTimeout: 10 * time.Second}
	fmt.Printf("ready %d\n", listener.Addr().(*net.TCPAddr).Port)
	log.Fatal(server.Serve(listener))
}

package main

import (
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"sync"

	"cloud.google.com/go/kms/apiv1/kmspb"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/wrapperspb"
)

// What goes wrong with the next calls of a method whose resource has this in its name.
type fault struct {
	Method string `json:"method"`
	Name   string `json:"name"`
	Times  int    `json:"times"`
	// A google.rpc.Code, and the text that goes with it.
	Code    uint32 `json:"code"`
	Message string `json:"message"`
	// An answer of somebody else's: a status and a body.
	HTTP int    `json:"http"`
	Body string `json:"body"`
	// Milliseconds before the answer; for CreateCryptoKey, until the version is there.
	Delay int `json:"delay"`
	// How an answer is spoilt: "checksum", "bytes", "unverified", "name".
	Spoil string `json:"spoil"`
}

type call struct{ method, name string }

type faults struct {
	mutex sync.Mutex
	next  []*fault
	calls []call
}

// Notes a call, and takes what is to go wrong with it.
func (f *faults) take(method, name string) fault {
	f.mutex.Lock()
	defer f.mutex.Unlock()
	f.calls = append(f.calls, call{method, name})
	for _, fault := range f.next {
		if fault.Times > 0 && fault.Method == method && strings.Contains(name, fault.Name) {
			fault.Times--
			return *fault
		}
	}
	return fault{}
}

func (f *fault) status() error {
	if f.Code == 0 {
		return nil
	}
	return status.Error(codes.Code(f.Code), f.Message)
}

func (f *fault) spoil(answer proto.Message) {
	switch answer := answer.(type) {
	case *kmspb.AsymmetricSignResponse:
		spoil(f.Spoil, &answer.Name, answer.Signature, answer.SignatureCrc32C)
		if f.Spoil == "unverified" {
			answer.VerifiedDataCrc32C, answer.VerifiedDigestCrc32C = false, false
		}
	case *kmspb.PublicKey:
		text := []byte(answer.Pem)
		spoil(f.Spoil, &answer.Name, text, answer.PemCrc32C)
		answer.Pem = string(text)
	case *kmspb.AsymmetricDecryptResponse:
		var none string
		spoil(f.Spoil, &none, answer.Plaintext, answer.PlaintextCrc32C)
		if f.Spoil == "unverified" {
			answer.VerifiedCiphertextCrc32C = false
		}
	}
}

func spoil(how string, name *string, bytes []byte, checksum *wrapperspb.Int64Value) {
	switch how {
	case "checksum":
		checksum.Value ^= 1
	case "bytes":
		bytes[len(bytes)/2] ^= 1
	case "name":
		*name += "0"
	}
}

// The paths by which a test says what goes wrong, who may come in, and asks what was called.
type control struct {
	faults   *faults
	accounts *accounts
}

func (c *control) ServeHTTP(w http.ResponseWriter, request *http.Request) {
	body, err := io.ReadAll(request.Body)
	if err == nil {
		err = c.serve(w, request, body)
	}
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
	}
}

func (c *control) serve(w http.ResponseWriter, request *http.Request, body []byte) error {
	switch request.URL.Path {
	case "/faults":
		added := &fault{}
		if err := json.Unmarshal(body, added); err != nil {
			return err
		}
		c.faults.mutex.Lock()
		defer c.faults.mutex.Unlock()
		c.faults.next = append(c.faults.next, added)
	case "/accounts":
		added := &account{}
		if err := json.Unmarshal(body, added); err != nil {
			return err
		}
		return c.accounts.add(added)
	case "/calls":
		c.faults.mutex.Lock()
		defer c.faults.mutex.Unlock()
		counts := map[string]int{}
		for _, call := range c.faults.calls {
			if strings.Contains(call.name, request.URL.Query().Get("name")) {
				counts[call.method]++
			}
		}
		return json.NewEncoder(w).Encode(counts)
	case "/":
		_, err := io.WriteString(w, "fakekms")
		return err
	default:
		http.NotFound(w, request)
	}
	return nil
}

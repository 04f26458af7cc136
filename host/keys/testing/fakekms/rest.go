package main

import (
	"encoding/json"
	"io"
	"net/http"
	"regexp"
	"strings"
	"time"

	"cloud.google.com/go/kms/apiv1/kmspb"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
)

// REST over the service, as google.api.http says in its protocol file.
type rest struct {
	kms      *service
	faults   *faults
	accounts *accounts
}

var (
	part     = `[^/:]+`
	location = `projects/[^/]+/locations/` + part
	ring     = location + `/keyRings/` + part
	key      = ring + `/cryptoKeys/` + part
	one      = key + `/cryptoKeyVersions/` + part
)

type handler func(r *rest, name string, request *http.Request, body []byte, wait time.Duration) (proto.Message, error)

type route struct {
	verb    string
	path    *regexp.Regexp
	method  string
	handler handler
}

func at(verb, path, method string, handler handler) route {
	return route{verb, regexp.MustCompile(`^/v1/(` + path), method, handler}
}

var routes = []route{
	at("POST", location+`)/keyRings$`, "CreateKeyRing", createRing),
	at("GET", ring+`)$`, "GetKeyRing", getRing),
	at("POST", ring+`)/cryptoKeys$`, "CreateCryptoKey", createKey),
	at("POST", key+`)/cryptoKeyVersions$`, "CreateCryptoKeyVersion", createVersion),
	at("GET", one+`)$`, "GetCryptoKeyVersion", getVersion),
	at("PATCH", one+`)$`, "UpdateCryptoKeyVersion", updateVersion),
	at("POST", one+`):destroy$`, "DestroyCryptoKeyVersion", destroyVersion),
	at("GET", one+`)/publicKey$`, "GetPublicKey", getPublicKey),
	at("POST", one+`):asymmetricSign$`, "AsymmetricSign", sign),
	at("POST", one+`):asymmetricDecrypt$`, "AsymmetricDecrypt", decrypt),
	at("POST", one+`):encrypt$`, "Encrypt", sealText),
	at("POST", key+`):decrypt$`, "Decrypt", openText),
	at("POST", one+`):macSign$`, "MacSign", authenticate),
	at("POST", location+`):generateRandomBytes$`, "GenerateRandomBytes", random),
}

func (r *rest) ServeHTTP(w http.ResponseWriter, request *http.Request) {
	body, err := io.ReadAll(io.LimitReader(request.Body, 1<<20))
	if err != nil {
		return
	}
	for _, route := range routes {
		found := route.path.FindStringSubmatch(request.URL.Path)
		if found == nil || route.verb != request.Method {
			continue
		}
		r.serve(w, request, route, found[1], body)
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=UTF-8")
	w.WriteHeader(http.StatusNotFound)
	_, _ = io.WriteString(w, "<!DOCTYPE html><title>Error 404 (Not Found)!!1</title>")
}

func (r *rest) serve(w http.ResponseWriter, request *http.Request, route route, name string, body []byte) {
	fault := r.faults.take(route.method, name+"/"+request.URL.Query().Get("cryptoKeyId"))
	if fault.Delay > 0 && route.method != "CreateCryptoKey" {
		select {
		case <-time.After(time.Duration(fault.Delay) * time.Millisecond):
		case <-request.Context().Done():
			return
		}
	}
	if fault.HTTP != 0 {
		w.WriteHeader(fault.HTTP)
		_, _ = io.WriteString(w, fault.Body)
		return
	}
	var answer proto.Message
	err := r.accounts.admit(request, route.method, name)
	if err == nil {
		err = fault.status()
	}
	if err == nil {
		answer, err = route.handler(r, name, request, body, time.Duration(fault.Delay)*time.Millisecond)
	}
	if err != nil {
		refuse(w, err)
		return
	}
	fault.spoil(answer)
	numbers := strings.Contains(request.URL.RawQuery, "enum-encoding%3Dint") || strings.Contains(request.URL.RawQuery, "enum-encoding=int")
	text, err := protojson.MarshalOptions{UseEnumNumbers: numbers}.Marshal(answer)
	if err != nil {
		refuse(w, err)
		return
	}
	w.Header().Set("Content-Type", "application/json; charset=UTF-8")
	_, _ = w.Write(text)
}

// HTTP's numbers for google.rpc.Code, as google/rpc/code.proto says.
var statuses = map[codes.Code]int{
	codes.InvalidArgument: 400, codes.FailedPrecondition: 400, codes.OutOfRange: 400, codes.Unauthenticated: 401,
	codes.PermissionDenied: 403, codes.NotFound: 404, codes.AlreadyExists: 409, codes.Aborted: 409,
	codes.ResourceExhausted: 429, codes.Canceled: 499, codes.Unimplemented: 501, codes.Unavailable: 503,
	codes.DeadlineExceeded: 504,
}

var words = map[codes.Code]string{
	codes.InvalidArgument: "INVALID_ARGUMENT", codes.FailedPrecondition: "FAILED_PRECONDITION",
	codes.OutOfRange: "OUT_OF_RANGE", codes.Unauthenticated: "UNAUTHENTICATED",
	codes.PermissionDenied: "PERMISSION_DENIED", codes.NotFound: "NOT_FOUND", codes.AlreadyExists: "ALREADY_EXISTS",
	codes.Aborted: "ABORTED", codes.ResourceExhausted: "RESOURCE_EXHAUSTED", codes.Canceled: "CANCELLED",
	codes.Unimplemented: "UNIMPLEMENTED", codes.Unavailable: "UNAVAILABLE", codes.Internal: "INTERNAL",
	codes.DeadlineExceeded: "DEADLINE_EXCEEDED",
}

func refuse(w http.ResponseWriter, err error) {
	said := status.Convert(err)
	number, known := statuses[said.Code()]
	if !known {
		number = 500
	}
	word, known := words[said.Code()]
	if !known {
		word = "UNKNOWN"
	}
	refusal := map[string]interface{}{"code": number, "message": said.Message(), "status": word}
	if details := detailsOf(said); len(details) > 0 {
		refusal["details"] = details
	}
	w.Header().Set("Content-Type", "application/json; charset=UTF-8")
	w.WriteHeader(number)
	_ = json.NewEncoder(w).Encode(map[string]interface{}{"error": refusal})
}

func detailsOf(said *status.Status) []json.RawMessage {
	var details []json.RawMessage
	for _, detail := range said.Proto().GetDetails() {
		if text, err := protojson.Marshal(detail); err == nil {
			details = append(details, text)
		}
	}
	return details
}

// Fields that the service does not know are refused, as the service does.
func read(body []byte, into proto.Message) error {
	if err := protojson.Unmarshal(body, into); err != nil {
		return status.Errorf(codes.InvalidArgument, "Invalid JSON payload received. %v", err)
	}
	return nil
}

func createRing(r *rest, name string, request *http.Request, _ []byte, _ time.Duration) (proto.Message, error) {
	return r.kms.createRing(name, request.URL.Query().Get("keyRingId"))
}

func getRing(r *rest, name string, _ *http.Request, _ []byte, _ time.Duration) (proto.Message, error) {
	return r.kms.ring(name)
}

func createKey(r *rest, name string, request *http.Request, body []byte, wait time.Duration) (proto.Message, error) {
	asked := &kmspb.CryptoKey{}
	if err := read(body, asked); err != nil {
		return nil, err
	}
	return r.kms.createKey(name, request.URL.Query().Get("cryptoKeyId"), asked, wait)
}

func createVersion(r *rest, name string, _ *http.Request, _ []byte, _ time.Duration) (proto.Message, error) {
	return r.kms.createVersion(name)
}

func getVersion(r *rest, name string, _ *http.Request, _ []byte, _ time.Duration) (proto.Message, error) {
	return r.kms.version(name)
}

func updateVersion(r *rest, name string, _ *http.Request, body []byte, _ time.Duration) (proto.Message, error) {
	asked := &kmspb.CryptoKeyVersion{}
	if err := read(body, asked); err != nil {
		return nil, err
	}
	return r.kms.setState(name, asked.State)
}

func destroyVersion(r *rest, name string, _ *http.Request, _ []byte, _ time.Duration) (proto.Message, error) {
	return r.kms.setState(name, kmspb.CryptoKeyVersion_DESTROY_SCHEDULED)
}

func getPublicKey(r *rest, name string, _ *http.Request, _ []byte, _ time.Duration) (proto.Message, error) {
	return r.kms.publicKey(name)
}

func sign(r *rest, name string, _ *http.Request, body []byte, _ time.Duration) (proto.Message, error) {
	asked := &kmspb.AsymmetricSignRequest{}
	if err := read(body, asked); err != nil {
		return nil, err
	}
	return r.kms.sign(name, asked)
}

func decrypt(r *rest, name string, _ *http.Request, body []byte, _ time.Duration) (proto.Message, error) {
	asked := &kmspb.AsymmetricDecryptRequest{}
	if err := read(body, asked); err != nil {
		return nil, err
	}
	return r.kms.decrypt(name, asked)
}

func sealText(r *rest, name string, _ *http.Request, body []byte, _ time.Duration) (proto.Message, error) {
	asked := &kmspb.EncryptRequest{}
	if err := read(body, asked); err != nil {
		return nil, err
	}
	return r.kms.seal(name, asked)
}

func openText(r *rest, name string, _ *http.Request, body []byte, _ time.Duration) (proto.Message, error) {
	asked := &kmspb.DecryptRequest{}
	if err := read(body, asked); err != nil {
		return nil, err
	}
	return r.kms.open(name, asked)
}

func authenticate(r *rest, name string, _ *http.Request, body []byte, _ time.Duration) (proto.Message, error) {
	asked := &kmspb.MacSignRequest{}
	if err := read(body, asked); err != nil {
		return nil, err
	}
	return r.kms.authenticate(name, asked)
}

func random(r *rest, _ string, _ *http.Request, body []byte, _ time.Duration) (proto.Message, error) {
	asked := &kmspb.GenerateRandomBytesRequest{}
	if err := read(body, asked); err != nil {
		return nil, err
	}
	return r.kms.random(asked)
}

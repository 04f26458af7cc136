package main

import (
	"crypto"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"errors"
	"net/http"
	"strings"
	"sync"
	"time"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// A ring of this name serves those who bring no credentials.
const openRing = "/keyRings/open"

// A service account: who, the public half of its key, and the methods that it may call (all of them, if none is named).
type account struct {
	Email     string   `json:"email"`
	KeyID     string   `json:"key_id"`
	PublicKey string   `json:"public_key"`
	May       []string `json:"may"`
	// The reason of a denial, as google.rpc.ErrorInfo has it.
	Reason string `json:"reason"`
	key    *rsa.PublicKey
}

type accounts struct {
	mutex  sync.Mutex
	byName map[string]*account
}

func newAccounts() *accounts {
	return &accounts{byName: map[string]*account{}}
}

func (a *accounts) add(added *account) error {
	block, _ := pem.Decode([]byte(added.PublicKey))
	if block == nil {
		return errors.New("no PEM")
	}
	key, err := x509.ParsePKIXPublicKey(block.Bytes)
	if err != nil {
		return err
	}
	var isRSA bool
	if added.key, isRSA = key.(*rsa.PublicKey); !isRSA {
		return errors.New("no RSA key")
	}
	a.mutex.Lock()
	defer a.mutex.Unlock()
	a.byName[added.Email] = added
	return nil
}

// Whether the bearer of the request's token may call the method.
func (a *accounts) admit(request *http.Request, method, name string) error {
	token := strings.TrimPrefix(request.Header.Get("Authorization"), "Bearer ")
	if token == "" && strings.Contains(name+"/", openRing+"/") {
		return nil
	}
	bearer, err := a.bearer(token)
	if err != nil {
		return status.Errorf(codes.Unauthenticated,
			"Request had invalid authentication credentials (%v). Expected OAuth 2 access token.", err)
	}
	for _, may := range bearer.May {
		if may == method {
			return nil
		}
	}
	if bearer.May == nil {
		return nil
	}
	denied := status.Newf(codes.PermissionDenied, "Permission for %s denied on resource '%s' (or it may not exist).", method, name)
	if bearer.Reason != "" {
		denied, err = denied.WithDetails(&errdetails.ErrorInfo{Reason: bearer.Reason, Domain: "googleapis.com"})
		if err != nil {
			return err
		}
	}
	return denied.Err()
}

// The account that signed a token itself (https://google.aip.dev/auth/4111): a JWT by RS256, for a scope of Cloud KMS.
func (a *accounts) bearer(token string) (*account, error) {
	parts := strings.Split(token, ".")
	if len(parts) != 3 {
		return nil, errors.New("not a JWT")
	}
	var header struct{ Alg, Kid string }
	var claims struct {
		Iss, Sub, Scope string
		Iat, Exp        int64
	}
	if err := decode(parts[0], &header); err != nil {
		return nil, err
	}
	if err := decode(parts[1], &claims); err != nil {
		return nil, err
	}
	a.mutex.Lock()
	known := a.byName[claims.Iss]
	a.mutex.Unlock()
	now := time.Now().Unix()
	switch {
	case known == nil || claims.Sub != claims.Iss:
		return nil, errors.New("unknown account")
	case header.Alg != "RS256" || header.Kid != known.KeyID:
		return nil, errors.New("unknown key")
	case claims.Iat > now || claims.Exp < now || claims.Exp-claims.Iat > 3700:
		return nil, errors.New("not valid now")
	case claims.Scope != "https://www.googleapis.com/auth/cloud-platform":
		return nil, errors.New("wrong scope")
	}
	signature, err := base64.RawURLEncoding.DecodeString(parts[2])
	if err != nil {
		return nil, err
	}
	sum := sha256.Sum256([]byte(parts[0] + "." + parts[1]))
	return known, rsa.VerifyPKCS1v15(known.key, crypto.SHA256, sum[:], signature)
}

func decode(part string, into interface{}) error {
	text, err := base64.RawURLEncoding.DecodeString(part)
	if err != nil {
		return err
	}
	return json.Unmarshal(text, into)
}

package main

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"fmt"
	"regexp"
	"strconv"
	"sync"
	"time"

	"cloud.google.com/go/kms/apiv1/kmspb"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"
)

type algorithm = kmspb.CryptoKeyVersion_CryptoKeyVersionAlgorithm

// What an algorithm is made of.
type kind struct {
	purpose kmspb.CryptoKey_CryptoKeyPurpose
	make    func() (crypto.Signer, error)
	hash    crypto.Hash
	pss     bool
}

func ec(curve elliptic.Curve, hash crypto.Hash) kind {
	made := func() (crypto.Signer, error) { return ecdsa.GenerateKey(curve, rand.Reader) }
	return kind{kmspb.CryptoKey_ASYMMETRIC_SIGN, made, hash, false}
}

func ofRSA(bits int) func() (crypto.Signer, error) {
	return func() (crypto.Signer, error) { return rsa.GenerateKey(rand.Reader, bits) }
}

func pkcs1(bits int, hash crypto.Hash) kind {
	return kind{kmspb.CryptoKey_ASYMMETRIC_SIGN, ofRSA(bits), hash, false}
}

func pss(bits int, hash crypto.Hash) kind {
	return kind{kmspb.CryptoKey_ASYMMETRIC_SIGN, ofRSA(bits), hash, true}
}

func oaep(bits int, hash crypto.Hash) kind {
	return kind{kmspb.CryptoKey_ASYMMETRIC_DECRYPT, ofRSA(bits), hash, false}
}

func edwards() (crypto.Signer, error) {
	_, key, err := ed25519.GenerateKey(rand.Reader)
	return key, err
}

var kinds = map[algorithm]kind{
	kmspb.CryptoKeyVersion_EC_SIGN_P256_SHA256:          ec(elliptic.P256(), crypto.SHA256),
	kmspb.CryptoKeyVersion_EC_SIGN_P384_SHA384:          ec(elliptic.P384(), crypto.SHA384),
	kmspb.CryptoKeyVersion_EC_SIGN_ED25519:              {kmspb.CryptoKey_ASYMMETRIC_SIGN, edwards, 0, false},
	kmspb.CryptoKeyVersion_RSA_SIGN_PSS_2048_SHA256:     pss(2048, crypto.SHA256),
	kmspb.CryptoKeyVersion_RSA_SIGN_PSS_3072_SHA256:     pss(3072, crypto.SHA256),
	kmspb.CryptoKeyVersion_RSA_SIGN_PSS_4096_SHA256:     pss(4096, crypto.SHA256),
	kmspb.CryptoKeyVersion_RSA_SIGN_PSS_4096_SHA512:     pss(4096, crypto.SHA512),
	kmspb.CryptoKeyVersion_RSA_SIGN_PKCS1_2048_SHA256:   pkcs1(2048, crypto.SHA256),
	kmspb.CryptoKeyVersion_RSA_SIGN_PKCS1_3072_SHA256:   pkcs1(3072, crypto.SHA256),
	kmspb.CryptoKeyVersion_RSA_SIGN_PKCS1_4096_SHA256:   pkcs1(4096, crypto.SHA256),
	kmspb.CryptoKeyVersion_RSA_SIGN_PKCS1_4096_SHA512:   pkcs1(4096, crypto.SHA512),
	kmspb.CryptoKeyVersion_RSA_DECRYPT_OAEP_2048_SHA256: oaep(2048, crypto.SHA256),
	kmspb.CryptoKeyVersion_RSA_DECRYPT_OAEP_3072_SHA256: oaep(3072, crypto.SHA256),
	kmspb.CryptoKeyVersion_RSA_DECRYPT_OAEP_4096_SHA256: oaep(4096, crypto.SHA256),
	kmspb.CryptoKeyVersion_RSA_DECRYPT_OAEP_4096_SHA512: oaep(4096, crypto.SHA512),
	kmspb.CryptoKeyVersion_RSA_DECRYPT_OAEP_2048_SHA1:   oaep(2048, crypto.SHA1),

	kmspb.CryptoKeyVersion_GOOGLE_SYMMETRIC_ENCRYPTION: {kmspb.CryptoKey_ENCRYPT_DECRYPT, ofSecret(32), 0, false},
	kmspb.CryptoKeyVersion_HMAC_SHA256:                 mac(crypto.SHA256),
	kmspb.CryptoKeyVersion_HMAC_SHA384:                 mac(crypto.SHA384),
	kmspb.CryptoKeyVersion_HMAC_SHA512:                 mac(crypto.SHA512),
}

type version struct {
	pb  *kmspb.CryptoKeyVersion
	key crypto.Signer
}

type service struct {
	mutex    sync.Mutex
	rings    map[string]*kmspb.KeyRing
	keys     map[string]*kmspb.CryptoKey
	versions map[string]*version
}

func newService() *service {
	return &service{
		rings:    map[string]*kmspb.KeyRing{},
		keys:     map[string]*kmspb.CryptoKey{},
		versions: map[string]*version{},
	}
}

var id = regexp.MustCompile(`^[a-zA-Z0-9_-]{1,63}$`)

func checkID(text string) error {
	if !id.MatchString(text) {
		return status.Errorf(codes.InvalidArgument, "Resource ID %q is invalid: must match %s", text, id)
	}
	return nil
}

func (s *service) createRing(parent, ring string) (*kmspb.KeyRing, error) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	name := parent + "/keyRings/" + ring
	if err := checkID(ring); err != nil {
		return nil, err
	}
	if s.rings[name] != nil {
		return nil, status.Errorf(codes.AlreadyExists, "KeyRing %s already exists.", name)
	}
	s.rings[name] = &kmspb.KeyRing{Name: name, CreateTime: timestamppb.Now()}
	return s.rings[name], nil
}

func (s *service) ring(name string) (*kmspb.KeyRing, error) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	if s.rings[name] == nil {
		return nil, status.Errorf(codes.NotFound, "KeyRing %s not found.", name)
	}
	return s.rings[name], nil
}

// Asymmetric keys are not there at once: their first version is PENDING_GENERATION for a while.
func (s *service) createKey(ring, key string, asked *kmspb.CryptoKey, wait time.Duration) (*kmspb.CryptoKey, error) {
	if err := checkID(key); err != nil {
		return nil, err
	}
	template := asked.GetVersionTemplate()
	kind, known := kinds[template.GetAlgorithm()]
	if !known || kind.purpose != asked.GetPurpose() {
		return nil, status.Errorf(codes.InvalidArgument,
			"Algorithm %s is not allowed for purpose %s.", template.GetAlgorithm(), asked.GetPurpose())
	}
	level := template.GetProtectionLevel()
	if level == kmspb.ProtectionLevel_PROTECTION_LEVEL_UNSPECIFIED {
		level = kmspb.ProtectionLevel_SOFTWARE
	}
	s.mutex.Lock()
	defer s.mutex.Unlock()
	if s.rings[ring] == nil {
		return nil, status.Errorf(codes.NotFound, "KeyRing %s not found.", ring)
	}
	name := ring + "/cryptoKeys/" + key
	if s.keys[name] != nil {
		return nil, status.Errorf(codes.AlreadyExists, "CryptoKey %s already exists.", name)
	}
	made := &kmspb.CryptoKey{
		Name: name, CreateTime: timestamppb.Now(), Purpose: asked.GetPurpose(),
		VersionTemplate: &kmspb.CryptoKeyVersionTemplate{Algorithm: template.GetAlgorithm(), ProtectionLevel: level},
	}
	s.keys[name] = made
	s.addVersion(made, kind, 1, wait)
	return made, nil
}

// The next version of a key, by the key's template.
func (s *service) createVersion(key string) (*kmspb.CryptoKeyVersion, error) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	of := s.keys[key]
	if of == nil {
		return nil, status.Errorf(codes.NotFound, "CryptoKey %s not found.", key)
	}
	number := 1
	for s.versions[key+"/cryptoKeyVersions/"+strconv.Itoa(number)] != nil {
		number++
	}
	return clone(s.addVersion(of, kinds[of.VersionTemplate.Algorithm], number, 0)), nil
}

// Called with the mutex held; the key itself is made without it.
func (s *service) addVersion(of *kmspb.CryptoKey, kind kind, number int, wait time.Duration) *kmspb.CryptoKeyVersion {
	name := fmt.Sprintf("%s/cryptoKeyVersions/%d", of.Name, number)
	added := &version{pb: &kmspb.CryptoKeyVersion{
		Name: name, State: kmspb.CryptoKeyVersion_PENDING_GENERATION, CreateTime: timestamppb.Now(),
		Algorithm: of.VersionTemplate.Algorithm, ProtectionLevel: of.VersionTemplate.ProtectionLevel,
	}}
	s.versions[name] = added
	go func() {
		key, err := kind.make()
		time.Sleep(wait)
		s.mutex.Lock()
		defer s.mutex.Unlock()
		if err != nil {
			added.pb.State = kmspb.CryptoKeyVersion_GENERATION_FAILED
			return
		}
		added.key, added.pb.State = key, kmspb.CryptoKeyVersion_ENABLED
	}()
	return added.pb
}

func clone(pb *kmspb.CryptoKeyVersion) *kmspb.CryptoKeyVersion {
	return proto.Clone(pb).(*kmspb.CryptoKeyVersion)
}

func (s *service) version(name string) (*kmspb.CryptoKeyVersion, error) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	found := s.versions[name]
	if found == nil {
		return nil, status.Errorf(codes.NotFound, "CryptoKeyVersion %s not found.", name)
	}
	return clone(found.pb), nil
}

// Enables or disables a version, or schedules its destruction.
func (s *service) setState(name string, state kmspb.CryptoKeyVersion_CryptoKeyVersionState) (*kmspb.CryptoKeyVersion, error) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	found := s.versions[name]
	if found == nil {
		return nil, status.Errorf(codes.NotFound, "CryptoKeyVersion %s not found.", name)
	}
	found.pb.State = state
	return clone(found.pb), nil
}

// The key of a version that is enabled.
func (s *service) usable(name string) (crypto.Signer, algorithm, error) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	found := s.versions[name]
	if found == nil {
		return nil, 0, status.Errorf(codes.NotFound, "CryptoKeyVersion %s not found.", name)
	}
	if found.pb.State != kmspb.CryptoKeyVersion_ENABLED {
		return nil, 0, status.Errorf(codes.FailedPrecondition,
			"%s is not enabled, current state is: %s.", name, found.pb.State)
	}
	return found.key, found.pb.Algorithm, nil
}

package main

import (
	"crypto"
	"crypto/aes"
	"crypto/cipher"
	"crypto/hmac"
	"crypto/rand"
	"errors"
	"io"
	"strings"

	"cloud.google.com/go/kms/apiv1/kmspb"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// The longest text that is sealed, and the longest message that is authenticated.
const textMax = 64 << 10

// A symmetric key. It is a signer only so that all versions are alike.
type secret []byte

func (secret) Public() crypto.PublicKey { return nil }

func (secret) Sign(io.Reader, []byte, crypto.SignerOpts) ([]byte, error) {
	return nil, errors.New("a symmetric key signs nothing")
}

func ofSecret(bytes int) func() (crypto.Signer, error) {
	return func() (crypto.Signer, error) {
		key := make(secret, bytes)
		_, err := rand.Read(key)
		return key, err
	}
}

func mac(hash crypto.Hash) kind {
	return kind{kmspb.CryptoKey_MAC, ofSecret(hash.Size()), hash, false}
}

// The symmetric key of a version that is enabled and for this.
func (s *service) secret(name string, purpose kmspb.CryptoKey_CryptoKeyPurpose) (secret, kind, error) {
	key, algorithm, err := s.usable(name)
	if err != nil {
		return nil, kind{}, err
	}
	found, kind := key, kinds[algorithm]
	bytes, symmetric := found.(secret)
	if !symmetric || kind.purpose != purpose {
		return nil, kind, status.Errorf(codes.FailedPrecondition, "Algorithm %s is not for %s.", algorithm, purpose)
	}
	return bytes, kind, nil
}

func sealer(key secret) (cipher.AEAD, error) {
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, err
	}
	return cipher.NewGCM(block)
}

func (s *service) seal(name string, asked *kmspb.EncryptRequest) (*kmspb.EncryptResponse, error) {
	key, _, err := s.secret(name, kmspb.CryptoKey_ENCRYPT_DECRYPT)
	if err != nil {
		return nil, err
	}
	if len(asked.Plaintext) > textMax || len(asked.AdditionalAuthenticatedData) > textMax {
		return nil, status.Errorf(codes.InvalidArgument, "The plaintext must have at most %d bytes.", textMax)
	}
	text, err := verified("plaintext", asked.Plaintext, asked.PlaintextCrc32C)
	if err != nil {
		return nil, err
	}
	associated, err := verified("additional_authenticated_data", asked.AdditionalAuthenticatedData, asked.AdditionalAuthenticatedDataCrc32C)
	if err != nil {
		return nil, err
	}
	aead, err := sealer(key)
	if err != nil {
		return nil, err
	}
	nonce := make([]byte, aead.NonceSize())
	if _, err := rand.Read(nonce); err != nil {
		return nil, err
	}
	sealed := aead.Seal(nonce, nonce, asked.Plaintext, asked.AdditionalAuthenticatedData)
	return &kmspb.EncryptResponse{
		Name: name, Ciphertext: sealed, CiphertextCrc32C: checksum(sealed),
		VerifiedPlaintextCrc32C: text, VerifiedAdditionalAuthenticatedDataCrc32C: associated,
	}, nil
}

// Opens with whichever version of the key sealed.
func (s *service) open(key string, asked *kmspb.DecryptRequest) (*kmspb.DecryptResponse, error) {
	if _, err := verified("ciphertext", asked.Ciphertext, asked.CiphertextCrc32C); err != nil {
		return nil, err
	}
	_, err := verified("additional_authenticated_data", asked.AdditionalAuthenticatedData, asked.AdditionalAuthenticatedDataCrc32C)
	if err != nil {
		return nil, err
	}
	s.mutex.Lock()
	var names []string
	for name := range s.versions {
		if strings.HasPrefix(name, key+"/cryptoKeyVersions/") {
			names = append(names, name)
		}
	}
	s.mutex.Unlock()
	for _, name := range names {
		key, _, err := s.secret(name, kmspb.CryptoKey_ENCRYPT_DECRYPT)
		if err != nil {
			continue
		}
		aead, err := sealer(key)
		if err != nil || len(asked.Ciphertext) < aead.NonceSize() {
			continue
		}
		nonce, body := asked.Ciphertext[:aead.NonceSize()], asked.Ciphertext[aead.NonceSize():]
		if text, err := aead.Open(nil, nonce, body, asked.AdditionalAuthenticatedData); err == nil {
			return &kmspb.DecryptResponse{Plaintext: text, PlaintextCrc32C: checksum(text)}, nil
		}
	}
	return nil, status.Error(codes.InvalidArgument, "Decryption failed: verify that 'name' refers to the correct CryptoKey.")
}

func (s *service) authenticate(name string, asked *kmspb.MacSignRequest) (*kmspb.MacSignResponse, error) {
	key, kind, err := s.secret(name, kmspb.CryptoKey_MAC)
	if err != nil {
		return nil, err
	}
	if len(asked.Data) > textMax {
		return nil, status.Errorf(codes.InvalidArgument, "The data must have at most %d bytes.", textMax)
	}
	arrived, err := verified("data", asked.Data, asked.DataCrc32C)
	if err != nil {
		return nil, err
	}
	made := hmac.New(kind.hash.New, key)
	made.Write(asked.Data)
	code := made.Sum(nil)
	return &kmspb.MacSignResponse{Name: name, Mac: code, MacCrc32C: checksum(code), VerifiedDataCrc32C: arrived}, nil
}

func (s *service) random(asked *kmspb.GenerateRandomBytesRequest) (*kmspb.GenerateRandomBytesResponse, error) {
	if asked.LengthBytes < 8 || asked.LengthBytes > 1024 || asked.ProtectionLevel != kmspb.ProtectionLevel_HSM {
		return nil, status.Error(codes.InvalidArgument, "length_bytes must be between 8 and 1024, of an HSM.")
	}
	data := make([]byte, asked.LengthBytes)
	if _, err := rand.Read(data); err != nil {
		return nil, err
	}
	return &kmspb.GenerateRandomBytesResponse{Data: data, DataCrc32C: checksum(data)}, nil
}

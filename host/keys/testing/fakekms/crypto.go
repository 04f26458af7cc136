package main

import (
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"hash/crc32"

	_ "crypto/sha1"
	_ "crypto/sha256"
	_ "crypto/sha512"

	"cloud.google.com/go/kms/apiv1/kmspb"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/wrapperspb"
)

// The longest message that is signed as it is.
const messageMax = 64 << 10

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

func checksum(bytes []byte) *wrapperspb.Int64Value {
	return wrapperspb.Int64(int64(crc32.Checksum(bytes, castagnoli)))
}

// Checks what was sent, if a checksum came with it; says whether one did.
func verified(field string, bytes []byte, sent *wrapperspb.Int64Value) (bool, error) {
	if sent == nil {
		return false, nil
	}
	if sent.Value != checksum(bytes).Value {
		return false, status.Errorf(codes.InvalidArgument, "The checksum in field %s_crc32c did not match the data in field %s.", field, field)
	}
	return true, nil
}

func (s *service) publicKey(name string) (*kmspb.PublicKey, error) {
	key, algorithm, err := s.usable(name)
	if err != nil {
		return nil, err
	}
	if _, symmetric := key.(secret); symmetric {
		return nil, status.Errorf(codes.FailedPrecondition, "Algorithm %s has no public key.", algorithm)
	}
	der, err := x509.MarshalPKIXPublicKey(key.Public())
	if err != nil {
		return nil, err
	}
	text := pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der})
	version, err := s.version(name)
	if err != nil {
		return nil, err
	}
	return &kmspb.PublicKey{
		Name: name, Algorithm: algorithm, Pem: string(text), PemCrc32C: checksum(text),
		ProtectionLevel: version.ProtectionLevel,
	}, nil
}

func (s *service) sign(name string, asked *kmspb.AsymmetricSignRequest) (*kmspb.AsymmetricSignResponse, error) {
	key, algorithm, err := s.usable(name)
	if err != nil {
		return nil, err
	}
	kind := kinds[algorithm]
	if kind.purpose != kmspb.CryptoKey_ASYMMETRIC_SIGN {
		return nil, status.Errorf(codes.FailedPrecondition, "Algorithm %s cannot sign.", algorithm)
	}
	answer := &kmspb.AsymmetricSignResponse{Name: name}
	var input []byte
	var options crypto.SignerOpts = kind.hash
	if kind.hash == 0 {
		input = asked.GetData()
		if asked.Digest != nil || len(input) > messageMax {
			return nil, status.Errorf(codes.InvalidArgument, "Algorithm %s takes data of at most %d bytes.", algorithm, messageMax)
		}
		answer.VerifiedDataCrc32C, err = verified("data", input, asked.DataCrc32C)
	} else {
		input, err = digest(kind.hash, asked)
		if err != nil {
			return nil, err
		}
		answer.VerifiedDigestCrc32C, err = verified("digest", input, asked.DigestCrc32C)
	}
	if err != nil {
		return nil, err
	}
	if kind.pss {
		options = &rsa.PSSOptions{SaltLength: rsa.PSSSaltLengthEqualsHash, Hash: kind.hash}
	}
	answer.Signature, err = key.Sign(rand.Reader, input, options)
	answer.SignatureCrc32C = checksum(answer.Signature)
	return answer, err
}

// The digest of the version's own hash; another one is refused.
func digest(hash crypto.Hash, asked *kmspb.AsymmetricSignRequest) ([]byte, error) {
	var digest []byte
	switch hash {
	case crypto.SHA256:
		digest = asked.GetDigest().GetSha256()
	case crypto.SHA384:
		digest = asked.GetDigest().GetSha384()
	case crypto.SHA512:
		digest = asked.GetDigest().GetSha512()
	}
	if len(digest) != hash.Size() {
		return nil, status.Errorf(codes.InvalidArgument, "The digest must be of %s and have %d bytes.", hash, hash.Size())
	}
	return digest, nil
}

func (s *service) decrypt(name string, asked *kmspb.AsymmetricDecryptRequest) (*kmspb.AsymmetricDecryptResponse, error) {
	key, algorithm, err := s.usable(name)
	if err != nil {
		return nil, err
	}
	kind := kinds[algorithm]
	private, isRSA := key.(*rsa.PrivateKey)
	if kind.purpose != kmspb.CryptoKey_ASYMMETRIC_DECRYPT || !isRSA {
		return nil, status.Errorf(codes.FailedPrecondition, "Algorithm %s cannot decrypt.", algorithm)
	}
	arrived, err := verified("ciphertext", asked.Ciphertext, asked.CiphertextCrc32C)
	if err != nil {
		return nil, err
	}
	plaintext, err := private.Decrypt(rand.Reader, asked.Ciphertext, &rsa.OAEPOptions{Hash: kind.hash})
	if err != nil {
		return nil, status.Error(codes.InvalidArgument, "Decryption failed: the ciphertext is invalid.")
	}
	return &kmspb.AsymmetricDecryptResponse{
		Plaintext: plaintext, PlaintextCrc32C: checksum(plaintext), VerifiedCiphertextCrc32C: arrived,
	}, nil
}

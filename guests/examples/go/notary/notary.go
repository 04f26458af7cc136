// The notary: keeps statements, and signs them with a managed key that it never sees.
//
// An example of an engine in Go. The name of the package is what the code generated from wit/ wants: it calls the functions
// of engine.go. What the host offers comes in as packages below wit_component, generated too.
package export_innkeeper_engine_engine

import (
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"regexp"

	witTypes "go.bytecodealliance.org/pkg/wit/types"

	"wit_component/innkeeper_engine_keys"
	"wit_component/innkeeper_engine_storage"
	"wit_component/innkeeper_engine_types"
)

// A statement is short, so that nobody takes this for a place for files.
const (
	textMax = 65536
	keyMax  = 256
)

// The name of a statement becomes a part of a storage key.
var nameForm = regexp.MustCompile(`^[A-Za-z0-9_-][A-Za-z0-9_.-]{0,127}$`)

func list(*innkeeper_engine_types.Request) (any, error) {
	var names []string
	after := witTypes.None[string]()
	for {
		page, err := stored(innkeeper_engine_storage.List("statements/", after, 0))
		if err != nil {
			return nil, err
		}
		names = append(names, page.Names...)
		if !page.More {
			break
		}
		after = witTypes.Some(names[len(names)-1])
	}
	if len(names) == 0 {
		return nil, nil
	}
	return map[string]any{"keys": names}, nil
}

func read(request *innkeeper_engine_types.Request) (any, error) {
	text, err := statement(request)
	if err != nil {
		return nil, err
	}
	return map[string]any{"text": string(text)}, nil
}

func write(request *innkeeper_engine_types.Request) (any, error) {
	text, err := wanted(request, "text", textMax)
	if err != nil {
		return nil, err
	}
	key, err := place(request)
	if err != nil {
		return nil, err
	}
	_, err = stored(innkeeper_engine_storage.Put(key, []byte(text)))
	return nil, err
}

func remove(request *innkeeper_engine_types.Request) (any, error) {
	key, err := place(request)
	if err != nil {
		return nil, err
	}
	_, err = stored(innkeeper_engine_storage.Delete(key))
	return nil, err
}

func sign(request *innkeeper_engine_types.Request) (any, error) {
	name, err := wanted(request, "key", keyMax)
	if err != nil {
		return nil, err
	}
	text, err := statement(request)
	if err != nil {
		return nil, err
	}
	key, err := used(innkeeper_engine_keys.Managed(name))
	if err != nil {
		return nil, err
	}
	schemes, err := used(key.Schemes())
	if err != nil {
		return nil, err
	}
	if len(schemes) == 0 {
		return nil, invalid("key: cannot sign")
	}
	signature, err := used(key.Sign(schemes[0], text))
	if err != nil {
		return nil, err
	}
	der, err := used(key.PublicKey())
	if err != nil {
		return nil, err
	}
	return map[string]any{
		"signature":  base64.StdEncoding.EncodeToString(signature),
		"scheme":     schemeName(schemes[0]),
		"public_key": string(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der})),
	}, nil
}

// The text of the statement that the path names.
func statement(request *innkeeper_engine_types.Request) ([]byte, error) {
	key, err := place(request)
	if err != nil {
		return nil, err
	}
	text, err := stored(innkeeper_engine_storage.Get(key))
	if err != nil {
		return nil, err
	}
	if text.IsNone() {
		return nil, newFault(innkeeper_engine_types.FaultKind_NotFound, "there is no statement of this name")
	}
	return text.Some(), nil
}

// Where the statement is kept that the path names: each path of ours captures one name.
func place(request *innkeeper_engine_types.Request) (string, error) {
	name := request.Captures[0].F1
	if !nameForm.MatchString(name) {
		return "", invalid("name: must be 1 to 128 letters, digits, '_', '-' and '.', not '.' at the beginning")
	}
	return "statements/" + name, nil
}

// A field of the body that must be there: a text of 1 to most bytes.
func wanted(request *innkeeper_engine_types.Request, name string, most int) (string, error) {
	var body map[string]any
	if err := json.Unmarshal([]byte(request.Body), &body); err != nil {
		return "", invalid("the body must be a JSON object")
	}
	if body[name] == nil {
		return "", invalid(name + ": is missing")
	}
	text, isText := body[name].(string)
	if !isText {
		return "", invalid(name + ": must be a string")
	}
	if len(text) < 1 || len(text) > most {
		return "", invalid(fmt.Sprintf("%s: must have 1 to %d bytes", name, most))
	}
	return text, nil
}

var hashNames = []string{"sha1", "sha224", "sha256", "sha384", "sha512", "sha3-224", "sha3-256", "sha3-384", "sha3-512"}

func schemeName(scheme innkeeper_engine_keys.Scheme) string {
	switch scheme.Tag() {
	case innkeeper_engine_keys.Scheme_Pkcs1v15:
		return "pkcs1v15-" + hashNames[scheme.Pkcs1v15()]
	case innkeeper_engine_keys.Scheme_Pss:
		return "pss-" + hashNames[scheme.Pss()]
	case innkeeper_engine_keys.Scheme_Ecdsa:
		return "ecdsa-" + hashNames[scheme.Ecdsa()]
	default:
		return "ed25519"
	}
}

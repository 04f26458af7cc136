package export_innkeeper_engine_engine

import (
	"fmt"

	witTypes "go.bytecodealliance.org/pkg/wit/types"

	"wit_component/innkeeper_engine_keys"
	"wit_component/innkeeper_engine_storage"
	"wit_component/innkeeper_engine_types"
)

// A refusal of the contract as a Go error.
type fault innkeeper_engine_types.Fault

func (f *fault) Error() string { return f.Messages[0] }

func newFault(kind innkeeper_engine_types.FaultKind, message string) *fault {
	return &fault{Kind: kind, Messages: []string{message}}
}

func invalid(message string) *fault {
	return newFault(innkeeper_engine_types.FaultKind_InvalidRequest, message)
}

// What the storage answered, or what failed as a fault.
func stored[T any](result witTypes.Result[T, innkeeper_engine_storage.StorageError]) (T, error) {
	if result.IsOk() {
		return result.Ok(), nil
	}
	var none T
	switch result.Err() {
	case innkeeper_engine_storage.StorageError_Unavailable:
		return none, newFault(innkeeper_engine_types.FaultKind_Unavailable, "storage is unavailable")
	case innkeeper_engine_storage.StorageError_TooLarge:
		return none, newFault(innkeeper_engine_types.FaultKind_TooLarge, "too large to store")
	default:
		failed := newFault(innkeeper_engine_types.FaultKind_Internal, "internal error")
		failed.Detail = witTypes.Some(fmt.Sprintf("storage: error %d", result.Err()))
		return none, failed
	}
}

// What the kinds of key errors mean to whoever asked for a signature; others are our own failure.
var keyFaults = map[innkeeper_engine_keys.KeyErrorKind]innkeeper_engine_types.FaultKind{
	innkeeper_engine_keys.KeyErrorKind_NotFound:    innkeeper_engine_types.FaultKind_InvalidRequest,
	innkeeper_engine_keys.KeyErrorKind_NotGranted:  innkeeper_engine_types.FaultKind_Denied,
	innkeeper_engine_keys.KeyErrorKind_UsageDenied: innkeeper_engine_types.FaultKind_Denied,
	innkeeper_engine_keys.KeyErrorKind_DeniedByPolicy: innkeeper_engine_types.FaultKind_Denied,
	innkeeper_engine_keys.KeyErrorKind_Unsupported: innkeeper_engine_types.FaultKind_InvalidRequest,
	innkeeper_engine_keys.KeyErrorKind_Invalid:     innkeeper_engine_types.FaultKind_InvalidRequest,
	innkeeper_engine_keys.KeyErrorKind_Unavailable: innkeeper_engine_types.FaultKind_Unavailable,
	innkeeper_engine_keys.KeyErrorKind_Timeout:     innkeeper_engine_types.FaultKind_Unavailable,
}

// What a key answered, or what failed as a fault. The messages of key errors are fit to be shown.
func used[T any](result witTypes.Result[T, innkeeper_engine_keys.KeyError]) (T, error) {
	if result.IsOk() {
		return result.Ok(), nil
	}
	var none T
	kind, known := keyFaults[result.Err().Kind]
	if !known {
		kind = innkeeper_engine_types.FaultKind_Internal
	}
	failed := newFault(kind, "key: "+result.Err().Message)
	failed.RetryAfter = result.Err().RetryAfter
	return none, failed
}

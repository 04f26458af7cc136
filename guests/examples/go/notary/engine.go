package export_innkeeper_engine_engine

import (
	"encoding/json"
	"errors"

	witTypes "go.bytecodealliance.org/pkg/wit/types"

	"wit_component/innkeeper_engine_engine"
	"wit_component/innkeeper_engine_types"
)

// One operation on a route and who answers it: with what goes under `data`, or nil for nothing.
type action struct {
	operation innkeeper_engine_types.Operation
	about     string
	handler   func(*innkeeper_engine_types.Request) (any, error)
	fields    []innkeeper_engine_engine.Field
}

type route struct {
	template, about string
	actions         []action
}

// The contract's `route` numbers them in this order.
var routes = []route{
	{"statements", "All statements.", []action{
		{innkeeper_engine_types.Operation_List, "Names the statements.", list, nil},
	}},
	{"statements/{name}", "A statement.", []action{
		{innkeeper_engine_types.Operation_Read, "Reads the statement.", read, nil},
		{innkeeper_engine_types.Operation_Update, "Writes the statement.", write,
			field("text", "The statement, 1 to 65536 bytes.")},
		{innkeeper_engine_types.Operation_Delete, "Removes the statement.", remove, nil},
	}},
	{"statements/{name}/sign", "Signatures.", []action{
		{innkeeper_engine_types.Operation_Update, "Signs the statement with a managed key.", sign,
			field("key", "The name of a managed key that was lent to this mount.")},
	}},
}

func field(name, about string) []innkeeper_engine_engine.Field {
	kind := innkeeper_engine_engine.FieldKind_Text
	return []innkeeper_engine_engine.Field{{Name: name, Kind: kind, About: about, Required: true}}
}

// What the contract wants of an engine follows.

func Describe() innkeeper_engine_engine.Descriptor {
	described := innkeeper_engine_engine.Descriptor{
		Kind:    innkeeper_engine_engine.GuestKind_SecretsEngine,
		Name:    "notary-go",
		Version: "0.1.0",
		About:   "Keeps statements and signs them with managed keys; an example in Go.",
	}
	for _, route := range routes {
		var actions []innkeeper_engine_engine.Action
		for _, own := range route.actions {
			actions = append(actions, innkeeper_engine_engine.Action{
				Operation: own.operation, About: own.about, Fields: own.fields,
			})
		}
		described.Routes = append(described.Routes, innkeeper_engine_engine.Route{
			Template: route.template, About: route.about, Actions: actions,
		})
	}
	return described
}

func Handle(
	request innkeeper_engine_types.Request,
) witTypes.Result[innkeeper_engine_types.Response, innkeeper_engine_types.Fault] {
	answer, err := handle(&request)
	if err == nil {
		return witTypes.Ok[innkeeper_engine_types.Response, innkeeper_engine_types.Fault](answer)
	}
	var refused *fault
	if !errors.As(err, &refused) {
		refused = newFault(innkeeper_engine_types.FaultKind_Internal, "internal error")
		refused.Detail = witTypes.Some(err.Error())
	}
	return witTypes.Err[innkeeper_engine_types.Response](innkeeper_engine_types.Fault(*refused))
}

func handle(request *innkeeper_engine_types.Request) (response innkeeper_engine_types.Response, err error) {
	for _, action := range routes[request.Route].actions {
		if action.operation != request.Operation {
			continue
		}
		data, err := action.handler(request)
		if err != nil || data == nil {
			return response, err // whose payload is "nothing"
		}
		text, err := json.Marshal(data)
		response.Payload = innkeeper_engine_types.MakePayloadData(string(text))
		return response, err
	}
	return response, newFault(innkeeper_engine_types.FaultKind_UnsupportedOperation, "there is no such operation")
}

// Nothing of ours asks for what follows: no action has an existence check, no answer a lease, and it is no auth method.

func Exists(innkeeper_engine_types.Request) witTypes.Result[bool, innkeeper_engine_types.Fault] {
	return witTypes.Ok[bool, innkeeper_engine_types.Fault](false)
}

func Tick(innkeeper_engine_types.Context) witTypes.Result[witTypes.Unit, innkeeper_engine_types.Fault] {
	return witTypes.Ok[witTypes.Unit, innkeeper_engine_types.Fault](witTypes.Unit{})
}

func Revoke(
	innkeeper_engine_types.Context, innkeeper_engine_types.Lease,
) witTypes.Result[witTypes.Unit, innkeeper_engine_types.Fault] {
	return witTypes.Ok[witTypes.Unit, innkeeper_engine_types.Fault](witTypes.Unit{})
}

func Renew(
	_ innkeeper_engine_types.Context, lease innkeeper_engine_types.Lease,
) witTypes.Result[innkeeper_engine_types.Lease, innkeeper_engine_types.Fault] {
	return witTypes.Ok[innkeeper_engine_types.Lease, innkeeper_engine_types.Fault](lease)
}

func RenewToken(
	innkeeper_engine_types.Context, innkeeper_engine_types.Caller, string,
) witTypes.Result[innkeeper_engine_types.TokenWishes, innkeeper_engine_types.Fault] {
	refused := newFault(innkeeper_engine_types.FaultKind_UnsupportedOperation, "this engine logs nobody in")
	return witTypes.Err[innkeeper_engine_types.TokenWishes](innkeeper_engine_types.Fault(*refused))
}

//! Requests of this process to itself, over no connection: what the commands for makers of engines ask.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;

use gateway::Gateway;
use hyper::{Request, Response};
use model::{Fault, Operation, Reply};

use super::{AnswerBody, Client, Head, note, request_id, response};

/// Answers a request as the door does, without what the door demands of strangers. Nothing bounds its body but who made it.
pub async fn ask(gateway: &Arc<Gateway>, request: Request<Vec<u8>>) -> Response<AnswerBody> {
    let id = request_id();
    let (operation, result) = served(gateway, request, &id).await;
    if let Err(fault) = &result {
        note(&id, None, fault);
    }
    response::build(result, operation, &id, false)
}

async fn served(gateway: &Arc<Gateway>, request: Request<Vec<u8>>, id: &str) -> (Operation, Result<Reply, Fault>) {
    let (parts, body) = request.into_parts();
    let peer = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
    let client = Client { peer, tls: false, certificate: None };
    let arrival = match Head::read(&parts) {
        Ok(head) if head.takes_upload() => Err(Fault::invalid("a path that takes an upload")),
        Ok(head) => head.arrival(id.to_owned(), client, body, None),
        Err(fault) => Err(fault),
    };
    match arrival {
        Ok(arrival) => (arrival.operation, gateway.serve(arrival).await),
        Err(fault) => (Operation::Read, Err(fault)),
    }
}

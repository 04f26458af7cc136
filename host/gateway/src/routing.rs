//! Where a request leads: the path is read here, once.

use std::sync::Arc;

use access::Demands;
use model::{Fault, Kind, NamespacePath, Operation};
use sandbox::{Action, Guest, Matched, Route};
use storage::Transaction;
use system::System;
use tenancy::{Mount, Namespace, Place, Target, Tree};

use crate::Arrival;
use crate::admission::Known;
use crate::corridor::Rooms;

/// Where a request leads.
pub(crate) struct Routed {
    /// The namespace that it is in.
    pub(crate) namespace: Arc<Namespace>,
    /// The path below the namespace.
    pub(crate) path: String,
    /// What answers there.
    pub(crate) answerer: Answerer,
    /// What that demands of whoever asks.
    pub(crate) demands: Demands,
}

/// What answers at a path.
pub(crate) enum Answerer {
    Host(system::Matched),
    Guest(Engine),
}

/// An engine at its mount.
pub(crate) struct Engine {
    pub(crate) guest: Arc<Guest>,
    pub(crate) mount: Arc<Mount>,
    /// The route below the mount; `None`: the engine has none there.
    pub(crate) matched: Option<Matched>,
}

impl Engine {
    /// The route below the mount, as the engine describes it.
    pub(crate) fn route(&self) -> Option<&Route> {
        self.guest.descriptor.routes.get(self.matched.as_ref()?.index)
    }

    /// What the engine does there for an operation, if it does anything.
    pub(crate) fn action(&self, operation: Operation) -> Option<&Action> {
        self.route()?.action(operation)
    }
}

impl Routed {
    /// Whether it is answered though the API of its namespace is locked.
    pub(crate) fn unlocks(&self) -> bool {
        matches!(&self.answerer, Answerer::Host(matched) if matched.unlocks())
    }

    /// The engine that must be asked, before it is decided whether the request goes on, if what it writes to is there.
    pub(crate) fn asks_first(&self, arrival: &Arrival) -> Option<&Engine> {
        let Answerer::Guest(engine) = &self.answerer else { return None };
        let asks = engine.action(arrival.operation).is_some_and(|action| action.existence_check);
        (asks && !arrival.help).then_some(engine)
    }

    /// Says in the request's trace where it leads: by templates and accessors, not by the path that was asked for.
    pub(crate) fn tell(&self, arrival: &Arrival) {
        let trace = &arrival.trace;
        if !trace.is_recorded() {
            return;
        }
        trace.text("innkeeper.namespace", self.namespace.path.as_str());
        trace.text("innkeeper.mount.type", arrival.told.mount_type());
        let operation = arrival.operation.name();
        match &self.answerer {
            Answerer::Host(matched) => trace.name(operation, &matched.template()),
            Answerer::Guest(engine) => {
                trace.text("innkeeper.mount.accessor", &engine.mount.accessor);
                trace.name(operation, engine.route().map_or("(no route)", |route| route.template.as_str()));
            }
        }
    }

    /// Longest body, in bytes.
    pub(crate) fn body_max(&self) -> usize {
        match &self.answerer {
            Answerer::Host(matched) => matched.body_max(),
            Answerer::Guest(_) => sandbox::BODY_MAX,
        }
    }

    /// Whether the body is no JSON, but goes to an engine as it is.
    pub(crate) fn takes_raw(&self, operation: Operation) -> bool {
        let Answerer::Guest(engine) = &self.answerer else { return false };
        engine.action(operation).is_some_and(|action| action.raw_body)
    }
}

impl Rooms {
    /// Reads the path. What a token asks about itself is answered in the namespace that the token is of.
    pub(crate) fn place(&self, arrival: &Arrival, known: Option<&Known>, tree: &Tree) -> Result<Place, Fault> {
        let header = if System::is_everywhere(&arrival.path) {
            known.map_or_else(NamespacePath::root, |known| known.home().path.clone())
        } else {
            let header = arrival.namespace.as_deref().unwrap_or_default();
            NamespacePath::parse(header).map_err(|e| Fault::invalid(e.to_string()))?
        };
        Ok(tree.resolve(&header, &arrival.path)?)
    }

    /// Finds who answers at a place. A registered guest that is not at hand is loaded.
    pub(crate) async fn route(
        &self,
        arrival: &Arrival,
        place: Place,
        transaction: &Transaction,
    ) -> Result<Routed, Fault> {
        let (namespace, path) = (place.namespace, place.path);
        let unsupported = || Fault::new(Kind::NotFound, "unsupported path");
        let (answerer, demands) = match place.target {
            Target::System => {
                arrival.told.leads_to("system");
                host(self.system.find(&namespace, &place.rest).ok_or_else(unsupported)?)
            }
            Target::Token => {
                arrival.told.leads_to("token");
                host(self.system.find_token(&place.rest).ok_or_else(unsupported)?)
            }
            Target::Identity => host(self.system.find_identity(&place.rest)),
            Target::Cubbyhole => host(self.system.find_cubbyhole(&place.rest)),
            Target::Mount(mount) => {
                arrival.told.leads_to(&mount.kind);
                self.engine(transaction, (arrival.operation, mount), &place.rest).await?
            }
        };
        Ok(Routed { namespace, path, answerer, demands })
    }

    async fn engine(
        &self,
        transaction: &Transaction,
        (operation, mount): (Operation, Arc<Mount>),
        rest: &str,
    ) -> Result<(Answerer, Demands), Fault> {
        let guest = self.catalog.guest(transaction, &mount).await?;
        let matched = guest.descriptor.find(rest.trim_matches('/'));
        let engine = Engine { guest, mount, matched };
        let demands = engine.action(operation).map_or_else(Demands::default, |action| Demands {
            unauthenticated: action.unauthenticated,
            sudo: action.sudo,
        });
        Ok((Answerer::Guest(engine), demands))
    }
}

fn host((matched, demands): (system::Matched, Demands)) -> (Answerer, Demands) {
    (Answerer::Host(matched), demands)
}

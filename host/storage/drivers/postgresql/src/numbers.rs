//! Snapshots for many at once: whoever asks while a question is on its way shares the next one.
//!
//! An answer is only good for those who asked before its question was sent: what was committed before they asked must
//! be in it.

use std::sync::Arc;

use tokio::sync::{mpsc, oneshot};

use crate::ask::{Node, number};

/// Most that wait.
pub(crate) const WAITING_MAX: usize = 4096;
/// Most that share one answer.
const SHARING_MAX: usize = 1024;

/// Whom to tell the number of the last commit, or why it is not known.
pub(crate) type Waiting = oneshot::Sender<Result<i64, String>>;

/// Answers until nobody can ask any more.
pub(crate) async fn run(node: Arc<Node>, mut queue: mpsc::Receiver<Waiting>) {
    let mut asking = Vec::new();
    while queue.recv_many(&mut asking, SHARING_MAX).await > 0 {
        let read = node.read(&node.sql.number, &[]).await.and_then(|rows| number(&rows));
        let answer = read.map_err(|fault| fault.to_string());
        if answer.is_err() {
            // Who came meanwhile would fare no better, and has waited long enough.
            while let Ok(one) = queue.try_recv() {
                asking.push(one);
            }
        }
        for one in asking.drain(..) {
            let _ = one.send(answer.clone());
        }
    }
}

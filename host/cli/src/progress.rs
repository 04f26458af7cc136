//! How far it is, for people who watch.

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

const KNOWN: &str = "{msg} {bar:30} {bytes} of {total_bytes}, {bytes_per_sec}, {eta} left";
const UNKNOWN: &str = "{spinner} {msg} {bytes}, {bytes_per_sec}";

/// A bar on standard error, or nothing where that is no terminal. It goes when it is dropped.
pub(crate) fn bar(doing: &'static str, total: Option<u64>) -> ProgressBar {
    let bar = ProgressBar::with_draw_target(total, ProgressDrawTarget::stderr());
    let style = ProgressStyle::with_template(if total.is_some() { KNOWN } else { UNKNOWN });
    bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
    bar.with_message(doing).with_finish(indicatif::ProgressFinish::AndClear)
}

//! What is recorded about one request, from its arrival to its answer.

use std::sync::Arc;
use std::time::SystemTime;

use model::{Fault, Kind};
use tokio::runtime::{Handle, RuntimeFlavor};

use crate::audit::Devices;
use crate::device::{Device, Pending};
use crate::entry::Rendered;
use crate::facts::{Answer, Auth, Data, KeyUse, Refusal, Request};

/// From how many bytes of data on they are hashed away from the threads that serve others.
const HASHED_APART: usize = 256 * 1024;

/// A request in the hands of the devices that there were when it arrived. Its entries go to all of them, each with what
/// that device hashes; an entry counts when one has written it.
pub struct Recording {
    devices: Vec<(Arc<Device>, Rendered)>,
}

impl Recording {
    /// Gathers what all entries about a request say. `facts` is asked only when there is a device.
    pub fn new<'a>(devices: &Devices, facts: impl FnOnce() -> (Request<'a>, Option<Auth>)) -> Result<Self, Fault> {
        if devices.is_empty() {
            return Ok(Self { devices: Vec::new() });
        }
        let (request, auth) = facts();
        apart(&request.data, || {
            let rendered = devices
                .all()
                .map(|device| Ok((Arc::clone(device), device.render(&request, auth.as_ref(), devices.headers())?)));
            Ok(Self { devices: rendered.collect::<Result<_, Fault>>()? })
        })
    }

    /// Whether there is no device: then nothing needs to be gathered for it.
    pub fn is_empty(&self) -> bool {
        self.devices.is_empty()
    }

    /// Records the request itself, before it is executed; `error`: why it will not be.
    pub async fn request(&self, error: &str, time: SystemTime) -> Result<(), Fault> {
        self.write(|device, of| device.request_line(of, error, time)).await
    }

    /// Records the answer, before it is given; `error`: what is answered instead.
    pub async fn response(&self, answer: &Answer<'_>, error: &str, time: SystemTime) -> Result<(), Fault> {
        let lines = apart(&answer.data, || self.lines(|device, of| device.response_line(of, answer, error, time)));
        deliver(lines?).await
    }

    /// Records that a managed key was used, before what came of it leaves the host.
    pub async fn key_use(&self, used: &KeyUse<'_>, time: SystemTime) -> Result<(), Fault> {
        self.write(|device, of| device.key_line(of, used, time)).await
    }

    /// Records that an engine was refused a power.
    pub async fn refusal(&self, refusal: Refusal<'_>, time: SystemTime) -> Result<(), Fault> {
        self.write(|device, of| device.refusal_line(of, refusal, time)).await
    }

    async fn write(&self, line: impl Fn(&Device, &Rendered) -> Result<Vec<u8>, Fault>) -> Result<(), Fault> {
        deliver(self.lines(line)?).await
    }

    fn lines(
        &self,
        line: impl Fn(&Device, &Rendered) -> Result<Vec<u8>, Fault>,
    ) -> Result<Vec<(&Device, Vec<u8>)>, Fault> {
        self.devices.iter().map(|(device, of)| Ok((&**device, line(device, of)?))).collect()
    }
}

/// Hands each line to its device, and waits until all devices that keep their time have written theirs. Those that do
/// not are waited for only while nobody else has written the entry.
async fn deliver(lines: Vec<(&Device, Vec<u8>)>) -> Result<(), Fault> {
    if lines.is_empty() {
        return Ok(());
    }
    let (mut prompt, mut late) = (Vec::new(), Vec::new());
    let mut why = Vec::new();
    for (device, line) in lines {
        match device.writer.put(line) {
            Ok(pending) if device.writer.is_late() => late.push((device, pending)),
            Ok(pending) => prompt.push((device, pending)),
            Err(error) => failed(device, error, &mut why),
        }
    }
    let mut written = collect(prompt, &mut why).await;
    if !written {
        written = collect(late, &mut why).await;
    }
    if written {
        return Ok(());
    }
    let detail = format!("no audit device wrote an entry: {}", why.join("; "));
    Err(Fault::new(Kind::Internal, "internal error").detail(detail))
}

async fn collect(waiting: Vec<(&Device, Pending)>, why: &mut Vec<String>) -> bool {
    let mut written = false;
    for (device, pending) in waiting {
        match pending.wait().await {
            Ok(()) => {
                device.writer.note(Ok(()));
                written = true;
            }
            Err(error) => failed(device, error, why),
        }
    }
    written
}

fn failed(device: &Device, error: String, why: &mut Vec<String>) {
    device.writer.note(Err(&error));
    why.push(format!("{}: {error}", device.record.path));
}

/// Much data is hashed while another thread takes this one's place.
fn apart<T>(data: &Data<'_>, work: impl FnOnce() -> T) -> T {
    let size = match data {
        Data::Nothing => 0,
        Data::Object(object) => object.get().len(),
        Data::Bytes(bytes) => bytes.len(),
    };
    let has_others = || Handle::try_current().is_ok_and(|now| now.runtime_flavor() == RuntimeFlavor::MultiThread);
    if size > HASHED_APART && has_others() { tokio::task::block_in_place(work) } else { work() }
}

//! Which task has which port of the host. There is one network for all, so a port belongs to one task at a time.

use std::collections::HashMap;
use std::net::{Ipv4Addr, TcpListener, UdpSocket};

use kecs_core::TaskId;
use kecs_core::task_spec::Protocol;

use super::record::BindingRecord;

/// The ports of the tasks that have not ended.
#[derive(Debug, Default)]
pub(super) struct Ports(HashMap<(Protocol, u16), TaskId>);

impl Ports {
    /// Notes that the task has the port. `false` if another has it.
    pub(super) fn take(&mut self, task: TaskId, protocol: Protocol, port: u16) -> bool {
        *self.0.entry((protocol, port)).or_insert(task) == task
    }

    /// Notes all ports of a task that runs already.
    pub(super) fn take_all<'a>(&mut self, task: TaskId, bindings: impl IntoIterator<Item = &'a BindingRecord>) {
        for binding in bindings {
            self.take(task, binding.protocol, binding.host_port);
        }
    }

    /// Gives the task a port that nobody has, as the system chooses; `None` if there is none.
    pub(super) fn choose(&mut self, task: TaskId, protocol: Protocol) -> Option<u16> {
        // The system may offer one that a task has which does not listen yet; it seldom does so twice.
        (0..64).find_map(|_| {
            let port = free_port(protocol)?;
            let is_new = !self.0.contains_key(&(protocol, port));
            (is_new && self.take(task, protocol, port)).then_some(port)
        })
    }

    /// Frees what the task has.
    pub(super) fn release(&mut self, task: TaskId) {
        self.0.retain(|_, owner| *owner != task);
    }
}

fn free_port(protocol: Protocol) -> Option<u16> {
    let address = (Ipv4Addr::UNSPECIFIED, 0);
    let bound = match protocol {
        Protocol::Tcp => TcpListener::bind(address).and_then(|socket| socket.local_addr()),
        Protocol::Udp => UdpSocket::bind(address).and_then(|socket| socket.local_addr()),
    };
    bound.ok().map(|address| address.port())
}

#[cfg(test)]
mod tests {
    use kecs_core::TaskId;
    use kecs_core::task_spec::Protocol;

    use super::Ports;

    #[test]
    fn a_port_has_one_task_until_that_is_over() {
        let (one, other) = (TaskId::random(), TaskId::random());
        let mut ports = Ports::default();
        assert!(ports.take(one, Protocol::Tcp, 80));
        assert!(ports.take(one, Protocol::Tcp, 80));
        assert!(!ports.take(other, Protocol::Tcp, 80));
        assert!(ports.take(other, Protocol::Udp, 80));
        ports.release(one);
        assert!(ports.take(other, Protocol::Tcp, 80));
    }
}

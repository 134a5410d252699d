//! What goes over the socket to the exec stage: an order, and with it the file that is to be the program's standard input.

use std::io::{self, IoSlice, IoSliceMut};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::net::{
    RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendAncillaryBuffer, SendAncillaryMessage, SendFlags, recvmsg, sendmsg,
};
use tokio::io::Interest;
use tokio::net::UnixStream;

/// What the file travels with: JSON may begin with it.
const BLANK: &[u8] = b" ";

/// Sends the file, before the order.
pub(super) async fn send(socket: &UnixStream, file: BorrowedFd<'_>) -> io::Result<()> {
    let send = || {
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
        let mut control = SendAncillaryBuffer::new(&mut space);
        let files = [file];
        // There is room for one.
        control.push(SendAncillaryMessage::ScmRights(&files));
        Ok(sendmsg(socket.as_fd(), &[IoSlice::new(BLANK)], &mut control, SendFlags::empty())?)
    };
    loop {
        socket.writable().await?;
        match socket.try_io(Interest::WRITABLE, send) {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            sent => return sent.map(|_| ()),
        }
    }
}

/// All that comes until its end, and the file that came along. Blocks.
pub(super) fn receive(socket: impl AsFd) -> io::Result<(Vec<u8>, Option<OwnedFd>)> {
    let mut bytes = Vec::new();
    let mut file = None;
    let mut buffer = vec![0; 16 * 1024];
    loop {
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
        let mut control = RecvAncillaryBuffer::new(&mut space);
        let received = rustix::io::retry_on_intr(|| {
            recvmsg(&socket, &mut [IoSliceMut::new(&mut buffer)], &mut control, RecvFlags::CMSG_CLOEXEC)
        })?;
        for message in control.drain() {
            if let RecvAncillaryMessage::ScmRights(files) = message {
                file = files.last().or(file);
            }
        }
        if received.bytes == 0 {
            return Ok((bytes, file));
        }
        bytes.extend_from_slice(&buffer[..received.bytes]);
    }
}

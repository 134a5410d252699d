//! What the client's messages mean.

use bytes::Bytes;
use kecs_core::ExecInput;

use super::message::AgentMessage;
use super::payload;

/// The keys of a terminal that mean something to a command without one: the plugin sends each as it is pressed.
const INTERRUPT: &[u8] = b"\x03";
const END_OF_INPUT: &[u8] = b"\x04";
/// The plugin makes this of the end of a line.
const ENTER: &[u8] = b"\r";

/// What a message means to the session.
pub(super) enum Understood {
    Input(ExecInput),
    InputEnds,
    End,
    Nothing,
}

impl Understood {
    pub(super) fn of(message: &AgentMessage, is_interactive: bool) -> Self {
        match (message.payload_type, &*message.payload) {
            (payload::DATA, INTERRUPT) if !is_interactive => Self::End,
            (payload::DATA, END_OF_INPUT) if !is_interactive => Self::InputEnds,
            (payload::DATA, ENTER) if !is_interactive => Self::Input(ExecInput::Data(Bytes::from_static(b"\n"))),
            (payload::DATA, _) => Self::Input(ExecInput::Data(message.payload.clone())),
            (payload::SIZE, size) => payload::size(size).map_or(Self::Nothing, |size| Self::Input(ExecInput::Resize(size))),
            (payload::FLAG, flag) if flag == payload::TERMINATE_SESSION => Self::End,
            _ => Self::Nothing,
        }
    }
}

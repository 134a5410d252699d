//! JSON that is secret, which has a reader of its own.

use std::marker::PhantomData;

use kecs_core::secret_json::read;
use serde_json::Value;

/// What serde_json reads is read too, and what it refuses is refused, unless that is for half a character. What was read is read again when it is written.
pub fn secret_json(bytes: &[u8]) {
    let ours = read(PhantomData::<Value>, bytes);
    match (&ours, serde_json::from_slice::<Value>(bytes)) {
        (Err(error), Ok(_)) => panic!("{error}"),
        (Ok(_), Err(error)) => assert!(bytes.windows(2).any(|two| two == b"\\u"), "{error}"),
        _ => {}
    }
    if let Ok(value) = ours {
        assert_eq!(read(PhantomData::<Value>, value.to_string().as_bytes()).expect("it is JSON"), value);
    }
}

//! The chunked coding of answers (RFC 9112 §7.1).

use bytes::{Buf, BytesMut};
use http::{HeaderMap, HeaderName, HeaderValue};

use super::response_head::NotHttp;

/// The longest line with a chunk's size, its extensions included.
const SIZE_LINE: usize = 4 * 1024;
/// The largest trailer section.
const TRAILERS: usize = 16 * 1024;

/// Where in a chunked body the reader stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Chunked {
    /// Before a chunk's size.
    #[default]
    Size,
    /// In a chunk, of which so much is to come.
    Data(u64),
    /// Behind a chunk, before its line break.
    AfterData,
    /// Behind the last chunk.
    Trailers,
    /// Behind everything.
    End,
}

/// A step through a chunked body.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Step {
    Data(BytesMut),
    /// The body ends here, with these trailers.
    End(HeaderMap),
    /// More has to be read.
    More,
}

impl Chunked {
    /// Takes the next piece out of what was received.
    pub(super) fn step(&mut self, received: &mut BytesMut) -> Result<Step, NotHttp> {
        loop {
            match *self {
                Self::Size => match httparse::parse_chunk_size(received) {
                    Ok(httparse::Status::Complete((line, size))) => {
                        received.advance(line);
                        *self = if size == 0 { Self::Trailers } else { Self::Data(size) };
                    }
                    Ok(httparse::Status::Partial) if received.len() <= SIZE_LINE => return Ok(Step::More),
                    _ => return Err(NotHttp("a chunk has no size")),
                },
                Self::Data(_) if received.is_empty() => return Ok(Step::More),
                Self::Data(left) => {
                    let here = usize::try_from(left).unwrap_or(usize::MAX).min(received.len());
                    let left = left - here as u64;
                    *self = if left == 0 { Self::AfterData } else { Self::Data(left) };
                    return Ok(Step::Data(received.split_to(here)));
                }
                Self::AfterData if received.len() < 2 => return Ok(Step::More),
                Self::AfterData if received.starts_with(b"\r\n") => {
                    received.advance(2);
                    *self = Self::Size;
                }
                Self::AfterData => return Err(NotHttp("a chunk is longer than it says")),
                Self::Trailers => {
                    let Some((end, trailers)) = trailers(received)? else {
                        if received.len() > TRAILERS {
                            return Err(NotHttp("its trailers do not end"));
                        }
                        return Ok(Step::More);
                    };
                    received.advance(end);
                    *self = Self::End;
                    return Ok(Step::End(trailers));
                }
                Self::End => return Ok(Step::End(HeaderMap::new())),
            }
        }
    }
}

fn trailers(received: &[u8]) -> Result<Option<(usize, HeaderMap)>, NotHttp> {
    const WRONG: NotHttp = NotHttp("its trailers are not headers");
    let mut slots = [httparse::EMPTY_HEADER; 32];
    let httparse::Status::Complete((end, parsed)) = httparse::parse_headers(received, &mut slots).map_err(|_| WRONG)? else {
        return Ok(None);
    };
    let mut trailers = HeaderMap::new();
    for header in parsed {
        let name = HeaderName::from_bytes(header.name.as_bytes()).map_err(|_| WRONG)?;
        trailers.append(name, HeaderValue::from_bytes(header.value).map_err(|_| WRONG)?);
    }
    Ok(Some((end, trailers)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Decodes what arrives in these pieces: the data, and whether it ended.
    fn decode(pieces: &[&[u8]]) -> Result<(Vec<u8>, Option<HeaderMap>), NotHttp> {
        let (mut state, mut received, mut data) = (Chunked::default(), BytesMut::new(), Vec::new());
        for piece in pieces {
            received.extend_from_slice(piece);
            loop {
                match state.step(&mut received)? {
                    Step::Data(part) => data.extend_from_slice(&part),
                    Step::End(trailers) => return Ok((data, Some(trailers))),
                    Step::More => break,
                }
            }
        }
        Ok((data, None))
    }

    // The example of RFC 9112 §7.1.3's coding, with an extension and a trailer.
    const BODY: &[u8] = b"4\r\nWiki\r\n7;x=y\r\npedia i\r\nB\r\nn \r\nchunks.\r\n0\r\nX-Sum: 1\r\n\r\n";

    proptest! {
        #[test]
        fn it_does_not_matter_how_a_body_is_cut(cuts in proptest::collection::vec(0..BODY.len(), 0..6)) {
            let mut cuts = cuts;
            cuts.extend([0, BODY.len()]);
            cuts.sort_unstable();
            let pieces: Vec<&[u8]> = cuts.windows(2).map(|cut| &BODY[cut[0]..cut[1]]).collect();
            let (data, trailers) = decode(&pieces).unwrap();
            prop_assert_eq!(data, b"Wikipedia in \r\nchunks.");
            prop_assert_eq!(&trailers.unwrap()["x-sum"], "1");
        }

        #[test]
        fn decoding_is_total(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = decode(&[&bytes]);
        }
    }

    #[test]
    fn a_body_that_breaks_off_has_no_end() {
        for end in 0..BODY.len() {
            assert_eq!(decode(&[&BODY[..end]]).unwrap().1, None, "{end}");
        }
    }

    #[test]
    fn what_is_not_chunked_is_refused() {
        for body in [&b"x\r\n"[..], b"4\r\nWikipedia", b"-1\r\n", b"fffffffffffffffff\r\n"] {
            assert!(decode(&[body]).is_err(), "{body:?}");
        }
    }
}

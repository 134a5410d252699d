//! The fuzzers' entry points on the stable toolchain: every seed, seeds that were damaged, and noise.

use std::path::Path;

use proptest::prelude::*;
use proptest::sample::Index;

/// The seeds of an entry point.
fn seeds(name: &str) -> Vec<Vec<u8>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("seeds").join(name);
    let files = std::fs::read_dir(folder).expect("every entry point has seeds");
    files.map(|file| std::fs::read(file.unwrap().path()).unwrap()).collect()
}

/// One damage: bytes are cut out, doubled or replaced.
#[derive(Clone, Debug)]
enum Damage {
    Cut(Index, usize),
    Double(Index, usize),
    Replace(Index, Vec<u8>),
}

fn damage() -> impl Strategy<Value = Damage> {
    let noise = prop_oneof![
        prop::collection::vec(any::<u8>(), 1..4),
        prop::sample::select(vec!["null", "-1", "1e999", "\"", "{", "[", ",", "\\u0000", "999999999999", "", "/", ":", "%2F", "ü"])
            .prop_map(|text| text.as_bytes().to_vec()),
    ];
    prop_oneof![
        (any::<Index>(), 1usize..16).prop_map(|(at, length)| Damage::Cut(at, length)),
        (any::<Index>(), 1usize..64).prop_map(|(at, length)| Damage::Double(at, length)),
        (any::<Index>(), noise).prop_map(|(at, noise)| Damage::Replace(at, noise)),
    ]
}

fn damaged(mut bytes: Vec<u8>, damages: &[Damage]) -> Vec<u8> {
    for damage in damages {
        if bytes.is_empty() {
            break;
        }
        match damage {
            Damage::Cut(at, length) => {
                let at = at.index(bytes.len());
                bytes.drain(at..(at + length).min(bytes.len()));
            }
            Damage::Double(at, length) => {
                let at = at.index(bytes.len());
                let piece = bytes[at..(at + length).min(bytes.len())].to_vec();
                bytes.splice(at..at, piece);
            }
            Damage::Replace(at, noise) => {
                let at = at.index(bytes.len());
                bytes.splice(at..=at, noise.iter().copied());
            }
        }
    }
    bytes
}

/// One module of tests for an entry point.
macro_rules! entry_point {
    ($name:ident, $cases:literal) => {
        mod $name {
            use super::*;

            #[test]
            fn every_seed_passes() {
                for seed in seeds(stringify!($name)) {
                    kecs_fuzz::$name(&seed);
                }
            }

            proptest! {
                #![proptest_config(ProptestConfig { cases: $cases, failure_persistence: None, ..ProptestConfig::default() })]

                #[test]
                fn damaged_seeds_pass(seed in any::<Index>(), damages in prop::collection::vec(damage(), 1..6)) {
                    let seeds = seeds(stringify!($name));
                    kecs_fuzz::$name(&damaged(seed.get(&seeds).clone(), &damages));
                }

                #[test]
                fn noise_passes(bytes in prop::collection::vec(any::<u8>(), 0..256)) {
                    kecs_fuzz::$name(&bytes);
                }
            }
        }
    };
}

entry_point!(configuration, 2000);
entry_point!(decode, 2000);
entry_point!(plain_requests, 2000);
entry_point!(requests, 1000);
entry_point!(arn, 4000);
entry_point!(query, 4000);
entry_point!(identify, 4000);
entry_point!(secret_json, 4000);

#[test]
fn every_entry_point_has_a_fuzz_target() {
    for (name, _) in kecs_fuzz::ENTRY_POINTS {
        let target = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz_targets").join(name).with_extension("rs");
        assert!(target.is_file(), "{name}");
    }
}

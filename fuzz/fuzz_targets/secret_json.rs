#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| kecs_fuzz::secret_json(bytes));

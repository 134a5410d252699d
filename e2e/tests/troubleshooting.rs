//! docs/troubleshooting.md quotes what KECS says: each text must be one that the code has.

use std::fs;
use std::path::Path;

/// Texts of one word or two say nothing, and are found anywhere.
const SHORTEST: usize = 8;

#[test]
fn every_text_that_the_page_quotes_is_one_of_the_codes() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let mut code = String::new();
    for package in ["core", "embedded", "k8s", "localstack", "server", "bin"] {
        read_all(&root.join(format!("kecs-{package}/src")), &mut code);
    }
    let page = fs::read_to_string(root.join("docs/troubleshooting.md")).unwrap();
    let mut checked = 0;
    for cell in page.lines().filter_map(|line| line.strip_prefix("| ")?.split(" | ").next()) {
        // Every second piece between backticks is a quotation; an ellipsis stands for what differs.
        for text in cell.split('`').skip(1).step_by(2).flat_map(|quoted| quoted.split('…')) {
            let text = text.trim_matches([' ', ':', ',', '\'']);
            if text.len() >= SHORTEST {
                assert!(code.contains(text), "nothing says “{text}”");
                checked += 1;
            }
        }
    }
    assert!(checked > 15, "only {checked} texts were found in the page");
}

/// The strings of the code may go on in the next line after a backslash.
fn read_all(folder: &Path, code: &mut String) {
    for entry in fs::read_dir(folder).expect("the source folder can be read") {
        let path = entry.expect("the source folder can be read").path();
        if path.is_dir() {
            read_all(&path, code);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            code.push_str(&fs::read_to_string(&path).expect("source is text"));
        }
    }
}

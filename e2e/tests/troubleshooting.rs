//! docs/troubleshooting.md quotes what KECS says: each text must be one that the code has, and each error of the code must be on a page.

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

/// Errors that no user of the command sees, by how they begin.
const FOR_OTHERS: [(&str, &str); 8] = [
    ("no task manager: give the builder", "of programs that embed KECS"),
    ("the message is shorter than its head", "of the protocol of ECS Exec, for its plugin"),
    ("the lengths in the head are not", "of the protocol of ECS Exec, for its plugin"),
    ("the type is not text", "of the protocol of ECS Exec, for its plugin"),
    ("the payload is not what its digest says", "of the protocol of ECS Exec, for its plugin"),
    ("… is ……", "a state and its reason: the pages have the states and the reasons"),
    ("…, but ", "what a tool of somebody else's says: the page has what goes before"),
    ("…: `…` ended with …", "a command in the quotation would end it: the page has it without"),
];

#[test]
fn every_error_that_users_see_is_on_a_page() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let mut pages = String::new();
    for entry in fs::read_dir(root.join("docs")).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|extension| extension == "md") {
            pages.push_str(&fs::read_to_string(path).unwrap());
        }
    }
    // Every second piece between backticks is a quotation. A single word says too little.
    let quotations: Vec<&str> =
        pages.lines().flat_map(|line| line.split('`').skip(1).step_by(2)).filter(|text| text.contains(' ')).collect();
    let mut errors = Vec::new();
    for package in ["bin", "k8s", "localstack", "server"] {
        let mut code = String::new();
        read_all(&root.join(format!("kecs-{package}/src")), &mut code);
        errors.extend(["#[error(", "Failure::new(", "Failure::line(", "let what = "].iter().flat_map(|place| texts(&code, place)));
    }
    errors.retain(|error| !FOR_OTHERS.iter().any(|(text, _)| error.starts_with(text)));
    assert!(errors.len() > 80, "only {} errors were found in the code", errors.len());
    errors.retain(|error| !quotations.iter().any(|quotation| tells(quotation, error)));
    assert!(errors.is_empty(), "no page tells of {errors:#?}");
}

/// The texts that begin after `place`, an ellipsis for what differs. Those that are nothing but another error's text are that one's.
fn texts(code: &str, place: &str) -> Vec<String> {
    let texts = code.split(place).skip(1).filter_map(|after| {
        // The first argument of a failure is its exit code.
        let after = if place.starts_with("Failure") { after.split_once(',')?.1 } else { after };
        let after = after.trim_start();
        let after = ["format!(", "format_args!("].iter().find_map(|call| after.strip_prefix(call)).unwrap_or(after).trim_start();
        let mut text = String::new();
        let mut characters = after.strip_prefix('"')?.chars();
        loop {
            match characters.next()? {
                '"' => break,
                '\\' => match characters.next()? {
                    '\n' => characters = characters.as_str().trim_start().chars(),
                    other => text.push(other),
                },
                '{' => {
                    let _ = characters.find(|&character| character == '}');
                    text.push('…');
                }
                other => text.push(other),
            }
        }
        Some(text)
    });
    texts.filter(|text| text.chars().any(char::is_alphabetic)).collect()
}

/// Whether a quotation is of this text: all its parts are there, in order, and they say something.
fn tells(quotation: &str, mut text: &str) -> bool {
    let mut said = 0;
    for part in quotation.split('…').map(|part| part.trim_matches([' ', ':', ',', '\''])) {
        match text.split_once(part) {
            Some((_, rest)) => text = rest,
            None => return false,
        }
        said += part.len();
    }
    said >= SHORTEST
}

/// The strings of the code may go on in the next line after a backslash. Tests have texts of their own.
fn read_all(folder: &Path, code: &mut String) {
    for entry in fs::read_dir(folder).expect("the source folder can be read") {
        let path = entry.expect("the source folder can be read").path();
        if path.file_stem().is_some_and(|name| name == "tests") {
            continue;
        }
        if path.is_dir() {
            read_all(&path, code);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let text = fs::read_to_string(&path).expect("source is text");
            code.push_str(text.split("#[cfg(test)]\nmod tests {").next().unwrap_or_default());
        }
    }
}

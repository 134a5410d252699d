//! Texts that Kubernetes would change.

/// A text in which Kubernetes finds no reference to a variable: it reads `$(NAME)` in commands and values, which ECS does not.
pub(super) fn literal(text: &str) -> String {
    text.replace('$', "$$")
}

/// The same for a command line.
pub(super) fn literals(words: &[String]) -> Vec<String> {
    words.iter().map(|word| literal(word)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reference_becomes_the_text_that_it_is() {
        assert_eq!(literal("$(HOME) costs $5 or $$"), "$$(HOME) costs $$5 or $$$$");
    }
}

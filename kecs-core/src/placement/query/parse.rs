//! Text to tree, by recursive descent with a bounded depth.

use super::compare::{Argument, Comparison, Operator, Subject};
use super::{InvalidExpression, MAX_DEPTH, MAX_EXPRESSION_CHARS, Node};

pub(super) fn parse(text: &str) -> Result<Node, InvalidExpression> {
    if text.chars().count() > MAX_EXPRESSION_CHARS {
        let message = format!("the expression is longer than {MAX_EXPRESSION_CHARS} characters");
        return Err(InvalidExpression::new(message, None));
    }
    let mut parser = Parser { text, rest: text };
    let node = parser.any(0)?;
    parser.skip_space();
    if parser.rest.is_empty() { Ok(node) } else { Err(parser.expected("the end, `and` or `or`")) }
}

struct Parser<'a> {
    text: &'a str,
    rest: &'a str,
}

impl<'a> Parser<'a> {
    fn any(&mut self, depth: usize) -> Result<Node, InvalidExpression> {
        let mut nodes = vec![self.all(depth)?];
        while self.symbol("||") || self.keyword("or") {
            nodes.push(self.all(depth)?);
        }
        Ok(if nodes.len() == 1 { nodes.remove(0) } else { Node::Any(nodes) })
    }

    fn all(&mut self, depth: usize) -> Result<Node, InvalidExpression> {
        let mut nodes = vec![self.negation(depth)?];
        while self.symbol("&&") || self.keyword("and") {
            nodes.push(self.negation(depth)?);
        }
        Ok(if nodes.len() == 1 { nodes.remove(0) } else { Node::All(nodes) })
    }

    fn negation(&mut self, depth: usize) -> Result<Node, InvalidExpression> {
        if depth > MAX_DEPTH {
            return Err(self.error(format!("parentheses and negations nest deeper than {MAX_DEPTH}")));
        }
        if self.symbol("!") || self.keyword("not") {
            return Ok(Node::Not(Box::new(self.negation(depth + 1)?)));
        }
        if self.symbol("(") {
            let node = self.any(depth + 1)?;
            return if self.symbol(")") { Ok(node) } else { Err(self.expected("`)`")) };
        }
        self.comparison().map(Node::Comparison)
    }

    fn comparison(&mut self) -> Result<Comparison, InvalidExpression> {
        self.skip_space();
        let at = self.position();
        let name = self.take_while(|c| c.is_alphanumeric() || "_-./\\:@".contains(c));
        if name.is_empty() {
            return Err(self.expected("a subject"));
        }
        let subject = Subject::parse(name).ok_or_else(|| InvalidExpression::new(format!("`{name}` is not a subject"), Some(at)))?;
        self.skip_space();
        let at = self.position();
        let operator = self.operator()?;
        if !subject.allows(operator) {
            let message = format!("`{}` is not an operator of `{name}`", operator.name());
            return Err(InvalidExpression::new(message, Some(at)));
        }
        self.skip_space();
        let at = self.position();
        let argument = match operator {
            Operator::Exists | Operator::NotExists => Argument::None,
            Operator::In | Operator::NotIn => Argument::List(self.list()?),
            _ => Argument::One(self.value(false)?),
        };
        Comparison::new(subject, operator, argument).map_err(|message| InvalidExpression::new(message, Some(at)))
    }

    fn operator(&mut self) -> Result<Operator, InvalidExpression> {
        // The longer symbols first: `>` begins `>=`.
        for (symbol, operator) in [
            ("==", Operator::Equals),
            ("!=", Operator::NotEquals),
            ("=~", Operator::Matches),
            ("!~", Operator::NotMatches),
            (">=", Operator::GreaterThanEqual),
            ("<=", Operator::LessThanEqual),
            (">", Operator::GreaterThan),
            ("<", Operator::LessThan),
        ] {
            if self.symbol(symbol) {
                return Ok(operator);
            }
        }
        let before = self.rest;
        let negated = self.symbol("!");
        let word = self.take_while(|c| c.is_ascii_alphabetic() || c == '_');
        let operator = match (negated, word) {
            (true, "exists") => Some(Operator::NotExists),
            (true, "in") => Some(Operator::NotIn),
            (false, word) => Operator::named(word),
            (true, _) => None,
        };
        operator.ok_or_else(|| {
            self.rest = before;
            self.expected("an operator")
        })
    }

    fn list(&mut self) -> Result<Vec<String>, InvalidExpression> {
        if !self.symbol("[") {
            return Err(self.expected("a list such as `[a, b]`"));
        }
        let mut values = vec![self.value(true)?];
        while self.symbol(",") {
            values.push(self.value(true)?);
        }
        if self.symbol("]") { Ok(values) } else { Err(self.expected("`,` or `]`")) }
    }

    fn value(&mut self, in_list: bool) -> Result<String, InvalidExpression> {
        self.skip_space();
        if let Some(quote) = self.rest.chars().next().filter(|c| matches!(c, '\'' | '"')) {
            let at = self.position();
            let quoted = &self.rest[1..];
            let Some(end) = quoted.find(quote) else {
                return Err(InvalidExpression::new(format!("the quote {quote} is not closed"), Some(at)));
            };
            self.rest = &quoted[end + 1..];
            return Ok(quoted[..end].to_owned());
        }
        let end = self.rest.char_indices().find_map(|(index, c)| {
            let ends = c.is_whitespace()
                || matches!(c, '(' | ')')
                || (in_list && matches!(c, ',' | ']'))
                || self.rest[index..].starts_with("&&")
                || self.rest[index..].starts_with("||");
            ends.then_some(index)
        });
        let (value, rest) = self.rest.split_at(end.unwrap_or(self.rest.len()));
        if value.is_empty() {
            return Err(self.expected("a value"));
        }
        self.rest = rest;
        Ok(value.to_owned())
    }

    fn skip_space(&mut self) {
        self.rest = self.rest.trim_start();
    }

    fn symbol(&mut self, symbol: &str) -> bool {
        self.skip_space();
        self.rest.strip_prefix(symbol).map(|rest| self.rest = rest).is_some()
    }

    /// A word in lower case that does not go on.
    fn keyword(&mut self, keyword: &str) -> bool {
        self.skip_space();
        let Some(rest) = self.rest.strip_prefix(keyword) else { return false };
        if rest.starts_with(|c: char| c.is_alphanumeric() || "_-.:".contains(c)) {
            return false;
        }
        self.rest = rest;
        true
    }

    fn take_while(&mut self, belongs: impl Fn(char) -> bool) -> &'a str {
        let end = self.rest.find(|c| !belongs(c)).unwrap_or(self.rest.len());
        let (taken, rest) = self.rest.split_at(end);
        self.rest = rest;
        taken
    }

    fn position(&self) -> usize {
        self.text[..self.text.len() - self.rest.len()].chars().count() + 1
    }

    fn error(&self, message: impl Into<String>) -> InvalidExpression {
        InvalidExpression::new(message, Some(self.position()))
    }

    fn expected(&mut self, what: &str) -> InvalidExpression {
        self.skip_space();
        match self.rest.chars().next() {
            Some(found) => self.error(format!("expected {what} but found `{found}`")),
            None => self.error(format!("expected {what} but the expression ends")),
        }
    }
}

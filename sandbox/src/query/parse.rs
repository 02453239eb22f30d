//! From the text of `$filter` to a syntax tree that knows nothing of tables yet.

use super::Comparison;
use super::lex::{Token, tokens};
use crate::errors::{ApiError, ApiResult};

/// Expressions nested deeper than this are refused, before the stack is.
const MAX_DEPTH: usize = 100;

/// A boolean expression.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Expression {
    All(Vec<Expression>),
    Any(Vec<Expression>),
    Not(Box<Expression>),
    Compare(Operand, Comparison, Operand),
    /// A function call that is true or false.
    Call(String, Vec<Argument>),
    Lambda(Lambda),
}

/// `path/any(v:test)` or `path/all(v:test)`.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Lambda {
    pub(crate) path: String,
    pub(crate) all: bool,
    /// The variable and what is tested; `any()` has none.
    pub(crate) test: Option<(String, Box<Expression>)>,
}

/// A side of a comparison.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Operand {
    /// A property, or a path of them.
    Property(String),
    Text(String),
    /// A number, date, identifier, `true`, `false` or `null`.
    Bare(String),
    /// A parameter alias (`@p1`).
    Alias(String),
    List(Vec<Operand>),
}

/// An argument of a function, with its name if it has one.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Argument {
    pub(crate) name: Option<String>,
    pub(crate) value: Operand,
}

/// Parses a whole `$filter`.
pub(crate) fn expression(source: &str) -> ApiResult<Expression> {
    let mut parser = Parser { source, tokens: tokens(source)?, at: 0, depth: 0 };
    let expression = parser.any()?;
    match parser.tokens.get(parser.at) {
        None => Ok(expression),
        Some((position, _)) => Err(parser.syntax_error(*position)),
    }
}

/// Parses the value of a parameter alias.
pub(super) fn operand(source: &str) -> ApiResult<Operand> {
    let mut parser = Parser { source, tokens: tokens(source)?, at: 0, depth: 0 };
    let operand = parser.operand()?;
    match parser.tokens.get(parser.at) {
        None => Ok(operand),
        Some((position, _)) => Err(parser.syntax_error(*position)),
    }
}

struct Parser<'a> {
    source: &'a str,
    tokens: Vec<(usize, Token)>,
    at: usize,
    depth: usize,
}

impl Parser<'_> {
    fn syntax_error(&self, position: usize) -> ApiError {
        ApiError::query(format!("Syntax error at position {position} in '{}'.", self.source))
    }

    fn here(&self) -> ApiError {
        self.syntax_error(self.tokens.get(self.at).map_or(self.source.len(), |(position, _)| *position))
    }

    fn peek(&self) -> Option<&Token> {
        self.tokens.get(self.at).map(|(_, token)| token)
    }

    fn next(&mut self) -> Option<Token> {
        let token = self.tokens.get(self.at).map(|(_, token)| token.clone());
        self.at += 1;
        token
    }

    fn accept(&mut self, token: &Token) -> bool {
        let found = self.peek() == Some(token);
        self.at += usize::from(found);
        found
    }

    fn accept_word(&mut self, word: &str) -> bool {
        let found = matches!(self.peek(), Some(Token::Word(w)) if w == word);
        self.at += usize::from(found);
        found
    }

    fn expect(&mut self, token: &Token) -> ApiResult<()> {
        if self.accept(token) { Ok(()) } else { Err(self.here()) }
    }

    fn any(&mut self) -> ApiResult<Expression> {
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            return Err(ApiError::query("The expression is nested too deeply."));
        }
        let mut terms = vec![self.all()?];
        while self.accept_word("or") {
            terms.push(self.all()?);
        }
        self.depth -= 1;
        Ok(if terms.len() == 1 { terms.remove(0) } else { Expression::Any(terms) })
    }

    fn all(&mut self) -> ApiResult<Expression> {
        let mut terms = vec![self.term()?];
        while self.accept_word("and") {
            terms.push(self.term()?);
        }
        Ok(if terms.len() == 1 { terms.remove(0) } else { Expression::All(terms) })
    }

    fn term(&mut self) -> ApiResult<Expression> {
        let mut negations = 0;
        while self.accept_word("not") {
            negations += 1;
        }
        let inner = if self.accept(&Token::Open) {
            let inner = self.any()?;
            self.expect(&Token::Close)?;
            inner
        } else {
            self.test()?
        };
        Ok(if negations % 2 == 0 { inner } else { Expression::Not(Box::new(inner)) })
    }

    fn test(&mut self) -> ApiResult<Expression> {
        if let (Some(Token::Word(name)), Some((_, Token::Open))) = (self.peek(), self.tokens.get(self.at + 1)) {
            let name = name.clone();
            self.at += 2;
            return match name.rsplit_once('/') {
                Some((path, "any")) => self.lambda(path, false),
                Some((path, "all")) => self.lambda(path, true),
                _ => Ok(Expression::Call(name, self.arguments()?)),
            };
        }
        let left = self.operand()?;
        let comparison = match self.next() {
            Some(Token::Word(word)) => match word.as_str() {
                "eq" => Comparison::Equal,
                "ne" => Comparison::NotEqual,
                "gt" => Comparison::Greater,
                "ge" => Comparison::GreaterOrEqual,
                "lt" => Comparison::Less,
                "le" => Comparison::LessOrEqual,
                _ => {
                    self.at -= 1;
                    return Err(self.here());
                }
            },
            _ => {
                self.at -= 1;
                return Err(self.here());
            }
        };
        Ok(Expression::Compare(left, comparison, self.operand()?))
    }

    /// A lambda from its variable to its closing parenthesis.
    fn lambda(&mut self, path: &str, all: bool) -> ApiResult<Expression> {
        let path = path.to_owned();
        if !all && self.accept(&Token::Close) {
            return Ok(Expression::Lambda(Lambda { path, all, test: None }));
        }
        let here = self.here();
        // The colon belongs to no name, but times have some: tokens don't end at it.
        let Some((_, Token::Word(word))) = self.tokens.get_mut(self.at) else { return Err(here) };
        let (variable, rest) = word.split_once(':').map(|(v, rest)| (v.to_owned(), rest.to_owned())).ok_or(here)?;
        if rest.is_empty() {
            self.at += 1;
        } else {
            *word = rest;
        }
        let test = self.any()?;
        self.expect(&Token::Close)?;
        Ok(Expression::Lambda(Lambda { path, all, test: Some((variable, Box::new(test))) }))
    }

    /// Arguments up to and including the closing parenthesis.
    fn arguments(&mut self) -> ApiResult<Vec<Argument>> {
        let mut arguments = Vec::new();
        if self.accept(&Token::Close) {
            return Ok(arguments);
        }
        loop {
            let mut name = None;
            if let (Some(Token::Word(word)), Some((_, Token::Equals))) = (self.peek(), self.tokens.get(self.at + 1)) {
                name = Some(word.clone());
                self.at += 2;
            }
            arguments.push(Argument { name, value: self.operand()? });
            if self.accept(&Token::Close) {
                return Ok(arguments);
            }
            self.expect(&Token::Comma)?;
        }
    }

    fn operand(&mut self) -> ApiResult<Operand> {
        match self.next() {
            Some(Token::Text(text)) => Ok(Operand::Text(text)),
            Some(Token::Word(word)) => {
                if self.peek() == Some(&Token::Open) {
                    return Err(ApiError::query(format!("The function '{word}' is not supported as a value.")));
                }
                if matches!(word.as_str(), "true" | "false" | "null") {
                    return Ok(Operand::Bare(word));
                }
                let mut characters = word.chars();
                match characters.next() {
                    Some('@') => Ok(Operand::Alias(word)),
                    Some(c) if c.is_ascii_digit() || c == '-' || c == '+' => Ok(Operand::Bare(word)),
                    _ if word.len() == 36 && uuid::Uuid::try_parse(&word).is_ok() => Ok(Operand::Bare(word)),
                    _ => Ok(Operand::Property(word)),
                }
            }
            Some(Token::OpenList) => {
                let mut items = Vec::new();
                if self.accept(&Token::CloseList) {
                    return Ok(Operand::List(items));
                }
                loop {
                    if self.peek() == Some(&Token::OpenList) {
                        return Err(self.here());
                    }
                    items.push(self.operand()?);
                    if self.accept(&Token::CloseList) {
                        return Ok(Operand::List(items));
                    }
                    self.expect(&Token::Comma)?;
                }
            }
            _ => {
                self.at -= 1;
                Err(self.here())
            }
        }
    }
}

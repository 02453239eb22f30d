//! From the text of a `SELECT` to a syntax tree that knows nothing of tables yet.

use super::lex::{Token, tokens};
use crate::errors::{ApiError, ApiResult};

/// Conditions nested deeper than this are refused, before the stack is.
const MAX_DEPTH: usize = 40;

/// A whole statement.
#[derive(Debug, Default)]
pub(super) struct Select {
    pub(super) distinct: bool,
    pub(super) top: Option<usize>,
    pub(super) outputs: Vec<Output>,
    /// The tables in their order, the one after `FROM` first.
    pub(super) tables: Vec<Joined>,
    pub(super) filter: Option<Test>,
    pub(super) groups: Vec<Name>,
    pub(super) order: Vec<(Name, bool)>,
    pub(super) offset: usize,
    /// Rows to return, of those after the offset.
    pub(super) fetch: Option<usize>,
}

/// A column, with the alias of its table where that is said. Both are in lower case; `written` is the column as it was
/// written.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Name {
    pub(super) table: Option<String>,
    pub(super) column: String,
    pub(super) written: String,
}

/// A table, and how it is joined to those before it.
#[derive(Debug)]
pub(super) struct Joined {
    pub(super) table: String,
    pub(super) alias: String,
    pub(super) outer: bool,
    /// The columns that have to be equal; the first table has none.
    pub(super) on: Option<(Name, Name)>,
}

/// A column of the answer.
#[derive(Debug)]
pub(super) struct Output {
    pub(super) what: Shown,
    pub(super) alias: Option<String>,
}

#[derive(Debug)]
pub(super) enum Shown {
    Column(Name),
    /// `COUNT(*)`
    Rows,
    /// An aggregate by its name in lower case, and whether each value counts once.
    Aggregate(String, Name, bool),
}

/// A condition.
#[derive(Debug)]
pub(super) enum Test {
    All(Vec<Test>),
    Any(Vec<Test>),
    Compare(Name, &'static str, Side),
    /// `LIKE`
    Like(Name, String, bool),
    In(Name, Vec<String>, bool),
    Between(Name, [String; 2], bool),
    Null(Name, bool),
}

/// What a column is compared with.
#[derive(Debug)]
pub(super) enum Side {
    Value(String),
    Column(Name),
}

/// A statement that is not understood.
pub(super) fn invalid(message: &str) -> ApiError {
    ApiError::invalid_argument(format!("Invalid SQL: {message}"))
}

/// Parses a statement.
pub(super) fn select(source: &str) -> ApiResult<Select> {
    let mut parser = Parser { tokens: tokens(source)?, at: 0, depth: 0 };
    let select = parser.select()?;
    match parser.tokens.get(parser.at) {
        None => Ok(select),
        Some(_) => Err(parser.near()),
    }
}

const KEYWORDS: [&str; 26] = [
    "select", "from", "where", "group", "order", "by", "join", "inner", "left", "right", "full", "cross", "outer",
    "on", "as", "and", "or", "not", "in", "like", "between", "is", "offset", "union", "having", "top",
];

struct Parser {
    tokens: Vec<Token>,
    at: usize,
    depth: usize,
}

impl Parser {
    fn near(&self) -> ApiError {
        let token = match self.tokens.get(self.at) {
            None => return invalid("The statement ends too early."),
            Some(Token::Word { text, .. } | Token::Text(text) | Token::Number(text)) => text.as_str(),
            Some(Token::Sign(sign)) => sign,
        };
        invalid(&format!("Incorrect syntax near '{token}'."))
    }

    fn is_word(&self, ahead: usize, word: &str) -> bool {
        let token = self.tokens.get(self.at + ahead);
        matches!(token, Some(Token::Word { text, quoted: false }) if text.eq_ignore_ascii_case(word))
    }

    /// Passes a keyword, if it comes next.
    fn word(&mut self, word: &str) -> bool {
        let found = self.is_word(0, word);
        self.at += usize::from(found);
        found
    }

    fn sign(&mut self, sign: &str) -> bool {
        let found = matches!(self.tokens.get(self.at), Some(Token::Sign(found)) if *found == sign);
        self.at += usize::from(found);
        found
    }

    fn expect_word(&mut self, word: &str) -> ApiResult<()> {
        if self.word(word) { Ok(()) } else { Err(self.near()) }
    }

    fn expect(&mut self, sign: &str) -> ApiResult<()> {
        if self.sign(sign) { Ok(()) } else { Err(self.near()) }
    }

    /// A name of something, which is no keyword.
    fn identifier(&mut self) -> ApiResult<String> {
        match self.tokens.get(self.at) {
            Some(Token::Word { text, quoted })
                if *quoted || !KEYWORDS.iter().any(|word| word.eq_ignore_ascii_case(text)) =>
            {
                self.at += 1;
                Ok(text.clone())
            }
            _ => Err(self.near()),
        }
    }

    fn number(&mut self) -> ApiResult<usize> {
        match self.tokens.get(self.at) {
            Some(Token::Number(text)) if let Ok(number) = text.parse() => {
                self.at += 1;
                Ok(number)
            }
            _ => Err(self.near()),
        }
    }

    fn name(&mut self) -> ApiResult<Name> {
        let first = self.identifier()?;
        let (table, written) =
            if self.sign(".") { (Some(first.to_lowercase()), self.identifier()?) } else { (None, first) };
        Ok(Name { table, column: written.to_lowercase(), written })
    }

    fn select(&mut self) -> ApiResult<Select> {
        let mut select = Select::default();
        self.expect_word("select")?;
        select.distinct = self.word("distinct");
        if self.word("top") {
            let parenthesis = self.sign("(");
            select.top = Some(self.number()?);
            if parenthesis {
                self.expect(")")?;
            }
        }
        select.distinct |= self.word("distinct");
        loop {
            select.outputs.push(self.output()?);
            if !self.sign(",") {
                break;
            }
        }
        self.expect_word("from")?;
        let (table, alias) = self.table()?;
        select.tables.push(Joined { table, alias, outer: false, on: None });
        while let Some(joined) = self.join()? {
            select.tables.push(joined);
        }
        if self.word("where") {
            select.filter = Some(self.any()?);
        }
        if self.word("group") {
            self.expect_word("by")?;
            select.groups = self.names()?;
        }
        if self.word("order") {
            self.expect_word("by")?;
            loop {
                let name = self.name()?;
                let descending = self.word("desc");
                if !descending {
                    self.word("asc");
                }
                select.order.push((name, descending));
                if !self.sign(",") {
                    break;
                }
            }
        }
        if self.word("offset") {
            select.offset = self.number()?;
            self.rows()?;
            if self.word("fetch") {
                if !self.word("next") {
                    self.expect_word("first")?;
                }
                select.fetch = Some(self.number()?);
                self.rows()?;
                self.expect_word("only")?;
            }
        }
        Ok(select)
    }

    fn rows(&mut self) -> ApiResult<()> {
        if self.word("rows") { Ok(()) } else { self.expect_word("row") }
    }

    fn names(&mut self) -> ApiResult<Vec<Name>> {
        let mut names = vec![self.name()?];
        while self.sign(",") {
            names.push(self.name()?);
        }
        Ok(names)
    }

    fn output(&mut self) -> ApiResult<Output> {
        if self.sign("*") {
            return Err(invalid("SELECT * is not supported. Specify column names."));
        }
        let function = ["count", "sum", "avg", "min", "max"].into_iter().find(|name| self.is_word(0, name));
        let what = match function {
            Some(function) if self.tokens.get(self.at + 1) == Some(&Token::Sign("(")) => {
                self.at += 2;
                let shown = if function == "count" && self.sign("*") {
                    Shown::Rows
                } else {
                    let distinct = self.word("distinct");
                    Shown::Aggregate(function.to_owned(), self.name()?, distinct)
                };
                self.expect(")")?;
                shown
            }
            _ => Shown::Column(self.name()?),
        };
        let named =
            self.word("as") || matches!(self.tokens.get(self.at), Some(Token::Word { .. })) && !self.is_word(0, "from");
        let alias = if named { Some(self.identifier()?) } else { None };
        Ok(Output { what, alias })
    }

    fn table(&mut self) -> ApiResult<(String, String)> {
        let mut table = self.identifier()?.to_lowercase();
        // A schema, as in `dbo.account`, says nothing.
        if self.sign(".") {
            table = self.identifier()?.to_lowercase();
        }
        let named = self.word("as");
        let alias = match self.identifier() {
            Ok(alias) => alias.to_lowercase(),
            Err(error) if named => return Err(error),
            Err(_) => table.clone(),
        };
        Ok((table, alias))
    }

    fn join(&mut self) -> ApiResult<Option<Joined>> {
        if ["right", "full", "cross"].iter().any(|kind| self.is_word(0, kind)) {
            return Err(self.near());
        }
        let outer = self.word("left");
        if outer {
            self.word("outer");
        } else {
            self.word("inner");
        }
        if !self.word("join") {
            return if outer { Err(self.near()) } else { Ok(None) };
        }
        let (table, alias) = self.table()?;
        self.expect_word("on")?;
        let left = self.name()?;
        self.expect("=")?;
        let right = self.name()?;
        Ok(Some(Joined { table, alias, outer, on: Some((left, right)) }))
    }

    fn any(&mut self) -> ApiResult<Test> {
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            return Err(invalid("The condition is nested too deeply."));
        }
        let mut terms = vec![self.all()?];
        while self.word("or") {
            terms.push(self.all()?);
        }
        self.depth -= 1;
        Ok(if terms.len() == 1 { terms.remove(0) } else { Test::Any(terms) })
    }

    fn all(&mut self) -> ApiResult<Test> {
        let mut terms = vec![self.term()?];
        while self.word("and") {
            terms.push(self.term()?);
        }
        Ok(if terms.len() == 1 { terms.remove(0) } else { Test::All(terms) })
    }

    fn term(&mut self) -> ApiResult<Test> {
        if self.sign("(") {
            let inner = self.any()?;
            self.expect(")")?;
            return Ok(inner);
        }
        let name = self.name()?;
        if self.word("is") {
            let negated = self.word("not");
            self.expect_word("null")?;
            return Ok(Test::Null(name, negated));
        }
        let negated = self.word("not");
        if self.word("like") {
            let Some(Token::Text(pattern)) = self.tokens.get(self.at).cloned() else { return Err(self.near()) };
            self.at += 1;
            return Ok(Test::Like(name, pattern, negated));
        }
        if self.word("in") {
            self.expect("(")?;
            let mut values = vec![self.value()?];
            while self.sign(",") {
                values.push(self.value()?);
            }
            self.expect(")")?;
            return Ok(Test::In(name, values, negated));
        }
        if self.word("between") {
            let low = self.value()?;
            self.expect_word("and")?;
            return Ok(Test::Between(name, [low, self.value()?], negated));
        }
        let operators = [("<=", "le"), (">=", "ge"), ("<>", "ne"), ("!=", "ne"), ("=", "eq"), ("<", "lt"), (">", "gt")];
        let operator = operators.into_iter().find(|(sign, _)| !negated && self.sign(sign));
        let Some((_, operator)) = operator else { return Err(self.near()) };
        let side = match self.tokens.get(self.at) {
            Some(Token::Word { .. }) => Side::Column(self.name()?),
            _ => Side::Value(self.value()?),
        };
        Ok(Test::Compare(name, operator, side))
    }

    fn value(&mut self) -> ApiResult<String> {
        let sign = if self.sign("-") { "-" } else { "" };
        match self.tokens.get(self.at).cloned() {
            Some(Token::Number(text)) => {
                self.at += 1;
                Ok(format!("{sign}{text}"))
            }
            Some(Token::Text(text)) if sign.is_empty() => {
                self.at += 1;
                Ok(text)
            }
            _ => Err(self.near()),
        }
    }
}

//! `?sql=`: the part of T-SQL that the Web API understands. A statement becomes FetchXML, so that it can do what that can.

mod lex;
mod parse;
mod translate;

pub(crate) use translate::bind_sql;

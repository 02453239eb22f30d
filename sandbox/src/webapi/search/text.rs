//! What is looked for, and where it stands in a text: the simple syntax of Dataverse search.

use crate::value::fold;

/// Marks around what was found.
const MARKS: (&str, &str) = ("{crmhit}", "{/crmhit}");

/// Words to look for.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Term {
    /// In lower case; several are a phrase.
    pub(super) words: Vec<String>,
    /// Whether the last word may go on.
    prefix: bool,
    must: bool,
    must_not: bool,
}

/// A search text: `+` asks for a term, `-` forbids it, `*` lets a word go on, quotes hold a phrase together.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Terms(pub(super) Vec<Term>);

impl Terms {
    /// Reads a search text; `all` asks for every term.
    pub(super) fn parse(text: &str, all: bool) -> Self {
        let mut terms = Vec::new();
        let mut rest = text.trim_start_matches(is_between);
        while !rest.is_empty() {
            let (mut must, mut must_not) = (all, false);
            while let Some(sign) = rest.chars().next().filter(|c| "+-".contains(*c)) {
                (must, must_not) = (sign == '+' || must, sign == '-' || must_not);
                rest = &rest[1..];
            }
            let (piece, after) = match rest.strip_prefix('"') {
                Some(phrase) => phrase.split_once('"').unwrap_or((phrase, "")),
                None => rest.split_at(rest.find(|c: char| is_between(c) || c == '+').unwrap_or(rest.len())),
            };
            let words: Vec<String> = words(piece).map(|(_, word)| fold(word)).collect();
            if !words.is_empty() {
                terms.push(Term { words, prefix: piece.ends_with('*'), must: must && !must_not, must_not });
            }
            // A sign that stands alone means nothing.
            let after = if after.len() == rest.len() { after.get(1..).unwrap_or_default() } else { after };
            rest = after.trim_start_matches(is_between);
        }
        Self(terms)
    }

    /// The same terms, the last word of which may go on.
    pub(super) fn unfinished(mut self) -> Self {
        if let Some(last) = self.0.last_mut() {
            last.prefix = true;
        }
        self
    }

    /// How well texts fit; 0 if they don't.
    pub(super) fn score(&self, texts: &[&str]) -> f64 {
        let mut score = 0.0;
        for term in &self.0 {
            let hits: usize = texts.iter().map(|text| term.hits(text).len()).sum();
            if (term.must && hits == 0) || (term.must_not && hits > 0) {
                return 0.0;
            }
            #[expect(clippy::cast_precision_loss, reason = "few")]
            if hits > 0 && !term.must_not {
                score += 1.0 + (hits as f64).ln_1p() / 10.0;
            }
        }
        score
    }

    /// The text with marks around what was found, if anything was.
    pub(super) fn highlighted(&self, text: &str) -> Option<String> {
        let mut hits: Vec<(usize, usize)> =
            self.0.iter().filter(|term| !term.must_not).flat_map(|term| term.hits(text)).collect();
        hits.sort_unstable();
        let mut marked = String::new();
        let mut at = 0;
        for (start, end) in hits {
            if start >= at {
                marked.push_str(&text[at..start]);
                marked.push_str(MARKS.0);
                marked.push_str(&text[start..end]);
                marked.push_str(MARKS.1);
                at = end;
            }
        }
        (at > 0).then(|| marked + &text[at..])
    }

    /// The word of a text that the last word of the search goes on to.
    pub(super) fn completed(&self, text: &str) -> Option<String> {
        let last = self.0.last()?.words.last()?;
        words(text).map(|(_, word)| fold(word)).find(|word| word.starts_with(last.as_str()))
    }
}

impl Term {
    /// Where the term stands, from byte to byte.
    fn hits(&self, text: &str) -> Vec<(usize, usize)> {
        let all: Vec<(usize, &str)> = words(text).collect();
        let last = self.words.len() - 1;
        let fits = |window: &[(usize, &str)]| {
            window.iter().zip(&self.words).enumerate().all(|(at, ((_, found), wanted))| {
                let found = fold(found);
                if self.prefix && at == last { found.starts_with(wanted.as_str()) } else { found == *wanted }
            })
        };
        let hits = all.windows(self.words.len()).filter(|window| fits(window));
        hits.map(|window| (window[0].0, window[last].0 + window[last].1.len())).collect()
    }
}

fn is_between(c: char) -> bool {
    c.is_whitespace() || c == '|'
}

/// The words of a text, each with the byte it begins at.
fn words(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let start = text.as_ptr() as usize;
    text.split(|c: char| !c.is_alphanumeric())
        .filter(|word| !word.is_empty())
        .map(move |word| (word.as_ptr() as usize - start, word))
}

#[cfg(test)]
mod tests {
    use super::Terms;

    #[test]
    fn terms_are_found_as_words() {
        for (search, text, found) in [
            ("contoso", "Contoso Ltd", Some("{crmhit}Contoso{/crmhit} Ltd")),
            ("cont", "Contoso Ltd", None),
            ("cont*", "Contoso Ltd", Some("{crmhit}Contoso{/crmhit} Ltd")),
            ("ltd fabrikam", "Contoso Ltd", Some("Contoso {crmhit}Ltd{/crmhit}")),
            ("\"contoso ltd\"", "Contoso, Ltd.", Some("{crmhit}Contoso, Ltd{/crmhit}.")),
            ("ärger", "Viel ÄRGER", Some("Viel {crmhit}ÄRGER{/crmhit}")),
        ] {
            assert_eq!(Terms::parse(search, false).highlighted(text).as_deref(), found, "{search} in {text}");
        }
    }

    #[test]
    fn signs_ask_for_terms_and_forbid_them() {
        for (search, all, fits) in [
            ("contoso ltd", false, true),
            ("contoso fabrikam", false, true),
            ("contoso fabrikam", true, false),
            ("contoso+fabrikam", false, false),
            ("contoso -ltd", false, false),
            ("contoso | nobody", false, true),
            ("+ -", false, false),
            ("", false, false),
        ] {
            assert_eq!(Terms::parse(search, all).score(&["Contoso Ltd"]) > 0.0, fits, "{search}");
        }
    }
}

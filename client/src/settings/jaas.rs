//! `sasl.jaas.config` as far as user and password go.
//!
//! Form: `<login module class> <flag> <name>="<value>" … ;` — values may stand without quotes,
//! and a backslash in quotes keeps the next character.

/// The login module and its options.
#[derive(PartialEq, Eq)]
pub(super) struct Login {
    /// Class name of the login module.
    pub(super) module: String,
    /// Options in their order.
    options: Vec<(String, String)>,
}

impl Login {
    /// Reads the text of the setting; none when it has not that form.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let body = text.trim().strip_suffix(';')?;
        let mut words = Words { rest: body };
        let module = words.next()?;
        let flag = words.next()?;
        if !["required", "requisite", "sufficient", "optional"]
            .contains(&flag.to_lowercase().as_str())
        {
            return None;
        }
        let mut options = Vec::new();
        while let Some(word) = words.next() {
            let (name, value) = word.split_once('=')?;
            options.push((name.to_owned(), value.to_owned()));
        }
        words.rest.trim().is_empty().then_some(Self { module, options })
    }

    /// The value of an option.
    pub(super) fn option(&self, name: &str) -> Option<&str> {
        self.options.iter().find(|(n, _)| n == name).map(|(_, value)| value.as_str())
    }
}

/// Splits at blanks outside of quotes, and takes the quotes off.
struct Words<'a> {
    rest: &'a str,
}

impl Words<'_> {
    /// The next word; none at the end or when a quote stays open.
    fn next(&mut self) -> Option<String> {
        let text = self.rest.trim_start();
        if text.is_empty() {
            self.rest = "";
            return None;
        }
        let mut word = String::new();
        let mut quote = None;
        let mut chars = text.char_indices();
        while let Some((at, c)) = chars.next() {
            match quote {
                Some(open) if c == open => quote = None,
                Some(_) if c == '\\' => word.push(chars.next()?.1),
                Some(_) => word.push(c),
                None if c == '"' || c == '\'' => quote = Some(c),
                None if c.is_whitespace() => {
                    self.rest = &text[at..];
                    return Some(word);
                }
                None => word.push(c),
            }
        }
        if quote.is_some() {
            return None;
        }
        self.rest = "";
        Some(word)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expected: Option<(&str, &str, &str)>) {
        let login = Login::parse(text);
        let found = login.as_ref().map(|login| {
            (
                login.module.as_str(),
                login.option("username").unwrap_or(""),
                login.option("password").unwrap_or(""),
            )
        });
        assert_eq!(found, expected);
    }

    #[test]
    fn user_and_password_are_found() {
        check(
            r#"a.b.PlainLoginModule required username="al ice" password="s\"e;cret=1";"#,
            Some(("a.b.PlainLoginModule", "al ice", "s\"e;cret=1")),
        );
        check(
            "ScramLoginModule REQUIRED\n  username=alice password='x y' ;",
            Some(("ScramLoginModule", "alice", "x y")),
        );
    }

    #[test]
    fn another_form_is_refused() {
        check(r#"Module required username="a""#, None);
        check(r#"Module username="a";"#, None);
        check(r#"Module required username="a;"#, None);
        check(r"Module required username;", None);
        check(";", None);
    }
}

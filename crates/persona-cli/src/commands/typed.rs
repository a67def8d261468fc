//! Searches as a user types them: the last word may be incomplete.

/// Adds a star to the last word, so that `wiz` finds `wizard`. The API itself does not do this.
///
/// A word is finished where a blank, a quotation mark or a sign follows it. A single letter gets no
/// star, because with a star it would be searched in names and tags only. A word that must be
/// absent gets none, because a star would exclude more.
pub fn going_on(text: &str) -> String {
    let quotes = text.matches('"').count();
    let term =
        if quotes % 2 == 1 { text.rfind('"').map_or(text, |quote| &text[..=quote]) } else { text };
    let term = term.rsplit(char::is_whitespace).next().unwrap_or_default();
    let letters = text.chars().rev().take_while(|char| char.is_alphanumeric()).count();
    if letters >= 2 && !term.starts_with('-') { format!("{text}*") } else { text.to_owned() }
}

#[cfg(test)]
mod tests {
    use persona_model::Search;

    use super::going_on;

    #[test]
    fn the_last_word_goes_on_unless_it_is_finished_short_or_unwanted() {
        for (typed, sent) in [
            ("wiz", "wiz*"),
            ("linux term", "linux term*"),
            (".NE", ".NE*"),
            ("\"linux term", "\"linux term*"),
            ("-excel wiz", "-excel wiz*"),
            ("Straß", "Straß*"),
            ("wiz ", "wiz "),
            ("wiz*", "wiz*"),
            ("\"linux terminal\"", "\"linux terminal\""),
            ("C", "C"),
            ("R lang c", "R lang c"),
            ("C++", "C++"),
            ("c#", "c#"),
            ("wiz -exc", "wiz -exc"),
            ("wiz -\"job int", "wiz -\"job int"),
            ("", ""),
        ] {
            assert_eq!(going_on(typed), sent, "{typed}");
        }
        let words = |text: &str| Search::parse(&going_on(text)).expect("a search").wanted;
        assert_eq!(
            words("\"linux term"),
            Search::parse("\"linux term\"*").expect("a search").wanted
        );
        assert_eq!(words("日本"), Search::parse("日本").expect("a search").wanted);
    }
}

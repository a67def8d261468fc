//! Folds text: removes letter case, accents and width.
//!
//! Case is folded fully (Unicode chapter 3.13, the statuses C and F of CaseFolding.txt): `ß` is
//! `ss`, every sigma the same, ligatures are their letters. As in Unicode's default, the dotless
//! `ı` is not folded to `i`. `İ` is folded to `i`, because its dot is an accent.

use std::iter::once;
use std::ops::Range;

use unicode_normalization::char::{canonical_combining_class, is_combining_mark};
use unicode_normalization::{IsNormalized, UnicodeNormalization, is_nfc_quick};

/// Calls `each` with every folded character of a text and the range of bytes that it comes from.
pub(super) fn folded(text: &str, mut each: impl FnMut(char, Range<usize>)) {
    if is_nfc_quick(text.chars()) == IsNormalized::Yes {
        for (start, char) in text.char_indices() {
            fold(char, |folded| each(folded, start..start + char.len_utf8()));
        }
        return;
    }
    let mut start = 0;
    while start < text.len() {
        let mut ends = text[start..].char_indices().skip(1).filter(|(_, char)| starts_anew(*char));
        let end = ends.next().map_or(text.len(), |(length, _)| start + length);
        for char in text[start..end].nfc() {
            fold(char, |folded| each(folded, start..end));
        }
        start = end;
    }
}

/// A tag in folded case, by which tags are compared. Accents count.
pub fn folded_tag(tag: &str) -> String {
    if tag.is_ascii() {
        tag.to_ascii_lowercase()
    } else {
        tag.nfd().flat_map(without_case).nfc().collect()
    }
}

/// Characters that are a word each: of scripts without spaces, and symbols.
pub(super) fn stands_alone(char: char) -> bool {
    matches!(u32::from(char),
        0x2190..=0x245f | 0x2500..=0x2bff // arrows, mathematics, dingbats and other symbols
        | 0x3041..=0x30ff // Hiragana, Katakana
        | 0x3400..=0x4dbf | 0x4e00..=0x9fff | 0xf900..=0xfaff // Han
        | 0xac00..=0xd7a3 // Hangul syllables
        | 0x1f000..=0x1faff // emoji
        | 0x20000..=0x3ffff // rarer Han
    )
}

/// Whether a character never combines with the characters before it (UAX #15, "NFC boundary").
fn starts_anew(char: char) -> bool {
    canonical_combining_class(char) == 0 && is_nfc_quick(once(char)) == IsNormalized::Yes
}

fn fold(char: char, mut each: impl FnMut(char)) {
    if char.is_ascii() || stands_alone(char) {
        return each(char.to_ascii_lowercase());
    }
    // The decomposition (NFKD) makes accents separate marks, which are left out, and wide and
    // joined letters plain. Case is folded before and after: a joined letter may have a case (`Ⅷ`),
    // and a mark may be a letter in upper case (the iota below `ᾳ`).
    let plain = without_case(char).nfkd().filter(|part| !is_combining_mark(*part)).nfc();
    plain.flat_map(without_case).filter(|part| !is_combining_mark(*part)).for_each(each);
}

/// The full case folding. For every character this is the lower case of its upper case, except for
/// the dotless `ı`, which shares its upper case with `i`. The lower case is taken first, because
/// `ẞ` is its own upper case.
fn without_case(char: char) -> impl Iterator<Item = char> {
    let is_kept = char.is_ascii_lowercase() || char == 'ı';
    let other = (!is_kept).then_some(char).into_iter();
    let other = other
        .flat_map(char::to_lowercase)
        .flat_map(char::to_uppercase)
        .flat_map(char::to_lowercase);
    is_kept.then_some(char).into_iter().chain(other)
}

#[cfg(test)]
mod tests {
    use unicode_normalization::UnicodeNormalization;

    use super::{folded, folded_tag};

    fn fold(text: &str) -> String {
        let mut all = String::new();
        folded(text, |char, _| all.push(char));
        all
    }

    #[test]
    fn full_case_foldings_ligatures_and_forms_of_a_letter_are_one() {
        for (text, wanted) in [
            ("Straße STRASSE STRAẞE", "strasse strasse strasse"),
            ("ΣΊΣΥΦΟΣ Σίσυφος σίσυφοσ", "σισυφοσ σισυφοσ σισυφοσ"),
            ("ﬁne ﬃ ﬆ ŉ ǰ", "fine ffi st ʼn j"),
            ("İstanbul I ı", "istanbul i ı"),
            ("ᾳ ΑΙ ᾼ", "αι αι αι"),
            ("և ԵՒ Ⅷ ™ Ⓒ ＋ Ａ", "եւ եւ viii tm c + a"),
            ("e\u{301}É ångström ſ K", "ee angstrom s k"),
        ] {
            assert_eq!(fold(text), wanted, "{text}");
        }
    }

    #[test]
    fn every_character_is_the_same_in_either_case_composed_and_decomposed_and_folded_twice() {
        for char in (0..=u32::from(char::MAX)).filter_map(char::from_u32) {
            let once = fold(&char.to_string());
            assert_eq!(fold(&once), once, "{char} again");
            let either = |text: String| assert_eq!(fold(&text), once, "{char:?}, as {text:?}");
            either(char.to_lowercase().collect());
            if char != 'ı' {
                either(char.to_uppercase().collect());
            }
            either(char.nfd().collect());
        }
    }

    #[test]
    fn each_folded_character_knows_where_it_comes_from() {
        let mut places = Vec::new();
        folded("aße\u{301}\u{323}x한\u{1112}\u{1161}", |char, span| places.push((char, span)));
        let wanted = [
            ('a', 0..1),
            ('s', 1..3),
            ('s', 1..3),
            ('e', 3..8),
            ('x', 8..9),
            ('한', 9..12),
            ('하', 12..18),
        ];
        assert_eq!(places, wanted);
    }

    #[test]
    fn tags_lose_their_case_and_keep_their_accents() {
        for (tag, wanted) in [
            ("Foo Bar", "foo bar"),
            ("STRASSE", "strasse"),
            ("Straße", "strasse"),
            ("Ähre", "ähre"),
            ("A\u{308}", "ä"),
        ] {
            assert_eq!(folded_tag(tag), wanted);
        }
        assert_ne!(folded_tag("Ähre"), folded_tag("Ahre"));
    }
}

-- Version 4: the words of name and tags, and those of the longer texts, in a table and an index of their own each.
-- A change of a nickname writes the small row only, and leaves the words of all texts alone (ADR 0050). Tags and words are
-- made anew from the documents by the program, which then drops persona_search: last, because readers wait for that.
-- From this version on a transaction has 1,024 places in the feed and not one (postgres/feed.rs). Each new place is beyond
-- all old ones, so feed_offset stays; programs that count as before know only earlier versions, and write no more.

DELETE FROM persona_store.persona_tags;

-- The folded words of a persona (persona-model, search), with a blank before and after each.
CREATE TABLE persona_store.persona_titles (
    persona UUID NOT NULL,
    name TEXT COLLATE "C" NOT NULL,
    tags TEXT COLLATE "C" NOT NULL,
    -- The beginnings of all words, to find candidates; null where they are too many for an index.
    words TSVECTOR,
    CONSTRAINT persona_titles_key PRIMARY KEY (persona)
);

CREATE INDEX persona_titles_by_word ON persona_store.persona_titles USING gin (words);
CREATE INDEX persona_titles_without_words ON persona_store.persona_titles (persona) WHERE words IS NULL;

CREATE TABLE persona_store.persona_texts (
    persona UUID NOT NULL,
    text TEXT COLLATE "C" NOT NULL,
    -- As in persona_titles.
    words TSVECTOR,
    CONSTRAINT persona_texts_key PRIMARY KEY (persona)
);

CREATE INDEX persona_texts_by_word ON persona_store.persona_texts USING gin (words);
CREATE INDEX persona_texts_without_words ON persona_store.persona_texts (persona) WHERE words IS NULL;

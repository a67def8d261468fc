-- Version 7: two full-text indexes without a common word. The large one has the words of the longer texts, the small one
-- those of name and tags, and each is written only when one of its own words changes (ADR 0044). The program fills both.

DROP TABLE persona_search;
DROP TABLE persona_titles;

CREATE VIRTUAL TABLE persona_texts USING fts5 (
    text,
    content = '',
    contentless_delete = 1,
    tokenize = 'ascii',
    prefix = '2 3'
);

-- Rows are taken out with their exact words, so nothing has to be kept for each row.
CREATE VIRTUAL TABLE persona_titles USING fts5 (
    name,
    tags,
    content = '',
    columnsize = 0,
    tokenize = 'ascii',
    prefix = '2 3'
);

-- Segments are merged by the maintenance process in small steps, never inside the transaction of a writer.
INSERT INTO persona_texts (persona_texts, rank) VALUES ('automerge', 0);
INSERT INTO persona_texts (persona_texts, rank) VALUES ('crisismerge', 1000);
INSERT INTO persona_titles (persona_titles, rank) VALUES ('automerge', 0);
INSERT INTO persona_titles (persona_titles, rank) VALUES ('crisismerge', 1000);

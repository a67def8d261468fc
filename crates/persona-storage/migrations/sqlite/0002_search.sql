-- Version 2: full-text search.
-- The words come folded and separated by blanks (persona-model, search.rs), so the simplest tokenizer keeps them as they
-- are. The index holds no texts, because the documents do. The rows of existing personas are filled in by the program.

CREATE VIRTUAL TABLE persona_search USING fts5 (
    name,
    tags,
    text,
    content = '',
    contentless_delete = 1,
    tokenize = 'ascii',
    prefix = '2 3'
);

-- Segments are merged by the maintenance process in small steps, never inside somebody's write.
INSERT INTO persona_search (persona_search, rank) VALUES ('automerge', 0);
INSERT INTO persona_search (persona_search, rank) VALUES ('crisismerge', 1000);

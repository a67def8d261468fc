-- Version 4: a small index of names and tags beside the large one, so that the order by relevance (found in the name, in
-- the tags, elsewhere) reads the large one once. The rows of existing personas are filled in by the program.

CREATE VIRTUAL TABLE persona_titles USING fts5 (
    name,
    tags,
    content = '',
    contentless_delete = 1,
    tokenize = 'ascii',
    prefix = '2 3'
);

-- Merged by the maintenance process, as the large one.
INSERT INTO persona_titles (persona_titles, rank) VALUES ('automerge', 0);
INSERT INTO persona_titles (persona_titles, rank) VALUES ('crisismerge', 1000);

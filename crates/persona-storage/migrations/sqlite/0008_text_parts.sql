-- Version 8: the words of a large text are several rows of the index of texts, its parts, each written in a short
-- transaction of its own before the document is (ADR 0046). This table says whose each part is. Parts have row numbers in
-- the index that no persona has: 2^40 and more.

CREATE TABLE text_parts (
    -- Never used again, so that what was written before the document can be told from what came later.
    part INTEGER PRIMARY KEY AUTOINCREMENT,
    -- Null until the document is written: no search finds such a part.
    persona INTEGER REFERENCES personas (row_id) ON DELETE CASCADE
) STRICT;

CREATE INDEX text_parts_by_persona ON text_parts (persona);

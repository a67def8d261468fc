-- Version 3: words and tags by new rules. Signs belong to words (C++), letters are folded fully (ß is ss), and tags are kept
-- without their case (persona-model/src/search). Everything that personas are found by is made anew; the program fills it.
-- Words are written over, so that readers go on with the old ones until this is committed.

DELETE FROM persona_store.persona_tags;

-- Says that it was done, also while the number of the version says that the database is being filled.
INSERT INTO persona_store.meta (key, value) VALUES ('words', '3');

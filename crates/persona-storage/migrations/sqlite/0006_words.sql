-- Version 6: words and tags by new rules. Signs belong to words (C++), letters are folded fully (ß is ss), and tags are kept
-- without their case (persona-model/src/search). Everything that personas are found by is made anew; the program fills it.

INSERT INTO persona_search (persona_search) VALUES ('delete-all');
INSERT INTO persona_titles (persona_titles) VALUES ('delete-all');

DELETE FROM persona_tags;

-- Version 15: revisions can be dropped from a history. The row of one stays, without its content: `head` and `document` are
-- empty, and nothing else is. So every other revision is found as before, and a row that is missing is damage. `base` of such a
-- row is null, or the first of several revisions that it stands for. `parent` of every other row is the last revision before it
-- that is kept, or null for the first.

-- When the first autosave was made of those that the current revision stands for; null where it is none. Behind the texts,
-- because only a writer reads it, which reads these too.
ALTER TABLE personas ADD COLUMN autosaved_since INTEGER;

-- Whether a label ever pointed to a revision.
CREATE INDEX label_moves_by_revision ON label_moves (persona, revision) WHERE revision IS NOT NULL;

-- A PostgreSQL database of schema version 2, as pg_dump wrote it: the personas of version-5.sqlite.
CREATE SCHEMA persona_store;
CREATE TABLE persona_store.about (
    only_row boolean DEFAULT true NOT NULL,
    application text NOT NULL COLLATE pg_catalog."C",
    schema_version integer NOT NULL,
    feed_offset bigint NOT NULL,
    CONSTRAINT about_one_row CHECK (only_row)
);
CREATE TABLE persona_store.changes (
    sequence bigint NOT NULL,
    persona uuid NOT NULL,
    revision bigint NOT NULL,
    kind text NOT NULL COLLATE pg_catalog."C",
    at bigint NOT NULL,
    CONSTRAINT changes_kind CHECK ((kind = ANY (ARRAY['created'::text, 'updated'::text, 'deleted'::text, 'restored'::text])))
);
CREATE TABLE persona_store.idempotency (
    key text NOT NULL COLLATE pg_catalog."C",
    fingerprint bytea NOT NULL,
    outcome text NOT NULL COLLATE pg_catalog."C",
    persona uuid NOT NULL,
    revision bigint NOT NULL,
    operation uuid NOT NULL,
    at bigint NOT NULL
);
CREATE TABLE persona_store.meta (
    key text NOT NULL COLLATE pg_catalog."C",
    value text NOT NULL COLLATE pg_catalog."C"
);
CREATE TABLE persona_store.persona_search (
    persona uuid NOT NULL,
    name text NOT NULL COLLATE pg_catalog."C",
    tags text NOT NULL COLLATE pg_catalog."C",
    text text NOT NULL COLLATE pg_catalog."C",
    words tsvector
);
CREATE TABLE persona_store.persona_tags (
    tag text NOT NULL COLLATE pg_catalog."C",
    persona uuid NOT NULL
);
CREATE TABLE persona_store.personas (
    id uuid NOT NULL,
    revision bigint NOT NULL,
    name text NOT NULL COLLATE pg_catalog."C",
    kind text NOT NULL COLLATE pg_catalog."C",
    handle text COLLATE pg_catalog."C",
    is_active boolean NOT NULL,
    created_at bigint NOT NULL,
    updated_at bigint NOT NULL,
    deleted_at bigint,
    created_by text COLLATE pg_catalog."C",
    updated_by text COLLATE pg_catalog."C",
    content_hash bytea NOT NULL,
    head text NOT NULL COLLATE pg_catalog."C",
    document text NOT NULL COLLATE pg_catalog."C",
    CONSTRAINT personas_hash_is_sha256 CHECK ((length(content_hash) = 32)),
    CONSTRAINT personas_revision_from_1 CHECK ((revision >= 1))
);
CREATE TABLE persona_store.revisions (
    persona uuid NOT NULL,
    revision bigint NOT NULL,
    parent bigint,
    base bigint,
    at bigint NOT NULL,
    author text COLLATE pg_catalog."C",
    note text COLLATE pg_catalog."C",
    changed text NOT NULL COLLATE pg_catalog."C",
    deleted boolean NOT NULL,
    head text NOT NULL COLLATE pg_catalog."C",
    document text NOT NULL COLLATE pg_catalog."C",
    operation uuid NOT NULL
);
INSERT INTO persona_store.about VALUES (true, 'persona', 2, 0);
INSERT INTO persona_store.changes VALUES (726, '00000000-0000-0000-0000-000000000001', 1, 'created', 1795908864590972);
INSERT INTO persona_store.changes VALUES (727, '00000000-0000-0000-0000-000000000002', 1, 'created', 1795908864609442);
INSERT INTO persona_store.changes VALUES (728, '00000000-0000-0000-0000-000000000005', 1, 'created', 1795908864613867);
INSERT INTO persona_store.changes VALUES (729, '00000000-0000-0000-0000-000000000004', 1, 'created', 1795908864618383);
INSERT INTO persona_store.changes VALUES (730, '00000000-0000-0000-0000-000000000003', 1, 'created', 1795908864617894);
INSERT INTO persona_store.changes VALUES (731, '00000000-0000-0000-0000-000000000001', 2, 'updated', 1795908864705435);
INSERT INTO persona_store.changes VALUES (732, '00000000-0000-0000-0000-000000000005', 2, 'updated', 1795908864792243);
INSERT INTO persona_store.changes VALUES (733, '00000000-0000-0000-0000-000000000001', 3, 'deleted', 1795908864890566);
INSERT INTO persona_store.changes VALUES (734, '00000000-0000-0000-0000-000000000001', 4, 'restored', 1795908864993626);
INSERT INTO persona_store.changes VALUES (735, '00000000-0000-0000-0000-000000000003', 2, 'deleted', 1795908865108275);
INSERT INTO persona_store.changes VALUES (736, '00000000-0000-0000-0000-000000000003', 3, 'restored', 1795908865189331);
INSERT INTO persona_store.meta VALUES ('epoch', '5fc26142e3824c74ae4df9901c239947');
INSERT INTO persona_store.persona_search VALUES ('00000000-0000-0000-0000-000000000002', ' c tutor ', ' foo  straße ', ' teaches c and templates ', '''and'' ''c'' ''foo'' ''straße'' ''teaches'' ''templates'' ''tutor'' ''''');
INSERT INTO persona_store.persona_search VALUES ('00000000-0000-0000-0000-000000000004', ' net helper ', '  ', ' node js c and f ', '''and'' ''c'' ''f'' ''helper'' ''js'' ''net'' ''node''');
INSERT INTO persona_store.persona_search VALUES ('00000000-0000-0000-0000-000000000003', ' c tutor ', ' foo  foo  ahre ', ' teaches c ', '''ahre'' ''c'' ''foo'' ''teaches'' ''tutor'' ''''');
INSERT INTO persona_store.persona_search VALUES ('00000000-0000-0000-0000-000000000001', ' big ', ' number ', ' changed ', '''big'' ''changed'' ''number''');
INSERT INTO persona_store.persona_search VALUES ('00000000-0000-0000-0000-000000000005', ' wegweiser ', '  ', ' die straße nach norden σισυφοσ  fine  中 文 c ', '''c'' ''die'' ''fine'' ''nach'' ''norden'' ''straße'' ''wegweiser'' ''σισυφοσ'' ''中'' ''文'' ''''');
INSERT INTO persona_store.persona_tags VALUES ('Number', '00000000-0000-0000-0000-000000000001');
INSERT INTO persona_store.persona_tags VALUES ('Foo', '00000000-0000-0000-0000-000000000002');
INSERT INTO persona_store.persona_tags VALUES ('Straße', '00000000-0000-0000-0000-000000000002');
INSERT INTO persona_store.persona_tags VALUES ('FOO', '00000000-0000-0000-0000-000000000003');
INSERT INTO persona_store.persona_tags VALUES ('foo', '00000000-0000-0000-0000-000000000003');
INSERT INTO persona_store.persona_tags VALUES ('ähre', '00000000-0000-0000-0000-000000000003');
INSERT INTO persona_store.personas VALUES ('00000000-0000-0000-0000-000000000002', 1, 'C++ tutor', 'character', NULL, true, 1795908864609442, 1795908864609442, NULL, NULL, NULL, '\x6e3ea012d7cec92353e89441e374c11f953f8edcf0ecdacdb3718a074e59acb4', '{"id":"00000000-0000-0000-0000-000000000002","revision":1,"created_at":"2026-11-28T23:34:24.609442Z","updated_at":"2026-11-28T23:34:24.609442Z","deleted_at":null,"created_by":null,"updated_by":null,"content_hash":"6e3ea012d7cec92353e89441e374c11f953f8edcf0ecdacdb3718a074e59acb4","labels":{}}', '{"name":"C++ tutor","nickname":"","kind":"character","handle":null,"description":"Teaches C++ and templates","appearance":"","personality":"","scenario":"","system_prompt":"","post_history_instructions":"","first_mes":"","mes_example":"","alternate_greetings":[],"group_only_greetings":[],"creator_notes":"","creator_notes_multilingual":{},"tags":["Foo","Straße"],"creator":"","character_version":"","license":"","source":[],"content_rating":{"allowed":["sfw"],"default":"sfw"},"style_preferences":{},"character_book":{},"assets":[],"is_active":true,"extensions":{}}');
INSERT INTO persona_store.personas VALUES ('00000000-0000-0000-0000-000000000004', 1, '.NET helper', 'character', NULL, true, 1795908864618383, 1795908864618383, NULL, NULL, NULL, '\x5c11e7e3ab89d72297a69595d209117caecf378917ad288bf0e7d6f28646d4c6', '{"id":"00000000-0000-0000-0000-000000000004","revision":1,"created_at":"2026-11-28T23:34:24.618383Z","updated_at":"2026-11-28T23:34:24.618383Z","deleted_at":null,"created_by":null,"updated_by":null,"content_hash":"5c11e7e3ab89d72297a69595d209117caecf378917ad288bf0e7d6f28646d4c6","labels":{}}', '{"name":".NET helper","nickname":"","kind":"character","handle":null,"description":"node.js, C# and F#","appearance":"","personality":"","scenario":"","system_prompt":"","post_history_instructions":"","first_mes":"","mes_example":"","alternate_greetings":[],"group_only_greetings":[],"creator_notes":"","creator_notes_multilingual":{},"tags":[],"creator":"","character_version":"","license":"","source":[],"content_rating":{"allowed":["sfw"],"default":"sfw"},"style_preferences":{},"character_book":{},"assets":[],"is_active":true,"extensions":{}}');
INSERT INTO persona_store.personas VALUES ('00000000-0000-0000-0000-000000000005', 2, 'Wegweiser', 'character', NULL, true, 1795908864613867, 1795908864792243, NULL, NULL, NULL, '\x6268912b7a33462a39a477faf06e7741f76c82a9ffde16d268c1e993947f6114', '{"id":"00000000-0000-0000-0000-000000000005","revision":2,"created_at":"2026-11-28T23:34:24.613867Z","updated_at":"2026-11-28T23:34:24.792243Z","deleted_at":null,"created_by":null,"updated_by":null,"content_hash":"6268912b7a33462a39a477faf06e7741f76c82a9ffde16d268c1e993947f6114","labels":{}}', '{"name":"Wegweiser","nickname":"","kind":"character","handle":null,"description":"Die Straße nach Norden; Σίσυφος","appearance":"","personality":"","scenario":"","system_prompt":"","post_history_instructions":"","first_mes":"","mes_example":"","alternate_greetings":["ﬁne","中文 C++"],"group_only_greetings":[],"creator_notes":"","creator_notes_multilingual":{},"tags":[],"creator":"","character_version":"","license":"","source":[],"content_rating":{"allowed":["sfw"],"default":"sfw"},"style_preferences":{},"character_book":{},"assets":[],"is_active":true,"extensions":{}}');
INSERT INTO persona_store.personas VALUES ('00000000-0000-0000-0000-000000000001', 4, 'Big', 'character', NULL, true, 1795908864590972, 1795908864993626, NULL, NULL, NULL, '\x884f4fb6dbd8d7c30b208ad002622c75f5cbb31437fbaa79d3f3de3531acf9cf', '{"id":"00000000-0000-0000-0000-000000000001","revision":4,"created_at":"2026-11-28T23:34:24.590972Z","updated_at":"2026-11-28T23:34:24.993626Z","deleted_at":null,"created_by":null,"updated_by":null,"content_hash":"884f4fb6dbd8d7c30b208ad002622c75f5cbb31437fbaa79d3f3de3531acf9cf","labels":{}}', '{"name":"Big","nickname":"","kind":"character","handle":null,"description":"changed","appearance":"","personality":"","scenario":"","system_prompt":"","post_history_instructions":"","first_mes":"","mes_example":"","alternate_greetings":[],"group_only_greetings":[],"creator_notes":"","creator_notes_multilingual":{},"tags":["Number"],"creator":"","character_version":"","license":"","source":[],"content_rating":{"allowed":["sfw"],"default":"sfw"},"style_preferences":{},"character_book":{},"assets":[],"is_active":true,"extensions":{"m":-9007199254740993,"n":9007199254740993}}');
INSERT INTO persona_store.personas VALUES ('00000000-0000-0000-0000-000000000003', 3, 'C tutor', 'character', NULL, true, 1795908864617894, 1795908865189331, NULL, NULL, NULL, '\xe9af3ec77b5b98d978889713a1ef20c5a17c52e4975ab429eedbc6f5fb59076d', '{"id":"00000000-0000-0000-0000-000000000003","revision":3,"created_at":"2026-11-28T23:34:24.617894Z","updated_at":"2026-11-28T23:34:25.189331Z","deleted_at":null,"created_by":null,"updated_by":null,"content_hash":"e9af3ec77b5b98d978889713a1ef20c5a17c52e4975ab429eedbc6f5fb59076d","labels":{}}', '{"name":"C tutor","nickname":"","kind":"character","handle":null,"description":"Teaches C","appearance":"","personality":"","scenario":"","system_prompt":"","post_history_instructions":"","first_mes":"","mes_example":"","alternate_greetings":[],"group_only_greetings":[],"creator_notes":"","creator_notes_multilingual":{},"tags":["foo","FOO","ähre"],"creator":"","character_version":"","license":"","source":[],"content_rating":{"allowed":["sfw"],"default":"sfw"},"style_preferences":{},"character_book":{},"assets":[],"is_active":true,"extensions":{}}');
INSERT INTO persona_store.revisions VALUES ('00000000-0000-0000-0000-000000000001', 1, NULL, NULL, 1795908864590972, NULL, NULL, '["name","nickname","kind","handle","description","appearance","personality","scenario","system_prompt","post_history_instructions","first_mes","mes_example","alternate_greetings","group_only_greetings","creator_notes","creator_notes_multilingual","tags","creator","character_version","license","source","content_rating","style_preferences","character_book","assets","is_active","extensions"]', false, '{"id":"00000000-0000-0000-0000-000000000001","revision":1,"created_at":"2026-11-28T23:34:24.590972Z","updated_at":"2026-11-28T23:34:24.590972Z","deleted_at":null,"created_by":null,"updated_by":null,"content_hash":"84a460695a9639f3fb4b006f3b16c07c977b75a7f435290e4744820e8eff48f2","labels":{}}', '{"name":"Big","nickname":"","kind":"character","handle":null,"description":"","appearance":"","personality":"","scenario":"","system_prompt":"","post_history_instructions":"","first_mes":"","mes_example":"","alternate_greetings":[],"group_only_greetings":[],"creator_notes":"","creator_notes_multilingual":{},"tags":["Number"],"creator":"","character_version":"","license":"","source":[],"content_rating":{"allowed":["sfw"],"default":"sfw"},"style_preferences":{},"character_book":{},"assets":[],"is_active":true,"extensions":{"m":-9007199254740993,"n":9007199254740993}}', '07c4700f-4e73-4761-a80d-82d4bb63c4c3');
INSERT INTO persona_store.revisions VALUES ('00000000-0000-0000-0000-000000000002', 1, NULL, NULL, 1795908864609442, NULL, NULL, '["name","nickname","kind","handle","description","appearance","personality","scenario","system_prompt","post_history_instructions","first_mes","mes_example","alternate_greetings","group_only_greetings","creator_notes","creator_notes_multilingual","tags","creator","character_version","license","source","content_rating","style_preferences","character_book","assets","is_active","extensions"]', false, '{"id":"00000000-0000-0000-0000-000000000002","revision":1,"created_at":"2026-11-28T23:34:24.609442Z","updated_at":"2026-11-28T23:34:24.609442Z","deleted_at":null,"created_by":null,"updated_by":null,"content_hash":"6e3ea012d7cec92353e89441e374c11f953f8edcf0ecdacdb3718a074e59acb4","labels":{}}', '{"name":"C++ tutor","nickname":"","kind":"character","handle":null,"description":"Teaches C++ and templates","appearance":"","personality":"","scenario":"","system_prompt":"","post_history_instructions":"","first_mes":"","mes_example":"","alternate_greetings":[],"group_only_greetings":[],"creator_notes":"","creator_notes_multilingual":{},"tags":["Foo","Straße"],"creator":"","character_version":"","license":"","source":[],"content_rating":{"allowed":["sfw"],"default":"sfw"},"style_preferences":{},"character_book":{},"assets":[],"is_active":true,"extensions":{}}', 'f10f9488-73ab-4e98-bdff-4edd0d55edcb');
INSERT INTO persona_store.revisions VALUES ('00000000-0000-0000-0000-000000000005', 1, NULL, NULL, 1795908864613867, NULL, NULL, '["name","nickname","kind","handle","description","appearance","personality","scenario","system_prompt","post_history_instructions","first_mes","mes_example","alternate_greetings","group_only_greetings","creator_notes","creator_notes_multilingual","tags","creator","character_version","license","source","content_rating","style_preferences","character_book","assets","is_active","extensions"]', false, '{"id":"00000000-0000-0000-0000-000000000005","revision":1,"created_at":"2026-11-28T23:34:24.613867Z","updated_at":"2026-11-28T23:34:24.613867Z","deleted_at":null,"created_by":null,"updated_by":null,"content_hash":"9bf24996ca13290705f79d6875a0359c65384e74e725986ec61fbe40e13427e6","labels":{}}', '{"name":"Wegweiser","nickname":"","kind":"character","handle":null,"description":"Die Straße nach Süden; Σίσυφος","appearance":"","personality":"","scenario":"","system_prompt":"","post_history_instructions":"","first_mes":"","mes_example":"","alternate_greetings":["ﬁne","中文 C++"],"group_only_greetings":[],"creator_notes":"","creator_notes_multilingual":{},"tags":[],"creator":"","character_version":"","license":"","source":[],"content_rating":{"allowed":["sfw"],"default":"sfw"},"style_preferences":{},"character_book":{},"assets":[],"is_active":true,"extensions":{}}', 'fa972491-8012-4ced-be35-452317fa8ea5');
INSERT INTO persona_store.revisions VALUES ('00000000-0000-0000-0000-000000000004', 1, NULL, NULL, 1795908864618383, NULL, NULL, '["name","nickname","kind","handle","description","appearance","personality","scenario","system_prompt","post_history_instructions","first_mes","mes_example","alternate_greetings","group_only_greetings","creator_notes","creator_notes_multilingual","tags","creator","character_version","license","source","content_rating","style_preferences","character_book","assets","is_active","extensions"]', false, '{"id":"00000000-0000-0000-0000-000000000004","revision":1,"created_at":"2026-11-28T23:34:24.618383Z","updated_at":"2026-11-28T23:34:24.618383Z","deleted_at":null,"created_by":null,"updated_by":null,"content_hash":"5c11e7e3ab89d72297a69595d209117caecf378917ad288bf0e7d6f28646d4c6","labels":{}}', '{"name":".NET helper","nickname":"","kind":"character","handle":null,"description":"node.js, C# and F#","appearance":"","personality":"","scenario":"","system_prompt":"","post_history_instructions":"","first_mes":"","mes_example":"","alternate_greetings":[],"group_only_greetings":[],"creator_notes":"","creator_notes_multilingual":{},"tags":[],"creator":"","character_version":"","license":"","source":[],"content_rating":{"allowed":["sfw"],"default":"sfw"},"style_preferences":{},"character_book":{},"assets":[],"is_active":true,"extensions":{}}', '3f742ffa-4b0a-4087-b8aa-0916a74c5958');
INSERT INTO persona_store.revisions VALUES ('00000000-0000-0000-0000-000000000003', 1, NULL, NULL, 1795908864617894, NULL, NULL, '["name","nickname","kind","handle","description","appearance","personality","scenario","system_prompt","post_history_instructions","first_mes","mes_example","alternate_greetings","group_only_greetings","creator_notes","creator_notes_multilingual","tags","creator","character_version","license","source","content_rating","style_preferences","character_book","assets","is_active","extensions"]', false, '{"id":"00000000-0000-0000-0000-000000000003","revision":1,"created_at":"2026-11-28T23:34:24.617894Z","updated_at":"2026-11-28T23:34:24.617894Z","deleted_at":null,"created_by":null,"updated_by":null,"content_hash":"e9af3ec77b5b98d978889713a1ef20c5a17c52e4975ab429eedbc6f5fb59076d","labels":{}}', '{"name":"C tutor","nickname":"","kind":"character","handle":null,"description":"Teaches C","appearance":"","personality":"","scenario":"","system_prompt":"","post_history_instructions":"","first_mes":"","mes_example":"","alternate_greetings":[],"group_only_greetings":[],"creator_notes":"","creator_notes_multilingual":{},"tags":["foo","FOO","ähre"],"creator":"","character_version":"","license":"","source":[],"content_rating":{"allowed":["sfw"],"default":"sfw"},"style_preferences":{},"character_book":{},"assets":[],"is_active":true,"extensions":{}}', '513c9d7c-5f9d-4c49-b3c2-be769ce651dd');
INSERT INTO persona_store.revisions VALUES ('00000000-0000-0000-0000-000000000001', 2, 1, NULL, 1795908864705435, NULL, NULL, '["description"]', false, '{"id":"00000000-0000-0000-0000-000000000001","revision":2,"created_at":"2026-11-28T23:34:24.590972Z","updated_at":"2026-11-28T23:34:24.705435Z","deleted_at":null,"created_by":null,"updated_by":null,"content_hash":"884f4fb6dbd8d7c30b208ad002622c75f5cbb31437fbaa79d3f3de3531acf9cf","labels":{}}', '{"name":"Big","nickname":"","kind":"character","handle":null,"description":"changed","appearance":"","personality":"","scenario":"","system_prompt":"","post_history_instructions":"","first_mes":"","mes_example":"","alternate_greetings":[],"group_only_greetings":[],"creator_notes":"","creator_notes_multilingual":{},"tags":["Number"],"creator":"","character_version":"","license":"","source":[],"content_rating":{"allowed":["sfw"],"default":"sfw"},"style_preferences":{},"character_book":{},"assets":[],"is_active":true,"extensions":{"m":-9007199254740993,"n":9007199254740993}}', 'ed76d1dd-38b1-4e60-8216-3c66738f1d8b');
INSERT INTO persona_store.revisions VALUES ('00000000-0000-0000-0000-000000000005', 2, 1, NULL, 1795908864792243, NULL, NULL, '["description"]', false, '{"id":"00000000-0000-0000-0000-000000000005","revision":2,"created_at":"2026-11-28T23:34:24.613867Z","updated_at":"2026-11-28T23:34:24.792243Z","deleted_at":null,"created_by":null,"updated_by":null,"content_hash":"6268912b7a33462a39a477faf06e7741f76c82a9ffde16d268c1e993947f6114","labels":{}}', '{"name":"Wegweiser","nickname":"","kind":"character","handle":null,"description":"Die Straße nach Norden; Σίσυφος","appearance":"","personality":"","scenario":"","system_prompt":"","post_history_instructions":"","first_mes":"","mes_example":"","alternate_greetings":["ﬁne","中文 C++"],"group_only_greetings":[],"creator_notes":"","creator_notes_multilingual":{},"tags":[],"creator":"","character_version":"","license":"","source":[],"content_rating":{"allowed":["sfw"],"default":"sfw"},"style_preferences":{},"character_book":{},"assets":[],"is_active":true,"extensions":{}}', '59dd1b39-9103-4678-a63c-040f6a1542d5');
INSERT INTO persona_store.revisions VALUES ('00000000-0000-0000-0000-000000000001', 3, 2, NULL, 1795908864890566, NULL, NULL, '[]', true, '{"id":"00000000-0000-0000-0000-000000000001","revision":3,"created_at":"2026-11-28T23:34:24.590972Z","updated_at":"2026-11-28T23:34:24.890566Z","deleted_at":"2026-11-28T23:34:24.890566Z","created_by":null,"updated_by":null,"content_hash":"884f4fb6dbd8d7c30b208ad002622c75f5cbb31437fbaa79d3f3de3531acf9cf","labels":{}}', '{"name":"Big","nickname":"","kind":"character","handle":null,"description":"changed","appearance":"","personality":"","scenario":"","system_prompt":"","post_history_instructions":"","first_mes":"","mes_example":"","alternate_greetings":[],"group_only_greetings":[],"creator_notes":"","creator_notes_multilingual":{},"tags":["Number"],"creator":"","character_version":"","license":"","source":[],"content_rating":{"allowed":["sfw"],"default":"sfw"},"style_preferences":{},"character_book":{},"assets":[],"is_active":true,"extensions":{"m":-9007199254740993,"n":9007199254740993}}', 'f1cc467f-0f1e-415a-8d83-7f6fed82dcd3');
INSERT INTO persona_store.revisions VALUES ('00000000-0000-0000-0000-000000000001', 4, 3, NULL, 1795908864993626, NULL, NULL, '[]', false, '{"id":"00000000-0000-0000-0000-000000000001","revision":4,"created_at":"2026-11-28T23:34:24.590972Z","updated_at":"2026-11-28T23:34:24.993626Z","deleted_at":null,"created_by":null,"updated_by":null,"content_hash":"884f4fb6dbd8d7c30b208ad002622c75f5cbb31437fbaa79d3f3de3531acf9cf","labels":{}}', '{"name":"Big","nickname":"","kind":"character","handle":null,"description":"changed","appearance":"","personality":"","scenario":"","system_prompt":"","post_history_instructions":"","first_mes":"","mes_example":"","alternate_greetings":[],"group_only_greetings":[],"creator_notes":"","creator_notes_multilingual":{},"tags":["Number"],"creator":"","character_version":"","license":"","source":[],"content_rating":{"allowed":["sfw"],"default":"sfw"},"style_preferences":{},"character_book":{},"assets":[],"is_active":true,"extensions":{"m":-9007199254740993,"n":9007199254740993}}', '62871e9f-c95f-4444-ab6d-cb2360f62322');
INSERT INTO persona_store.revisions VALUES ('00000000-0000-0000-0000-000000000003', 2, 1, NULL, 1795908865108275, NULL, NULL, '[]', true, '{"id":"00000000-0000-0000-0000-000000000003","revision":2,"created_at":"2026-11-28T23:34:24.617894Z","updated_at":"2026-11-28T23:34:25.108275Z","deleted_at":"2026-11-28T23:34:25.108275Z","created_by":null,"updated_by":null,"content_hash":"e9af3ec77b5b98d978889713a1ef20c5a17c52e4975ab429eedbc6f5fb59076d","labels":{}}', '{"name":"C tutor","nickname":"","kind":"character","handle":null,"description":"Teaches C","appearance":"","personality":"","scenario":"","system_prompt":"","post_history_instructions":"","first_mes":"","mes_example":"","alternate_greetings":[],"group_only_greetings":[],"creator_notes":"","creator_notes_multilingual":{},"tags":["foo","FOO","ähre"],"creator":"","character_version":"","license":"","source":[],"content_rating":{"allowed":["sfw"],"default":"sfw"},"style_preferences":{},"character_book":{},"assets":[],"is_active":true,"extensions":{}}', 'b11003cb-4265-4cd9-9119-b092c902db1d');
INSERT INTO persona_store.revisions VALUES ('00000000-0000-0000-0000-000000000003', 3, 2, NULL, 1795908865189331, NULL, NULL, '[]', false, '{"id":"00000000-0000-0000-0000-000000000003","revision":3,"created_at":"2026-11-28T23:34:24.617894Z","updated_at":"2026-11-28T23:34:25.189331Z","deleted_at":null,"created_by":null,"updated_by":null,"content_hash":"e9af3ec77b5b98d978889713a1ef20c5a17c52e4975ab429eedbc6f5fb59076d","labels":{}}', '{"name":"C tutor","nickname":"","kind":"character","handle":null,"description":"Teaches C","appearance":"","personality":"","scenario":"","system_prompt":"","post_history_instructions":"","first_mes":"","mes_example":"","alternate_greetings":[],"group_only_greetings":[],"creator_notes":"","creator_notes_multilingual":{},"tags":["foo","FOO","ähre"],"creator":"","character_version":"","license":"","source":[],"content_rating":{"allowed":["sfw"],"default":"sfw"},"style_preferences":{},"character_book":{},"assets":[],"is_active":true,"extensions":{}}', '20e4ee64-49a4-45bb-8acc-0f53fe9f5fdc');
ALTER TABLE ONLY persona_store.about
    ADD CONSTRAINT about_key PRIMARY KEY (only_row);
ALTER TABLE ONLY persona_store.changes
    ADD CONSTRAINT changes_key PRIMARY KEY (sequence);
ALTER TABLE ONLY persona_store.idempotency
    ADD CONSTRAINT idempotency_key PRIMARY KEY (key);
ALTER TABLE ONLY persona_store.meta
    ADD CONSTRAINT meta_key PRIMARY KEY (key);
ALTER TABLE ONLY persona_store.persona_search
    ADD CONSTRAINT persona_search_key PRIMARY KEY (persona);
ALTER TABLE ONLY persona_store.persona_tags
    ADD CONSTRAINT persona_tags_key PRIMARY KEY (tag, persona);
ALTER TABLE ONLY persona_store.personas
    ADD CONSTRAINT personas_key PRIMARY KEY (id);
ALTER TABLE ONLY persona_store.revisions
    ADD CONSTRAINT revisions_key PRIMARY KEY (persona, revision);
CREATE INDEX idempotency_by_at ON persona_store.idempotency USING btree (at);
CREATE INDEX persona_search_by_word ON persona_store.persona_search USING gin (words);
CREATE INDEX persona_search_without_words ON persona_store.persona_search USING btree (persona) WHERE (words IS NULL);
CREATE INDEX persona_tags_by_persona ON persona_store.persona_tags USING btree (persona);
CREATE INDEX personas_by_created_at ON persona_store.personas USING btree (created_at, id);
CREATE UNIQUE INDEX personas_by_handle ON persona_store.personas USING btree (handle) WHERE ((handle IS NOT NULL) AND (deleted_at IS NULL));
CREATE INDEX personas_by_name ON persona_store.personas USING btree (name, id);
CREATE INDEX personas_by_updated_at ON persona_store.personas USING btree (updated_at, id);
CREATE INDEX personas_deleted ON persona_store.personas USING btree (deleted_at) WHERE (deleted_at IS NOT NULL);

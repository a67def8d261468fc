// Uses the types that openapi-typescript made of the document, with its companion openapi-fetch.
//
// Argument: the address of a server. What a patch does not name must be the same before and after.

import assert from "node:assert/strict";
import createClient from "openapi-fetch";
import type { components, paths } from "./schema.js";

type Persona = components["schemas"]["Persona"];
type Answer = Persona | components["schemas"]["KeptPersona"];

const CHANGES_EACH_TIME = ["revision", "updated_at", "content_hash"];

/** The persona of an answer: not the short form. */
function whole(answer: Answer | undefined): Persona {
  assert(answer !== undefined && "name" in answer);
  return answer;
}

function changed(before: Persona, after: Persona): string[] {
  const names = Object.keys(after) as (keyof Persona)[];
  const differs = (name: keyof Persona) => JSON.stringify(before[name]) !== JSON.stringify(after[name]);
  return names.filter((name) => differs(name) && !CHANGES_EACH_TIME.includes(name));
}

const address = process.argv[2];
assert(address !== undefined);
const client = createClient<paths>({ baseUrl: address });
const headers = { "Content-Type": "application/merge-patch+json" };

// One member is enough, and free-form objects hold anything.
const first = await client.POST("/api/v1/personas", { body: { name: "Grace" } });
assert.equal(first.response.status, 201, JSON.stringify(first.error));
const extensions = { any: { depth: [1, 2.5, null, { a: "b" }] } };
const made = await client.POST("/api/v1/personas", { body: { name: "Ada", tags: ["maths"], is_active: false, extensions, handle: null } });
const ada = whole(made.data);
assert.deepEqual(ada.extensions, extensions);

const params = { path: { id: ada.id } };
const patched = await client.PATCH("/api/v1/personas/{id}", { params, headers, body: { nickname: "the Countess" } });
assert.deepEqual(changed(ada, whole(patched.data)), ["nickname"]);
const operations = await client.PATCH("/api/v1/personas/{id}", {
  params,
  headers: { "Content-Type": "application/json-patch+json" },
  body: [{ op: "replace", path: "/description", value: "A mathematician." }],
});
assert.deepEqual(changed(whole(patched.data), whole(operations.data)), ["description"]);

const read = await client.GET("/api/v1/personas/{id}", { params });
const now = whole(read.data);
const tag = read.response.headers.get("etag");
assert(tag !== null);
const put = { params: { ...params, header: { "If-Match": tag } } };
const replaced = await client.PUT("/api/v1/personas/{id}", { ...put, body: { ...now, creator: "somebody" } });
assert.deepEqual(changed(now, whole(replaced.data)), ["creator"]);
const stale = await client.PUT("/api/v1/personas/{id}", { ...put, body: { name: "Ada" } });
assert.equal(stale.error?.code, "stale");

const list = await client.GET("/api/v1/personas", { params: { query: { tag: ["maths"], q: "Ada", limit: 10 } } });
assert.deepEqual(list.data?.items, [whole(replaced.data)]);
const parts = await client.GET("/api/v1/personas", { params: { query: { fields: ["name"], sort: "name" } } });
assert.deepEqual(parts.data?.items, [{ name: "Ada" }, { name: "Grace" }]);

const etag = replaced.response.headers.get("etag");
assert(etag !== null);
const deleted = await client.DELETE("/api/v1/personas/{id}", { params: { ...params, header: { "If-Match": etag } } });
assert.equal(deleted.response.status, 204);
const gone = await client.GET("/api/v1/personas/{id}", { params });
assert.equal(gone.error?.code, "deleted");
const restored = await client.POST("/api/v1/personas/{id}/undelete", { params });
assert.deepEqual(changed(whole(replaced.data), whole(restored.data)), []);

// Types that several modules use. The shapes of the API come from its OpenAPI document: the test
// of the types makes ../types/api.d.ts of it (studio/tests/README.md).

/** @typedef {import('../types/api').components['schemas']['Persona']} Persona */
/** @typedef {import('../types/api').components['schemas']['Status']} Status */
/** @typedef {import('../types/api').components['schemas']['Session']} Who */
/** @typedef {import('../types/api').components['schemas']['RevisionEntry']} Revision */
/** @typedef {import('../types/api').components['schemas']['ImportItem']} ImportItem */
/** @typedef {{ code: string, title?: string, status: number, detail?: string, hint?: string,
 *    errors?: { pointer?: string, code: string, message: string }[],
 *    conflicts?: Conflict[], request_id?: string, current_revision?: number, [more: string]: any }} Problem */
/** @typedef {{ pointer: string, base: any, theirs: any, yours: any }} Conflict */
/** What the gallery keeps of a persona.
 * @typedef {{ id: string, revision: number, name: string, nickname: string, kind: string, handle: string | null,
 *    tags: string[], is_active: boolean, updated_at: string, updated_by: string | null, deleted_at: string | null,
 *    excerpt: string }} Card */

export {};

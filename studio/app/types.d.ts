// Types that several modules use. The shapes of the API come from its OpenAPI document: the test
// of the types makes ../types/api.d.ts of it (studio/tests/README.md).

import type { components } from '../types/api';

type Schemas = components['schemas'];

export type Persona = Schemas['Persona'];
export type Status = Schemas['Status'];
export type Who = Schemas['Session'];
export type Revision = Schemas['RevisionEntry'];
export type Task = Schemas['Task'];
export type Token = Schemas['Token'];
export type Label = Schemas['LabelEntry'];
export type Count = Schemas['Count'];
export type ImportItem = Schemas['ImportItem'];

export interface Problem {
  code: string;
  title?: string;
  status: number;
  detail?: string;
  hint?: string;
  errors?: { pointer?: string; code: string; message: string }[];
  conflicts?: Conflict[];
  request_id?: string;
  current_revision?: number;
  [more: string]: any;
}

export interface Conflict {
  pointer: string;
  base: any;
  theirs: any;
  yours: any;
}

/** What the gallery keeps of a persona. */
export interface Card {
  id: string;
  revision: number;
  name: string;
  nickname: string;
  kind: string;
  handle: string | null;
  tags: string[];
  is_active: boolean;
  updated_at: string;
  updated_by: string | null;
  deleted_at: string | null;
  /** Of its avatar; empty where it follows from the name. */
  colour: string;
  /** Null where it was not read. */
  excerpt: string | null;
  /** The revision after a change that was just made. */
  now?: number;
  /** It is gone for good. */
  isPurged?: boolean;
}

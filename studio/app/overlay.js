// The dialog that is open, of those that can be opened from everywhere.

import { signal } from '../vendor/runtime.js';

/** @type {import('../vendor/runtime.js').Signal<'' | 'palette' | 'shortcuts' | 'create'>} */
export const overlay = signal('');

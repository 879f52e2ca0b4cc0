import * as http from '../../src/platform/http/index.ts';
import * as sessions from '../../src/platform/sessions/index.ts';
import type { Toolkit } from '../../src/toolkit.ts';
import * as fixture from '../fixtures/whole-app/features.mjs';

const platform = { ...http, ...sessions };

/** Features for tests of the whole app, in place of the examples: `createTestApp(env, WHOLE_APP)`. */
export const WHOLE_APP = fixture.wholeApp(platform);

/** `/api/session` for tests of sessions. */
export const testLogin = (toolkit: Toolkit) => fixture.login(toolkit, platform);

/** Who may log in to it. */
export const DEMO = { name: 'demo', password: 'a password for tests' };

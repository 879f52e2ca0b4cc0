/**
 * For tests that count every request: on a machine that runs the tests, the load and the app at once, a late event loop
 * says nothing about the app. What the app does when it is too busy has its own test (overload.test.ts).
 */
export const NO_SHEDDING = { MAX_LOOP_DELAY_MS: '0' };

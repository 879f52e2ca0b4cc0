/**
 * No request is refused because the event loop is late: on a machine that runs tests, clients and the app at once, that
 * says nothing about the app. What the app does when it is too busy has a test of its own (overload.test.ts).
 */
export const NO_SHEDDING = { MAX_LOOP_DELAY_MS: '0' };

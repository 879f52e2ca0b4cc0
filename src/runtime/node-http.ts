/**
 * node:http, without all that an import of it brings along: `import` reads every export of a built-in module, here
 * `WebSocket` too, and so loads the whole of fetch at each start. That is 10 ms and some 3 MB.
 */
export const { createServer, IncomingMessage, ServerResponse, STATUS_CODES } =
  process.getBuiltinModule('node:http');

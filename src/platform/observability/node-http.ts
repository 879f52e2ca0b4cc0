import type * as http from 'node:http';

/**
 * Node's HTTP module. An `import` of values from it evaluates all that it exports, Node's WebSocket client among that, which
 * loads undici: 6 % of a start on Node 24.
 */
export const { createServer, IncomingMessage, OutgoingMessage, ServerResponse, STATUS_CODES } =
  process.getBuiltinModule('node:http');

export type IncomingMessage = http.IncomingMessage;
export type Server = http.Server;
export type ServerResponse = http.ServerResponse;

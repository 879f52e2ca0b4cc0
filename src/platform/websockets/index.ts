export type { AcceptWebSocket } from './websockets.ts';

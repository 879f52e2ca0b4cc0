import { IncomingMessage, ServerResponse } from 'node:http';

/** A header as it is sent: its name, its value. */
export type Header = readonly [name: string, value: string];

/** Sets the headers it was made for on a response. */
export type HeaderSetter = (response: ServerResponse) => void;

/** What a response keeps its headers in: by their names in lower case, as the name and the value to send. */
type HeaderTable = Record<string, [name: string, value: string]>;
type TableSlot = Record<symbol, HeaderTable | null>;

/**
 * Prepares headers that many responses have in common, such as the security headers.
 *
 * `setHeader` looks at the characters of each name and value, for each response, and Node keeps them in an object that
 * V8 treats as a dictionary, which is slow to fill and slow to read when the headers are sent. A response that begins
 * with a table made by a constructor has none of this: 15 headers cost 1.2 µs in place of 3.6 (docs/performance.md).
 * From there on all is Node's own: headers can be read, changed, added and removed.
 *
 * The place is private to Node. Where it is not as this file knows it, and where a response has headers already,
 * `setHeader` does it.
 */
export function prepareHeaders(headers: readonly Header[]): HeaderSetter {
  const bySetHeader: HeaderSetter = (response) => {
    for (const [name, value] of headers) response.setHeader(name, value);
  };
  const slot = tableSlot();
  if (slot === undefined) return bySetHeader;
  const Table = tableOf(headers);
  const byTable: HeaderSetter = (response) => {
    const holder = response as unknown as TableSlot;
    if (holder[slot] === null) holder[slot] = new Table();
    else bySetHeader(response);
  };
  return doTheSame(byTable, bySetHeader) ? byTable : bySetHeader;
}

/** A table anew for each response: Node changes it, and the pairs in it. */
function tableOf(headers: readonly Header[]): new () => HeaderTable {
  const entries = headers.map(([name, value]) => [name.toLowerCase(), name, value] as const);
  class Table {
    [key: string]: [name: string, value: string];
    constructor() {
      for (const [key, name, value] of entries) this[key] = [name, value];
    }
  }
  // No header may seem to be there because all objects have something of its name.
  Object.setPrototypeOf(Table.prototype, null);
  Reflect.deleteProperty(Table.prototype, 'constructor');
  return Table;
}

function newResponse(): ServerResponse {
  return new ServerResponse(new IncomingMessage(undefined as never));
}

/** Where a response has its headers: a property of no name, null while there are none. */
function tableSlot(): symbol | undefined {
  const response = newResponse();
  const slot = Object.getOwnPropertySymbols(response).find(
    ({ description }) => description === 'kOutHeaders',
  );
  return slot !== undefined && (response as unknown as TableSlot)[slot] === null ? slot : undefined;
}

/** Whether Node reads the same from two responses, and would send the same. */
function doTheSame(...setters: HeaderSetter[]): boolean {
  const [one, other] = setters.map((set) => {
    const response = newResponse();
    set(response);
    const seen = [response.getHeaderNames(), response.getHeaders(), response.hasHeader('constructor')];
    response.sendDate = false;
    response.flushHeaders();
    return JSON.stringify([seen, (response as { _header?: string })._header]);
  });
  return one === other;
}

import { get } from 'node:http';
import { brotliDecompressSync, gunzipSync, inflateSync } from 'node:zlib';

const DECODERS = { br: brotliDecompressSync, gzip: gunzipSync, deflate: inflateSync };

/** An answer with its body as the client's program gets it. */
export async function ask(server, path, headers) {
  return new Promise((resolve, reject) => {
    get(`${server.url}${path}`, { headers, agent: false }, (response) => {
      const chunks = [];
      response.on('data', (chunk) => chunks.push(chunk));
      response.on('error', reject);
      response.on('end', () => {
        const raw = Buffer.concat(chunks);
        const decode = DECODERS[response.headers['content-encoding']] ?? ((bytes) => bytes);
        resolve({
          status: response.statusCode,
          headers: response.headers,
          type: response.headers['content-type'],
          body: decode(raw).toString(),
          wireBytes: raw.length,
        });
      });
    }).on('error', reject);
  });
}

/**
 * Refuses a row without what it is named after, where its answer does not show it: a layer that is not there would seem
 * to cost nothing.
 *
 * @param row.proof - what only its server answers so: the path, the status and, if one tells, a header.
 */
export function assertProven({ title, proof }, { status, headers }) {
  const isProven = status === proof.status && (!proof.header || proof.header in headers);
  if (!isProven) throw new Error(`${title}: ${proof.path} answers ${status}, as if it were not there`);
}

/** Refuses a row that would win by leaving something out. */
export function assertKeepsItsPromises(row, answer, answers) {
  const wrong = [];
  const expected = answers.get(row.same);
  if (answer.status !== 200) wrong.push(`status ${answer.status}`);
  if (expected && answer.body !== expected.body) wrong.push(`another body than "${row.same}"`);
  if (expected && answer.type !== (row.type ?? expected.type))
    wrong.push(`another type than "${row.same}": ${answer.type}`);
  for (const name of row.promises ?? []) if (!(name in answer.headers)) wrong.push(`no ${name} header`);
  for (const name of row.drops ?? []) if (name in answer.headers) wrong.push(`a ${name} header`);
  if (wrong.length > 0) throw new Error(`${row.title}: ${wrong.join(', ')}\n${answer.body.slice(0, 300)}`);
}

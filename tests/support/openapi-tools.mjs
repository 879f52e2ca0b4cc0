// In JavaScript, because the types of these packages need a package that they do not bring.
import redocly from '@redocly/openapi-core';
import openapiTS, { astToString } from 'openapi-typescript';

/** What `redocly lint` finds in a document, with its recommended rules. */
export async function lintOpenApi(document) {
  const config = await redocly.createConfig({ extends: ['recommended'] });
  return redocly.lintFromString({ source: JSON.stringify(document), config });
}

/** The TypeScript that `openapi-typescript` makes of a document. */
export async function typesOf(document) {
  return astToString(await openapiTS(JSON.stringify(document)));
}

// In JavaScript, because the types of the package need one that it does not bring.
import redocly from '@redocly/openapi-core';

/** What `redocly lint` finds in a document, with its recommended rules. */
export async function lintOpenApi(document) {
  const config = await redocly.createConfig({ extends: ['recommended'] });
  return redocly.lintFromString({ source: JSON.stringify(document), config });
}

// What can be removed from a clone: per part its files, its lines in files of others, its packages and scripts. `npm run init`
// and docs/remove-what-you-dont-need.md are made from this. How an edit is written: edits.mjs.

/** The template's own tests, which a clone does not need. */
export const TEMPLATE_ONLY = {
  name: 'template',
  delete: ['tests/template/', 'jest.template.config.mjs'],
  scripts: ['test:template'],
  edits: [],
};

/**
 * The parts, in the order in which init asks for them. `about` completes the sentence "Remove …"; `needs` names parts without which
 * this one does not work, so that it has to go with them.
 */
export const PARTS = [];

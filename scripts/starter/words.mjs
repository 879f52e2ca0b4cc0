// What the templates call by the made-up name "spare parts", under another name.

/** Plurals that no rule finds, and words that are their own plural. */
const IRREGULAR = {
  people: 'person',
  children: 'child',
  men: 'man',
  women: 'woman',
  movies: 'movie',
  cookies: 'cookie',
  caches: 'cache',
  heroes: 'hero',
  quizzes: 'quiz',
  analyses: 'analysis',
  news: 'news',
  series: 'series',
  equipment: 'equipment',
};

/** An ending of plurals, and what stands in its place in the singular; the first that fits. */
const SINGULARS = [
  [/(ss|us|is)$/, '$1'],
  [/ies$/, 'y'],
  [/(ss|sh|ch|x|zz)es$/, '$1'],
  [/(at|b|r|ir)uses$/, '$1us'],
  [/s$/, ''],
];

const PLURALS = [
  [/([^aeiou])y$/, '$1ies'],
  [/(s|sh|ch|x|z)$/, '$1es'],
  [/$/, 's'],
];

const ruled = (rules, word) => {
  const [ending, other] = rules.find(([pattern]) => pattern.test(word)) ?? [/$/, ''];
  return word.replace(ending, other);
};

/** The last word of a name in kebab-case is the noun: purchase-orders, purchase-order. */
const onLastWord = (name, change) => name.replace(/[^-]+$/, change);

export function singularOf(name) {
  return onLastWord(name, (word) => IRREGULAR[word] ?? ruled(SINGULARS, word));
}

export function pluralOf(name) {
  const irregular = Object.fromEntries(Object.entries(IRREGULAR).map(([many, one]) => [one, many]));
  return onLastWord(name, (word) => irregular[word] ?? ruled(PLURALS, word));
}

const capitalized = (text) => text[0].toUpperCase() + text.slice(1);

/** How code and prose write a name in kebab-case. */
export function formsOf(name) {
  const words = name.split('-');
  const pascal = words.map(capitalized).join('');
  const prose = words.join(' ');
  return {
    kebab: name,
    camel: pascal[0].toLowerCase() + pascal.slice(1),
    pascal,
    snake: words.join('_'),
    constant: words.join('_').toUpperCase(),
    prose,
    sentence: capitalized(prose),
  };
}

/** Writes a template's text for another name. */
export function renamed(text, { one, many }) {
  const vowel = /^[aeio]|^u(?!s|ni)/.test(one);
  const forms = [...pairs('spare-parts', many), ...pairs('spare-part', one)];
  const names = new RegExp(forms.map(([from]) => from).join('|'), 'g');
  return text
    .replace(/\b([Aa]) (?=spare.?part)/gi, vowel ? '$1n ' : '$1 ')
    .replace(names, (found) => new Map(forms).get(found));
}

function pairs(from, to) {
  const forms = formsOf(to);
  return Object.entries(formsOf(from)).map(([form, text]) => [text, forms[form]]);
}

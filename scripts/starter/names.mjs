// The names of an installation: what the template calls them, where they stand, and which ones are possible.

/** What the template has in place of a name and a domain of your own. */
const TEMPLATE = { name: 'app', domain: 'example.com' };

/** Users of a Linux host or its packages: the service gets a user of its own. */
const TAKEN = new Set(
  (
    'root daemon bin sys sync games man mail news proxy backup list irc nobody adm sudo shadow staff users systemd redis nginx ' +
    'haproxy varnish prometheus postgres docker node npm node-modules favicon http https fs path test'
  ).split(' '),
);

/** Why a name is not possible; undefined for a good one. npm, systemd, useradd, Docker, Kubernetes, Redis and cookies agree on these. */
export function nameProblem(name) {
  if (!/^[a-z][a-z\d]*(?:-[a-z\d]+)*$/.test(name)) {
    return `"${name}" is no name: small letters, digits and single "-" between them, a letter first (package, user, unit, image and key have it)`;
  }
  if (name.length > 30) return `"${name}" is too long: 30 characters at most, because a user of Linux has it`;
  return TAKEN.has(name)
    ? `"${name}" is the name of something else on many hosts; choose another`
    : undefined;
}

/** Why a domain is not possible; undefined for a good one. */
export function domainProblem(domain) {
  const label = String.raw`[a-z\d](?:[a-z\d-]{0,61}[a-z\d])?`;
  const isGood = domain.length <= 253 && new RegExp(`^(?:${label}\\.)+[a-z][a-z\\d-]*[a-z\\d]$`).test(domain);
  return isGood
    ? undefined
    : `"${domain}" is no domain: give it as in shop.example, without https:// and a port`;
}

/** The documents, what is deployed, and the tests of both; the platform and your features carry no name. */
const INSTALLED =
  /^(?:deploy|docs|data|\.ci|tests\/(?:deploy|lab|project|support\/(?:deploy|docs)))\/|^(?:README.*\.md|\.env\.example|Dockerfile|docker-compose\.yml|ecosystem\.config\.js)$/;
const KUBERNETES = /^deploy\/kubernetes\/|^tests\/(?:deploy|support\/deploy)\/kubernetes/;
const PROMETHEUS = /^deploy\/prometheus\/|^docs\/|^tests\/deploy\/prometheus|^deploy\/kubernetes\/README/;
const PROCESSES =
  /^tests\/(?:deploy|support\/deploy)\/(?:systemd|pm2|forever|upstart)|^tests\/deploy\/prometheus/;

/**
 * Where the name "app" stands: in files like `in`, wherever `find` fits. "The app" in prose is no name, nor is what is a role
 * within one configuration: the Compose service, nginx' upstream and its folder app/, HAProxy's backend, Redis' user.
 */
const RULES = [
  // package.json's name, and what is made from it: the image, the release, the cookie, the socket, the keys.
  { in: /^package(?:-lock)?\.json$/, find: /(?<=^ {2,6}"name": ")app(?=",$)/gm },
  { in: /^Dockerfile$/, find: /(?<=image\.title=")app(?=")/g },
  { in: /^tests\/deploy\/(?:docker|release)/, find: /(?<=(?:title'|name): ')app(?=')/g },
  { in: INSTALLED, find: /\bapp(?=-\d+\.\d+\.\d+\.tgz|-test\b|\.sid\b|-PORT\.sock)/g },
  { in: INSTALLED, find: /(?<=build (?:--tag|-t) |docker-image )app(?![\w-])|(?<=base64 48\)" )app$/gm },
  { in: INSTALLED, find: /(?<=\.example\.com\/)app(?![\w-])/g },
  { in: INSTALLED, find: /(?<!\/\/|user |the |^ {2})\bapp(?=:(?:check|compan|session|x\b|[}`]|$))/gm },
  { in: INSTALLED, find: /(?<=\.example\.com\/)app(?=-nginx\b)/g },
  // Docker Swarm: the stack, and its services.
  {
    in: /^deploy\/swarm\//,
    find: /\bapp(?=_(?:app|nginx|redis)\b)|(?<=docker stack (?:rm|ps|services) )app\b/g,
  },
  // Folders, files and units.
  {
    in: INSTALLED,
    find: /(?<=\/(?:run|etc)\/app\/|\bnot in `|upstart\/|init\/|')app(?=\.(?:pid|env|log)\b)/g,
  },
  { in: INSTALLED, find: /(?<=\\?\/(?:srv|etc|run|var\/lib|etc\/ssl|run\/secrets)\\?\/)app(?![\w-])/g },
  { in: INSTALLED, find: /\bapp(?=\.(?:service|socket)\b|-pm2\b)/g },
  { in: /upstart|^docs\//, find: /(?<=init\/|upstart\/|['`])app(?=\.conf\b)/g },
  { in: /^deploy\/upstart\//, find: /\bapp(?=\.conf\b)/g },
  // The one variable of a shell file, PM2's file, Forever's and Ansible's.
  { in: /^deploy\/.*\.sh$/, find: /(?<=^name=)app$/gm },
  { in: /^deploy\/ansible\/group_vars\//, find: /(?<=^service: )app$/gm },
  { in: /^ecosystem\.config\.js$/, find: /(?<=^const name = ')app(?=')/gm },
  { in: /^deploy\/forever\/app\.json$/, find: /(?<="uid": ")app(?=")/g },
  { in: /^deploy\/upstart\//, find: /(?<=^(?:setuid |setgid |description "))app\b/gm },
  { in: /^deploy\/systemd\//, find: /(?<==)app(?=$|:)/gm },
  // Commands, users and tables of the documents.
  {
    in: /^(?:deploy|docs|tests\/(?:deploy|lab))\/|^ecosystem/,
    find: /(?<=\b(?:systemctl(?: -?[\w-]+)+|pm2 \w+|slc ctl [\w-]+|reload|restart|start|stop|started|status|security|edit|reset-failed|journalctl -u|forever stop) )app(?![\w.:-])/g,
  },
  {
    in: /^(?:deploy\/.*\.md|docs\/.*)$/,
    find: /(?<=\broot:|\buser |\bgroup |-[ugo] |prints `)app(?![\w:-]|\.\w)/g,
  },
  { in: /^docs\/releases/, find: /(?<=\| |, |user `)app(?=, |`)/g },
  { in: /^deploy\/README/, find: /(?<=^\| `)app(?=`)/gm },
  { in: /^deploy\/strongloop-pm\//, find: /(?<=units ')app(?=\*)/g },
  { in: PROCESSES, find: /(?<=['"`:/^]|\bapp:|, ')app(?=['"`: ]|-out\b|-error\b)/g },
  // Kubernetes: the names of all objects, and the namespace.
  {
    in: KUBERNETES,
    find: /(?<![\w./-]|\b(?:[Tt]he|[Aa]n|[Yy]our|your own) )app(?=-(?:config|secrets|settings|metrics|trial|tls|to-redis)\b|$|[ ,\]})"'`:;](?!s\b|is\b))/gm,
  },
  { in: KUBERNETES, find: /(?<=(?:deployment|service|name=|"name":"|metrics\.)[/"]?)app(?![\w/-])/g },
  { in: KUBERNETES, find: /(?<=ConfigMap\/)app(?=-)/g },
  // Prometheus: the label "job".
  {
    in: PROMETHEUS,
    find: /(?<=job(?:_name)?(?:: |=\\?"|=|: ')|called `|"express-|"tags": \["|"|names: \[|metrics\.)app(?![\w:/])/g,
  },
];

/** Text of the template that has a form of its own in a clone. */
const TEXTS = [
  {
    in: /^README.*\.md$/,
    find: /^# Express production starter$|^# Express .*$/m,
    to: ({ name }) => `# ${name}`,
  },
  {
    in: /^README\.md$/,
    find: /^A starter template for Express 5[^]*?(?=^```mermaid$)/m,
    to: ({ name }) => `${name} is a service on Express 5. Say here what it does and for whom.\n\n`,
  },
  {
    in: /^README\.zh-TW\.md$/,
    find: /^這是用 TypeScript 撰寫的 Express 5[^]*?(?=^```mermaid$)/m,
    to: ({ name }) => `${name} 是 Express 5 的服務。請在這裡說明它的用途與對象。\n\n`,
  },
  {
    in: /^package\.json$/,
    find: /(?<="description": ")A production-ready Express 5 starter template[^"]*/,
    to: ({ name }) => `${name}: a service on Express 5.`,
  },
];

/** Puts the names of a clone into a text of the template: into this file's, or into a part of it. */
export function rename(text, file, { name = TEMPLATE.name, domain = TEMPLATE.domain }) {
  let result = text;
  const hasName = name !== TEMPLATE.name;
  for (const { in: files, find, to } of hasName ? TEXTS : []) {
    if (files.test(file)) result = result.replace(find, to({ name }));
  }
  for (const { in: files, find } of hasName ? RULES : []) {
    if (files.test(file)) {
      result = result.replace(find, (found, at, whole) => (isPartOf(name, whole, at) ? found : name));
    }
  }
  if (domain === TEMPLATE.domain || !INSTALLED.test(file)) return result;
  const escaped = domain.replaceAll('.', '\\.');
  return result.replaceAll(/\bexample\.com\b/g, domain).replaceAll(/\bexample\\\.com\b/g, escaped);
}

/** Whether an "app" belongs to the name that was put there before: of "my-app", for example. */
function isPartOf(name, text, at) {
  const places = [...name.matchAll(/app/g)].map(({ index }) => at - index);
  return places.some((place) => place >= 0 && text.startsWith(name, place));
}

/** Where a file of the template is in a clone. */
export function renamePath(file, { name = TEMPLATE.name }) {
  return file.replace(/(?<=^deploy\/(?:systemd|upstart)\/)app(?=[.-])/, (found, at) =>
    isPartOf(name, file, at) ? found : name,
  );
}

import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { Refusal } from './refusal.mjs';

const exec = promisify(execFile);
const at = (name) => fileURLToPath(new URL(`../${name}`, import.meta.url));

/** Installs the packages of bench/package-lock.json, unless they are there. @throws {Refusal} when npm cannot. */
export async function installPeers() {
  const { packages } = JSON.parse(await readFile(at('package-lock.json'), 'utf8'));
  const names = Object.keys(packages[''].dependencies);
  const states = await Promise.all(names.map((name) => isInstalled(name, packages)));
  if (states.every(Boolean)) return;
  try {
    console.error('installing the other frameworks in bench/node_modules');
    await exec('npm', ['ci', '--no-audit', '--no-fund'], { cwd: at('.') });
  } catch (error) {
    throw new Refusal(`cannot install the other frameworks: ${error.stderr ?? error.message}`, {
      cause: error,
    });
  }
}

async function isInstalled(name, packages) {
  const key = `node_modules/${name}`;
  const text = await readFile(at(`${key}/package.json`), 'utf8').catch(() => '{}');
  return JSON.parse(text).version === packages[key].version;
}

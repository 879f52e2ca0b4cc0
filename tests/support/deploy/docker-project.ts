import { execFile } from 'node:child_process';
import { cp, mkdir, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { promisify } from 'node:util';
import { buildImage, docker } from './docker.ts';
import { repositoryPath, WorkFolder } from './render.ts';
import { useFixtures } from '../fixture-features.ts';

const run = promisify(execFile);

/** Stands for whatever must not get into an image. */
export const CANARY = 'canary-5f0c8e0f6a1d4a52';

/** The images' names in tests, which leave those of docker-compose.yml alone. */
export const IMAGES = {
  app: 'app-test',
  nginx: 'app-test-nginx',
};

/**
 * A copy of the project as a checkout would have it, with the features for tests, the secrets that a folder collects over
 * time, and settings for the containers.
 */
export async function projectCopy(): Promise<WorkFolder> {
  const folder = await WorkFolder.create('docker');
  const { stdout } = await run('git', ['ls-files', '-z', '--cached', '--others', '--exclude-standard'], {
    cwd: repositoryPath(),
    maxBuffer: 16 * 1024 * 1024,
  });
  for (const file of stdout.split('\0').filter(Boolean)) {
    await mkdir(dirname(folder.join(file)), { recursive: true });
    // A file may be listed and be deleted since.
    await cp(repositoryPath(file), folder.join(file)).catch(() => undefined);
  }
  for (const file of ['.env', 'src/.env.local', 'deploy/docker/tls/canary.pem', 'data/.env', 'id_rsa']) {
    await writeFile(folder.join(file), `SECRET=${CANARY}\n`);
  }
  await writeFile(folder.join('deploy/docker/app.env'), `# ${CANARY}\n`);
  await useFixtures(folder.join('src'), 'ts');
  return folder;
}

/** Makes both images; what has not changed comes from the engine's cache. */
export async function buildImages(folder: WorkFolder): Promise<void> {
  await buildImage(folder, 'app', IMAGES.app);
  await buildImage(folder, 'nginx', IMAGES.nginx);
}

/** A field of `docker inspect` for a container or an image, for example `State.ExitCode`. */
export async function inspect(name: string, field: string): Promise<unknown> {
  return JSON.parse(await docker(['inspect', '--format', `{{json .${field}}}`, name]));
}
